"""The papers' own numbers, ``results/published/``: ``cells.csv`` and ``papers.csv``.

A row names the cell it is to be compared with by its id (``published: <id>``); nothing is matched
by likeness. Ids read ``<paper>/<dataset>/<network>/<algorithm>[/<variant>]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.suite.records.places import PUBLISHED
from benchmark.suite.records.reading import read_csv, typed
from benchmark.suite.records.schema import Text

DECIMAL = r"\d{1,9}(\.\d{1,9})?"
RATES = ("test_", "train_", "adv_")


@dataclass(frozen=True)
class Cell:
    """One number of one table of a paper, as printed there.

    ``metric`` is test_acc, test_err, train_err, test_acc_top5, test_err_top5 or adv_acc (under
    attack), in percent; or a count: generations, evaluations, hidden_nodes. ``std``, ``n_seeds``
    and ``published_epochs`` (the length of the paper's run) are empty where no source states them.
    ``status`` is ``verified`` (seen in the paper, in a text quoting it or in the authors' code) or
    ``unverified`` (from memory).
    """

    cell: Annotated[str, Meta(pattern=r"\A[a-z0-9_]+(/[^/\s]+)+\Z")]
    paper_key: Annotated[str, Meta(pattern=r"\A[a-z0-9_]+\Z")]
    table: Text
    dataset: Text
    architecture: Text
    algorithm: Text
    variant: Text
    metric: Literal[
        "test_acc", "test_err", "train_err", "test_acc_top5", "test_err_top5", "adv_acc",
        "generations", "evaluations", "hidden_nodes",
    ]  # fmt: skip
    value: Annotated[str, Meta(pattern=rf"\A{DECIMAL}( to {DECIMAL})?\Z")]
    std: Annotated[str, Meta(pattern=rf"\A({DECIMAL})?\Z")]
    n_seeds: Annotated[str, Meta(pattern=r"\A([1-9]\d{0,8})?\Z")]
    published_epochs: Annotated[str, Meta(pattern=r"\A([1-9]\d{0,8})?\Z")]
    status: Literal["verified", "unverified"]
    paper: Text

    def __post_init__(self) -> None:
        if self.metric.startswith(RATES) and not all(x <= 100 for x in self._numbers()):
            raise ValueError(f"value {self.value} is no percentage")

    def _numbers(self) -> list[float]:
        return [float(x) for x in self.value.split(" to ")]

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
        if not self.metric.startswith(RATES):
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


class _Paper(Struct):
    paper_key: Text
    short: Text
    year: Text


@cache
def papers(folder: Path = PUBLISHED) -> dict[str, str]:
    """Key -> authors and year of all papers.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        lines = [typed(line, _Paper) for line in _rows(folder, "papers")]
    except UserError as error:
        raise UserError(f"{folder / 'papers.csv'}: {error}") from error
    return {line.paper_key: f"{line.short} {line.year}".strip() for line in lines}


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
            cell = typed(line | {"paper": names.get(line.get("paper_key", ""))}, Cell)
        except UserError as error:
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
    return read_csv(folder / f"{name}.csv", "published numbers")
