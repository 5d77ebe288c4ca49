"""A paper's tables as Markdown, LaTeX, csv and text for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from tabulate import tabulate

from benchmark.suite.tables.compared import Compared, Entry
from benchmark.suite.tables.markup import markdown, markdown_table, tex
from benchmark.suite.tables.words import BRIEF, RULES, fields, notes

CELLS = (
    "paper", "cell", "statistic", "published", "published_sd", "budget", "n_seeds", "n_failed",
    "measured", "measured_sd", "verdict",
)  # fmt: skip
PAPER = (
    "table", "row", "column", *CELLS, "remark", "published_n", "published_status", "epochs",
    "published_epochs", "difference", "difference_low", "difference_high", "diff_bp",
    "diff_bp_ci95", "p_holm", "row_hash",
)  # fmt: skip


def to_markdown(title: str, tables: Iterable[Compared]) -> str:
    """The page ``<paper>.md``."""
    parts = [
        f"# {markdown(title)}: measured beside published",
        "Generated from `results/records/` and `results/published/`; do not edit.",
        "\n".join(f"- {markdown(rule)}" for rule in RULES),
    ]
    for compared in tables:
        parts.append(f"## {markdown(compared.table.title)}")
        parts.append(markdown_table(*_layout(compared, markdown, " / ", "<br>")))
        for head, items in notes(compared):
            parts.append(f"{markdown(head)}:")
            parts.append("\n".join(f"- {markdown(item)}" for item in items))
    return "\n\n".join(parts) + "\n"


def to_terminal(tables: Iterable[Compared]) -> str:
    """The tables for a terminal: measured, published and verdict below each other in a cell."""
    parts = [BRIEF]
    for compared in tables:
        headers, rows = _layout(compared, str, "\n", "\n")
        grid = tabulate(rows, headers, tablefmt="simple_grid", disable_numparse=True)
        lists = [
            f"{head}:\n" + "\n".join(f"- {i}" for i in items) for head, items in notes(compared)
        ]
        parts.append("\n".join([compared.table.title, grid, *lists]))
    return "\n\n".join(parts)


def to_tex(title: str, tables: Iterable[Compared]) -> str:
    r"""``<paper>.tex``: one ``table`` each, to be read with ``\input`` (needs booktabs)."""
    head = " ".join(title.split())  # a comment ends with its line
    parts = [f"% {head}: measured beside published. Generated; needs \\usepackage{{booktabs}}."]
    for compared in tables:
        headers, rows = _layout(compared, tex, r"\\", r"\\")
        lines = [" & ".join([row[0], *map(_stack, row[1:])]) + r" \\" for row in rows]
        said = [f"{tex(head)}: {tex(' '.join(items))}" for head, items in notes(compared)]
        caption = tex(f"{title}, {compared.table.title}")
        parts += [
            r"\begin{table}", r"\centering", rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'c' * (len(headers) - 1)}}}", r"\toprule",
            " & ".join(headers) + r" \\", r"\midrule", "\n\\addlinespace\n".join(lines),
            r"\bottomrule", r"\end{tabular}", "",
            "\n\n".join([r"\footnotesize " + tex(BRIEF), *said]), r"\end{table}", "",
        ]  # fmt: skip
    return "\n".join([*parts, *map(tex, RULES), ""])


def to_csv(paper: str, tables: Iterable[Compared]) -> str:
    """``<paper>.csv``: a line for each printed number; intervals and differences in error rates."""
    lines = [_line(paper, t.table.id, entry) for t in tables for entry in t.entries()]
    return write_csv(PAPER, lines)


def cell_lines(paper: str, tables: Iterable[Compared]) -> list[dict[str, str]]:
    """A paper's lines of ``cells.csv``."""
    return [_line(paper, t.table.id, entry) for t in tables for entry in t.entries()]


def write_csv(columns: Sequence[str], lines: Iterable[dict[str, str]]) -> str:
    """These columns of the lines as csv."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _layout(
    compared: Compared, escape: Callable[[str], str], between: str, beside: str
) -> tuple[list[str], list[list[str]]]:
    """Headers and rows as printed; ``between`` the fields of a number, ``beside`` two numbers."""
    table = compared.table
    rows = []
    for spec, line in zip(table.rows, compared.grid, strict=True):
        cells = [beside.join(between.join(map(escape, fields(e))) for e in cell) for cell in line]
        rows.append([escape(spec.label), *cells])
    return [escape(header) for header in (table.corner, *table.columns)], rows


def _stack(cell: str) -> str:
    return rf"\shortstack{{{cell}}}" if cell else ""


def _line(paper: str, table: str, entry: Entry) -> dict[str, str]:
    comparison, pair = entry.comparison, entry.pair
    cell, measured, interval = comparison.published, comparison.measured, comparison.interval
    line = {
        "table": table,
        "row": entry.line,
        "column": entry.column,
        "paper": paper,
        "cell": cell.cell,
        "statistic": comparison.printed.statistic,
        "published": cell.value,
        "published_sd": cell.std,
        "published_n": cell.n_seeds,
        "published_status": cell.status,
        "published_epochs": cell.published_epochs,
        "budget": "" if comparison.budget is None else f"{comparison.budget:.4g}",
        "verdict": comparison.verdict,
        "remark": comparison.remark,
    }
    if measured:
        mean = measured.mean
        line |= {
            "epochs": str(measured.epochs),
            "n_seeds": str(measured.seeds),
            "n_failed": str(measured.failed),
            "measured": _decimal(None if mean is None else comparison.as_printed(mean)),
            "measured_sd": _decimal(measured.sd),
            "row_hash": measured.record["row_hash"],
        }
    if interval:
        line["difference"] = _decimal(interval.difference)
        line |= {"difference_low": _decimal(interval.low)}
        line |= {"difference_high": _decimal(interval.high)}
    if pair:
        line |= {"diff_bp": _decimal(pair.difference), "diff_bp_ci95": _decimal(pair.half_width)}
        line["p_holm"] = "" if entry.p_holm is None else f"{entry.p_holm:.4g}"
    return line


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
