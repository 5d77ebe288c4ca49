"""How many published cells are reproduced, per paper and in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.suite.tables.cells import VERDICTS
from benchmark.suite.tables.markup import markdown, markdown_table

ENOUGH = 3  # seeds
COUNTS = ("cells", *VERDICTS, "at budget")

INTRO = f"""\
Published cells by verdict; a paper's page says how they are reached. **at budget** counts the cells
measured at the published number of epochs or more with {ENOUGH} seeds or more, whatever the
verdict."""
MEASURED = "Papers of which nothing is measured yet count under **all** only."

Line = Mapping[str, str]


def to_markdown(titles: Mapping[str, str], lines: Sequence[Line]) -> str:
    """The page ``overview.md``.

    Args:
        titles: paper -> its title.
        lines: of ``cells.csv``, of all papers.
    """
    return f"# Published cells, by verdict\n\n{INTRO}\n\n{_table(titles, lines, '{}.md')}\n"


def to_readme(titles: Mapping[str, str], lines: Sequence[Line]) -> str:
    """The README's section: the papers of which something is measured, and all together."""
    measured = {line["paper"] for line in lines if line["verdict"] != "untested"}
    some = {paper: title for paper, title in titles.items() if paper in measured}
    return f"{INTRO}\n{MEASURED}\n\n{_table(some, lines, 'results/tables/{}.md')}"


def _table(titles: Mapping[str, str], lines: Sequence[Line], link: str) -> str:
    rows = []
    for paper, title in titles.items():
        own = [line for line in lines if line["paper"] == paper]
        rows.append([f"[{markdown(title)}]({link.format(paper)})", *_texts(own)])
    rows.append(["**all**", *_texts(lines)])
    return markdown_table(["paper", *COUNTS], rows)


def counts(lines: Sequence[Line]) -> dict[str, int]:
    """How many of these lines of ``cells.csv`` there are, by COUNTS."""
    verdicts = [line["verdict"] for line in lines]
    at_budget = sum(map(_at_budget, lines))
    return dict(zip(COUNTS, (len(lines), *map(verdicts.count, VERDICTS), at_budget), strict=True))


def _texts(lines: Sequence[Line]) -> list[str]:
    return [str(n) for n in counts(lines).values()]


def _at_budget(line: Line) -> bool:
    return float(line["budget"] or 0) >= 1 and int(line.get("n_seeds") or 0) >= ENOUGH
