"""A paper's tables with every number compared, and its rules compared with backprop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmark.suite.records.labels import task_key
from benchmark.suite.records.records import Record
from benchmark.suite.tables.cells import Comparison, compare
from benchmark.suite.tables.intervals import Paired, holm, paired
from benchmark.suite.tables.manifest import Manifest, RowSpec, Table


@dataclass(frozen=True)
class Entry:
    """A comparison in its place.

    Attributes:
        line: label of its line.
        column: header of its column.
        comparison: the number beside the measured row.
        pair: the row's difference from backprop, paired by seed, where the table has one.
        p_holm: of that difference, adjusted over the rules of the table.
    """

    line: str
    column: str
    comparison: Comparison
    pair: Paired | None = None
    p_holm: float | None = None

    @property
    def label(self) -> str:
        return ", ".join(text for text in (self.line, self.column) if text)

    @property
    def rule(self) -> str:
        """Id of the measured algorithm."""
        measured = self.comparison.measured
        return measured.record["row"]["algorithm"]["name"] if measured else ""


@dataclass(frozen=True)
class Compared:
    """A table and its entries, line by line and column by column (several in a cell, or none)."""

    table: Table
    grid: tuple[tuple[tuple[Entry, ...], ...], ...]

    def entries(self) -> Iterator[Entry]:
        for line in self.grid:
            for cell in line:
                yield from cell


def compared(
    manifest: Manifest, rows: Mapping[str, list[list[Record]]], only: str | None = None
) -> list[Compared]:
    """The tables of a paper.

    Args:
        manifest: the paper's.
        rows: as ``rows_by_cell`` gives them.
        only: a dataset or the id of a table.

    Raises:
        UserError: no table is named ``only``.
    """
    return [_table(table, rows) for table in manifest.select(only)]


def _table(table: Table, rows: Mapping[str, list[list[Record]]]) -> Compared:
    lines = [_line(spec, table.columns, rows) for spec in table.rows]
    beside = iter(beside_bp([entry for line in lines for cell in line for entry in cell]))
    grid = tuple(tuple(tuple(next(beside) for _ in cell) for cell in line) for line in lines)
    return Compared(table, grid)


def _line(
    spec: RowSpec, columns: Sequence[str], rows: Mapping[str, list[list[Record]]]
) -> list[list[Entry]]:
    return [
        [Entry(spec.label, column, compare(printed, rows)) for printed in cell]
        for column, cell in zip(columns, spec.cells, strict=True)
    ]


def beside_bp(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of one table with their differences from backprop, adjusted by Holm.

    A rule is compared with the backprop row of its line, else of its column, that has the same
    data, architecture and epochs, by the same test error; none that is short of its budget.
    """
    pairs = [_pair(entry, entries) for entry in entries]
    adjusted = holm([pair.p if pair else None for pair in pairs])
    return [
        replace(entry, pair=pair, p_holm=p)
        for entry, pair, p in zip(entries, pairs, adjusted, strict=True)
    ]


def _pair(entry: Entry, entries: Sequence[Entry]) -> Paired | None:
    own = entry.comparison
    if own.measured is None or own.verdict == "short" or entry.rule == "bp":
        return None
    if not own.printed.statistic.startswith("test"):
        return None
    near = [e for e in entries if e.line == entry.line]
    near += [e for e in entries if e.column == entry.column]
    for other in near:
        theirs = other.comparison
        if (
            other.rule == "bp"
            and theirs.measured is not None
            and theirs.printed.statistic == own.printed.statistic
            and task_key(theirs.measured.record) == task_key(own.measured.record)
        ):
            return paired(own.measured.errors, theirs.measured.errors)
    return None
