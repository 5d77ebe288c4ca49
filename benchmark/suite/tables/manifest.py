"""The manifests, ``results/published/tables/<paper>.yaml``: a paper's tables as they are printed.

A manifest says where each published cell stands in its table, which config trains it and which of
our statistics is set beside it. The number itself stands in ``cells.csv``, the settings in
``configs/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.suite.records.places import CONFIGS, PUBLISHED
from benchmark.suite.records.published import lookup
from benchmark.suite.records.reading import read_yaml

TABLES = PUBLISHED / "tables"
STATISTICS = ("test_last", "test_best_val", "train_last", "top5_last")


@dataclass(frozen=True)
class Printed:
    """One printed number.

    Attributes:
        cell: its published id.
        config: path below ``configs/`` of the row that measures it, empty where there is none yet.
        row: the id that the measured row names as its ``published``; the cell's own by default.
        statistic: which of our statistics is set beside it (see ``STATISTICS``).
        paper_used: what the paper reports, where that is something else.
        tried: what was tried, for a cell that is not reproduced.
    """

    cell: str
    config: str = ""
    row: str = ""
    statistic: str = "test_last"
    paper_used: str = ""
    tried: str = ""

    @property
    def names(self) -> str:
        """The published id that records of this number carry."""
        return self.row or self.cell


@dataclass(frozen=True)
class RowSpec:
    """A line of a table: its label, and the numbers under each column (none where it is blank)."""

    label: str
    cells: tuple[tuple[Printed, ...], ...]


@dataclass(frozen=True)
class Table:
    """One table as printed; ``corner`` is the header of the label column."""

    id: str
    title: str
    dataset: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[RowSpec, ...]

    def printed(self) -> Iterator[Printed]:
        """Its numbers, row by row."""
        for row in self.rows:
            for cell in row.cells:
                yield from cell


@dataclass(frozen=True)
class Manifest:
    """All tables of a paper."""

    paper: str
    tables: tuple[Table, ...]

    def select(self, only: str | None = None) -> tuple[Table, ...]:
        """The tables of a dataset, or the one of an id; all for None.

        Raises:
            UserError: there is none.
        """
        chosen = tuple(t for t in self.tables if only in (None, t.dataset, t.id))
        if not chosen:
            known = sorted({name for t in self.tables for name in (t.dataset, t.id)})
            raise UserError(f"{self.paper} has no table {only!r}: {nearest(str(only), known)}")
        return chosen

    def configs(self, only: str | None = None) -> list[str]:
        """The distinct configs of these tables, as they come, as paths below ``configs/``.

        Raises:
            UserError: no table is named so.
        """
        numbers = (number for table in self.select(only) for number in table.printed())
        return list(dict.fromkeys(number.config for number in numbers if number.config))


def papers(folder: Path = TABLES) -> list[str]:
    """The keys of the papers that have a manifest, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read(paper: str, folder: Path = TABLES) -> Manifest:
    """The manifest of a paper, checked against the published cells and the configs.

    Raises:
        UserError: there is none, or it is faulty: the file and the place in it are named.
    """
    path = folder / f"{paper}.yaml"
    if paper not in papers(folder):
        raise UserError(f"no tables of paper {paper!r}: {nearest(paper, papers(folder))}")
    content = read_yaml(path, "the tables")
    try:
        return _manifest(content, paper)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _manifest(content: Any, paper: str) -> Manifest:
    options = _options(Manifest, content, "the file")
    if options["paper"] != paper:
        raise UserError(f"paper is {options['paper']!r}, the file's name says {paper!r}")
    tables = tuple(_table(t, f"tables[{i}]") for i, t in enumerate(_list(options, "tables", "")))
    _once("table id", [table.id for table in tables])
    _once("cell", [number.cell for table in tables for number in table.printed()])
    return Manifest(paper, tables)


def _table(content: Any, where: str) -> Table:
    options = _options(Table, content, where)
    columns = tuple(_text(c, f"{where}.columns") for c in _list(options, "columns", where))
    rows = [
        _row(row, len(columns), f"{where}.rows[{i}]")
        for i, row in enumerate(_list(options, "rows", where))
    ]
    texts = {k: _text(options[k], f"{where}.{k}") for k in ("id", "title", "dataset", "corner")}
    return Table(**texts, columns=columns, rows=tuple(rows))


def _row(content: Any, columns: int, where: str) -> RowSpec:
    options = _options(RowSpec, content, where)
    cells = _list(options, "cells", where)
    if len(cells) != columns:
        raise UserError(f"{where} has {len(cells)} cells for {columns} columns")
    read_cells = []
    for k, cell in enumerate(cells):
        if not isinstance(cell, list | None):
            raise UserError(f"{where}.cells[{k}] is neither null nor a list of printed numbers")
        read_cells.append(tuple(_printed(number, f"{where}.cells[{k}]") for number in cell or []))
    return RowSpec(_text(options["label"], f"{where}.label"), tuple(read_cells))


def _printed(content: Any, where: str) -> Printed:
    options = _options(Printed, content, where)
    number = Printed(**{key: _text(value, f"{where}.{key}") for key, value in options.items()})
    for cell in (number.cell, number.names):
        try:
            lookup(cell)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    if number.statistic not in STATISTICS:
        raise UserError(f"{where}.statistic: {nearest(number.statistic, list(STATISTICS))}")
    if number.config and not (CONFIGS / number.config).is_file():
        raise UserError(f"{where}.config: there is no configs/{number.config}")
    return number


def _options(cls: type, content: Any, where: str) -> dict[str, Any]:
    """``content`` with exactly the keys of ``cls``, those with a default aside."""
    if not isinstance(content, dict):
        raise UserError(f"{where} is {content!r}, not a mapping")
    known = {field.name: field.default for field in fields(cls)}
    for key in content:
        if key not in known:
            raise UserError(f"{where} has an unknown key {key!r}: {nearest(str(key), list(known))}")
    for key, default in known.items():
        if key not in content and not isinstance(default, str):
            raise UserError(f"{where} needs {key}")
    return content


def _list(options: dict[str, Any], key: str, where: str) -> list[Any]:
    value = options[key]
    if not isinstance(value, list) or not value:
        raise UserError(f"{where}.{key} is {value!r}, not a list".lstrip("."))
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where} is {value!r}, not text: put it in quotes")
    return value


def _once(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"the {what} {name!r} stands twice")
