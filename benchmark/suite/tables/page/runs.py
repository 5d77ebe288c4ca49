"""The rows of the boards with the runs behind them, by data set and network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from benchmark.suite.records.failed import failed, failure
from benchmark.suite.records.records import Record, newest, slug
from benchmark.suite.tables import plausibility
from benchmark.suite.tables.leaderboard import leaderboard
from benchmark.suite.tables.manifest import papers
from benchmark.suite.tables.page.rulebook import rules
from benchmark.suite.tables.page.shown import Cell, Column, Table, number

LONGEST = 80  # characters of a page's name
BOARD = (
    Column("rule"), Column("data set", choice=True), Column("network", choice=True),
    Column("epochs", number=True), Column("seeds", number=True),
    Column("test accuracy", number=True), Column("vs bp", number=True),
    Column("published", number=True), Column("records"), Column("seconds", number=True),
    Column("family", choice=True), *(Column(name, choice=True) for name in plausibility.COLUMNS),
)  # fmt: skip
PLACE = slice(1, 3)  # of them, which say where a row stands
RUNS = (
    Column("seed", number=True), Column("test accuracy", number=True),
    Column("validation", number=True), Column("seconds", number=True), Column("machine"),
    Column("record"), Column("to repeat it"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Row:
    """A line of the leaderboard, its runs by file, and the page that shows them."""

    line: Mapping[str, Any]
    runs: Mapping[str, Record]
    page: str
    attacked: frozenset[str] = frozenset()  # the files of those that were attacked

    @property
    def rule(self) -> str:
        return str(self.line["algorithm"])

    @property
    def name(self) -> str:
        variant = self.line["variant"]
        return f"{self.rule} ({variant})" if variant else self.rule

    @property
    def hash(self) -> str:
        return str(self.line["row_hash"])

    @property
    def href(self) -> str:
        return f"{self.page}#{self.hash}"

    @property
    def records(self) -> list[Record]:
        return list(self.runs.values())

    def cells(self) -> list[Cell]:
        """Its cells under BOARD."""
        line = self.line
        family = rules()[self.rule].family if self.rule in rules() else ""
        lost = f", {line['n_failed']} failed" if line["n_failed"] else ""
        accuracy = number(line["test_acc_mean"], spread=line["test_acc_sd"])
        return [
            Cell(self.name, self.href),
            Cell(line["dataset"], self.page),
            Cell(line["network"]),
            Cell(str(line["epochs"]), value=line["epochs"]),
            Cell(f"{line['n_seeds']}{lost}", value=line["n_seeds"]),
            accuracy._replace(href=self.href if accuracy.text else ""),
            number(line["diff_bp"], "+.2f", line["diff_bp_ci95"]),
            self._published(),
            Cell(links=tuple((f"s{r['seed']}", link(file)) for file, r in self.runs.items())),
            number(line["seconds"], ".0f" if line["seconds"] >= 10 else ".1f"),
            Cell(family),
            *(Cell(line[name]) for name in plausibility.COLUMNS),
        ]

    def _published(self) -> Cell:
        line, budget = self.line, self.line["published_epochs"]
        if not pd.isna(budget) and line["epochs"] < budget:
            return Cell(f"{line['epochs']} of {budget} epochs")
        cell = number(line["published"], spread=line["published_sd"])
        paper = line["published_cell"].partition("/")[0]
        mark = " †" if line["published_status"] == "unverified" else ""
        href = f"papers/{paper}.html" if paper in _printed() else ""
        return cell._replace(text=cell.text + mark, href=href)

    def seeds(self) -> Table:
        """Its runs, each with its record and the command that repeats it."""
        rows = []
        for file, record in sorted(self.runs.items(), key=lambda run: run[1]["seed"]):
            metrics, machine = record["metrics"], record["environment"]
            accuracy = number(metrics.get("test_acc"))
            if failed(record):
                accuracy = accuracy._replace(text=failure(record), mark="failed")
            rows.append(
                [
                    Cell(str(record["seed"]), value=record["seed"]),
                    accuracy,
                    number(metrics.get("val_acc")),
                    number(record["cost"].get("seconds"), ".1f"),
                    Cell(machine.get("device_name") or machine["device"]),
                    Cell(links=tuple(self._files(file))),
                    Cell(
                        f"make rerun RECORD={shlex.quote(f'results/records/{file}')}", mark="code"
                    ),
                ]
            )
        return Table(f"t{self.hash}", f"Runs of row {self.hash}", RUNS, rows)

    def _files(self, file: str) -> Iterator[tuple[str, str]]:
        yield "record", link(file)
        if file in self.attacked:
            yield "attacks", f"../robustness/{quote(file)}"

    def settings(self) -> list[tuple[str, str]]:
        """The options that differ from the defaults: name and value."""
        record = newest(self.records)
        return list(_flat(record.get("identity") or record["row"]))


@dataclass(frozen=True, eq=False)
class Group:
    """All rows of a data set and network."""

    dataset: str
    network: str
    page: str
    rows: list[Row]

    @property
    def title(self) -> str:
        return f"{self.dataset}, {self.network}"

    def by_epochs(self) -> dict[int, list[Row]]:
        """Epochs -> of each rule the row with the best validation accuracy, drawn together."""
        best: dict[tuple[int, str], Row] = {}
        for row in self.rows:
            key = row.line["epochs"], row.rule
            best[key] = max(best.get(key, row), row, key=_merit)
        found: dict[int, list[Row]] = {}
        for (epochs, _), row in sorted(best.items(), key=lambda item: item[0][0]):
            found.setdefault(epochs, []).append(row)
        return found


class Runs:
    """All runs of a results folder.

    Args:
        located: the records by file, as ``records.located`` gives them.
        attacked: names of those files that have one of the same name in ``robustness/``.

    Raises:
        UserError: records of one row disagree on the data, or a published cell is unknown.
    """

    def __init__(self, located: Mapping[Path, Record], attacked: Iterable[str] = ()) -> None:
        self.located, self.attacked = located, frozenset(attacked)
        self.frame = leaderboard(located.values(), fits=False)

    @cached_property
    def groups(self) -> list[Group]:
        """By data set and network, each under a page of its own."""
        files: dict[str, dict[str, Record]] = {}
        for path, record in self.located.items():
            files.setdefault(record["row_hash"], {})[path.name] = record
        groups: list[Group] = []
        taken: set[str] = set()
        for (dataset, network), lines in self.frame.groupby(["dataset", "network"]):
            page = _page(slug(f"{dataset}-{network}"), taken)
            named = [{str(k): v for k, v in line.items()} for line in lines.to_dict("records")]
            rows = [Row(line, files[line["row_hash"]], page, self.attacked) for line in named]
            groups.append(Group(str(dataset), str(network), page, rows))
        return groups

    @cached_property
    def rows(self) -> dict[str, Row]:
        """All rows by their hash."""
        return {row.hash: row for group in self.groups for row in group.rows}


def board(rows: list[Row], caption: str, *, places: bool = True) -> Table:
    """The rows as one table; without ``places`` those of one data set and network."""
    columns, lines = list(BOARD), [row.cells() for row in rows]
    if not places:
        del columns[PLACE]
        for cells in lines:
            del cells[PLACE]
    return Table("board", caption, columns, lines)


def link(file: str) -> str:
    """Where a record's file lies, from the top of the page's folder."""
    return f"../records/{quote(file)}"


def _merit(row: Row) -> float:
    """The validation accuracy, else the training accuracy; never that of the test."""
    known = (row.line["val_acc_mean"], row.line["train_acc_mean"])
    return next((value for value in known if value == value), -1.0)


def _page(stem: str, taken: set[str]) -> str:
    """A page's name, another for each group."""
    stem, n = stem[:LONGEST] or "runs", 1
    while (name := f"runs/{stem}-{n}.html" if n > 1 else f"runs/{stem}.html") in taken:
        n += 1
    taken.add(name)
    return name


@cache
def _printed() -> frozenset[str]:
    """The papers that have a page."""
    return frozenset(papers())


def _flat(options: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{key}.")
        else:
            yield f"{head}{key}", value if isinstance(value, str) else json.dumps(value)
