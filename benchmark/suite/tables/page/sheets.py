"""The papers' tables as they are printed, each number with its verdict and its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmark.suite.records.published import papers as titles_of_papers
from benchmark.suite.records.records import Record
from benchmark.suite.tables import manifest, overview, paper
from benchmark.suite.tables.cells import VERDICTS, rows_by_cell
from benchmark.suite.tables.compared import Compared, Entry, compared
from benchmark.suite.tables.page.runs import Row
from benchmark.suite.tables.page.shown import Cell, Column, Table
from benchmark.suite.tables.words import fields, notes

SIGNS = {
    "reproduced": "✓", "better": "▲", "worse": "▼", "failed": "✗", "short": "◔", "untested": "·",
}  # fmt: skip


class Number(NamedTuple):
    """One printed number: ours, theirs, and what that comes to."""

    measured: str
    published: str
    verdict: str
    mark: str
    sign: str
    href: str


class Sheet(NamedTuple):
    """One printed table; in each cell any number of numbers."""

    id: str
    title: str
    columns: tuple[str, ...]
    lines: list[tuple[str, list[list[Number]]]]
    notes: list[tuple[str, list[str]]]
    command: str


class Paper(NamedTuple):
    """A paper with its sheets, and how many of its cells have which verdict."""

    key: str
    title: str
    sheets: list[Sheet]
    counts: dict[str, int]

    @property
    def href(self) -> str:
        return f"papers/{self.key}.html"

    @property
    def measured(self) -> int:
        return self.counts["cells"] - self.counts["untested"]


def papers(
    records: Iterable[Record], rows: Mapping[str, Row], manifests: Path = manifest.TABLES
) -> list[Paper]:
    """All papers that have a manifest, those of which most is measured first.

    Raises:
        UserError: a manifest is faulty.
    """
    known = rows_by_cell(records)
    found = []
    for key in manifest.papers(manifests):
        tables = compared(manifest.read(key, manifests), known)
        counts = overview.counts(paper.cell_lines(key, tables))
        sheets = [_sheet(key, table, rows) for table in tables]
        found.append(Paper(key, titles_of_papers().get(key, key), sheets, counts))
    return sorted(found, key=lambda p: (not p.measured, p.title))


def summary(all_papers: Iterable[Paper]) -> Table:
    """Cells by verdict, a line for each paper."""
    columns = [Column("paper"), *(Column(name, number=True) for name in overview.COUNTS)]
    rows = []
    for one in all_papers:
        counts = [
            Cell(str(n) if n else "·", value=n, mark=name if n and name in VERDICTS else "")
            for name, n in one.counts.items()
        ]
        rows.append([Cell(one.title, one.href), *counts])
    return Table("papers", "Published cells by verdict", columns, rows)


def _sheet(key: str, compared: Compared, rows: Mapping[str, Row]) -> Sheet:
    table = compared.table
    lines = [
        (spec.label, [[_number(entry, rows) for entry in cell] for cell in line])
        for spec, line in zip(table.rows, compared.grid, strict=True)
    ]
    columns = (table.corner, *table.columns)
    command = f"make table PAPER={key} ONLY={table.id}"
    return Sheet(table.id, table.title, columns, lines, notes(compared), command)


def _number(entry: Entry, rows: Mapping[str, Row]) -> Number:
    measured = entry.comparison.measured
    row = rows.get(measured.record["row_hash"]) if measured else None
    verdict = entry.comparison.verdict
    return Number(*fields(entry), verdict, SIGNS[verdict], row.href if row else "")
