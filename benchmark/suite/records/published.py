"""The papers' own numbers, ``results/published/``: ``cells.csv`` and ``papers.csv``.

A row names the cell it is to be compared with by its id (``published: <id>``); nothing is matched
by likeness. Ids read ``<paper>/<dataset>/<network>/<algorithm>[/<variant>]``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.suite.records.places import PUBLISHED


@dataclass(frozen=True)
class Cell:
    """One number of one table of a paper, as printed there.

    ``metric`` is test_acc, test_err, train_err, test_acc_top5, test_err_top5 or adv_acc (under
    attack), in percent; or a count: generations, evaluations, hidden_nodes. ``std``, ``n_seeds``
    and ``published_epochs`` (the length of the paper's run) are empty where no source states them.
    ``status`` is ``verified`` (seen in the paper, in a text quoting it or in the authors' code) or
    ``unverified`` (from memory).
    """

    cell: str
    paper_key: str
    table: str
    dataset: str
    architecture: str
    algorithm: str
    variant: str
    metric: str
    value: str
    std: str
    n_seeds: str
    published_epochs: str
    status: str
    paper: str

    @property
    def number(self) -> float:
        """The value as printed. Raises UserError where it is a range."""
        try:
            return float(self.value)
        except ValueError as error:
            raise UserError(f"published cell {self.cell} is {self.value!r}, no number") from error

    @property
    def error(self) -> float:
        """The published value as an error rate in percent: 100 - value for an accuracy.

        Raises:
            UserError: the cell is no single rate (a count, a range).
        """
        if not self.metric.startswith(("test_", "train_", "adv_")):
            raise UserError(f"published cell {self.cell} is a number of {self.metric}, no rate")
        return 100 - self.number if "_acc" in self.metric else self.number

    @property
    def test_acc(self) -> float:
        """Test accuracy in percent; a test error is converted, 100 - error.

        Raises:
            UserError: the cell is no single test accuracy (top 5, training error, a range).
        """
        if self.metric not in ("test_acc", "test_err"):
            raise UserError(f"published cell {self.cell} is a {self.metric}, no test accuracy")
        return self.number if self.metric == "test_acc" else 100 - self.number

    @property
    def std_or_none(self) -> float | None:
        """Standard deviation in percent points, None where not stated."""
        return float(self.std) if self.std else None

    @property
    def n_or_none(self) -> int | None:
        """Number of runs, None where not stated."""
        return int(self.n_seeds) if self.n_seeds else None

    @property
    def epochs_or_none(self) -> int | None:
        """Epochs of the paper's run, None where not known."""
        return int(self.published_epochs) if self.published_epochs else None

    @property
    def source(self) -> str:
        """Where the number stands: paper, year and table."""
        return f"{self.paper}, {self.table}"


@cache
def papers(folder: Path = PUBLISHED) -> dict[str, str]:
    """Key -> authors and year of all papers. Raises UserError where the file is missing."""
    return {p["paper_key"]: f"{p['short']} {p['year']}".strip() for p in _rows(folder, "papers")}


@cache
def cells(folder: Path = PUBLISHED) -> dict[str, Cell]:
    """All published cells by id.

    Raises:
        UserError: the files are missing or broken.
    """
    names = papers(folder)
    table: dict[str, Cell] = {}
    for line in _rows(folder, "cells"):
        try:
            cell = Cell(**line, paper=names[line["paper_key"]])
        except (KeyError, TypeError) as error:
            raise UserError(f"{folder / 'cells.csv'}: bad line {line}: {error}") from error
        if cell.cell in table:
            raise UserError(f"{folder / 'cells.csv'}: the id {cell.cell} stands twice")
        table[cell.cell] = cell
    return table


def lookup(cell_id: str, folder: Path = PUBLISHED) -> Cell:
    """The published cell of this id.

    Raises:
        UserError: there is none; ids that look like it are listed.
    """
    table = cells(folder)
    if cell_id not in table:
        paper = cell_id.split("/")[0]
        near = [known for known in table if known.startswith(f"{paper}/")]
        papers = sorted({cell.paper_key for cell in table.values()})
        hint = nearest(cell_id, near) if near else nearest(paper, papers)
        raise UserError(f"unknown published cell {cell_id!r}: {hint}")
    return table[cell_id]


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    try:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"cannot read the published numbers: {error}") from error
