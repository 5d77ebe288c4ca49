"""How many published cells are reproduced, per paper and in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.report.markup import markdown, markdown_table
from benchmark.suite.tables.cells import VERDICTS

ENOUGH = 3  # seeds

INTRO = f"""\
Numbers of published cells by verdict (the pages of the papers say how they are reached). **at
budget** counts the cells measured at the published number of epochs or more with {ENOUGH} seeds or
more, whatever the verdict."""

Line = Mapping[str, str]


def to_markdown(titles: Mapping[str, str], lines: Sequence[Line]) -> str:
    """The page ``overview.md``.

    Args:
        titles: paper -> its title.
        lines: of ``cells.csv``, of all papers.
    """
    return f"# Published cells, by verdict\n\n{counts(titles, lines, '{}.md')}\n"


def counts(titles: Mapping[str, str], lines: Sequence[Line], link: str) -> str:
    """The sentence and the table of the counts.

    Args:
        titles: paper -> its title.
        lines: of ``cells.csv``.
        link: where a paper's page lies, with ``{}`` for its key.
    """
    rows = []
    for paper, title in titles.items():
        own = [line for line in lines if line["paper"] == paper]
        rows.append([f"[{markdown(title)}]({link.format(paper)})", *_counts(own)])
    rows.append(["**all**", *_counts(lines)])
    return f"{INTRO}\n\n{markdown_table(['paper', 'cells', *VERDICTS, 'at budget'], rows)}"


def _counts(lines: Sequence[Line]) -> list[str]:
    verdicts = [line["verdict"] for line in lines]
    at_budget = sum(map(_at_budget, lines))
    return [str(n) for n in (len(lines), *map(verdicts.count, VERDICTS), at_budget)]


def _at_budget(line: Line) -> bool:
    return float(line["budget"] or 0) >= 1 and int(line.get("n_seeds") or 0) >= ENOUGH
