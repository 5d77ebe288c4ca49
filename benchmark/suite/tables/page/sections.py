"""What stands on a page of its own where it was measured: equal budgets, attacks, audit, tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd

from benchmark.suite.records import robustness, studies
from benchmark.suite.records.reading import read_csv
from benchmark.suite.records.records import Record
from benchmark.suite.tables import (
    cost_board,
    depth_board,
    equal_board,
    robustness_board,
    robustness_page,
    tally,
)
from benchmark.suite.tables.page.rulebook import rules
from benchmark.suite.tables.page.runs import Row
from benchmark.suite.tables.page.shown import Cell, Column, Table

TEXT_OF_AUDIT = ("algorithm", "family", "teacher", "transport", "feedback", "is_backprop")
EQUAL = (
    "Every rule had the same number of trials of a search on validation images; then its best "
    "setting was trained with the seeds counted here. minus bp: the mean of the differences seed "
    "by seed, with half of its 95 % interval; p by Holm over the rules of one table."
)
ATTACKS = (
    "Accuracy in percent on test images spread evenly over the test set, mean ± sample standard "
    "deviation over the seeds. What withstands PGD through a rule's own feedback, but not through "
    "the true gradient, is gradient masking and no robustness."
)
DEPTH = (
    "Networks of 1 to 32 hidden layers of 128 units. At each depth every rule had as many trials "
    "of a search; its best setting was trained with the seeds counted in brackets."
)
COSTS = (
    "Counted from the operations of a training step, equal on every machine. x bp: beside backprop "
    "with the same network and data; MB: all tensors of a step at their most; TFLOP: of the whole "
    "run; front: F where no other row is as accurate for fewer operations, M for less memory."
)
AUDIT = (
    "angle: to the true gradient, in degrees, at the start, the middle and the end of a small run; "
    "is backprop: whether a step's update is that of backprop; products, passes and stored: work "
    "and memory of a step beside backprop's."
)

MACHINES = (
    "reconstruction: mean squared error of images after a round of sampling; free energy: in nats, "
    "its mean over training and over validation images, whose gap grows as a machine learns its "
    "training images by heart. Filters and samples are drawn into results/boltzmann/."
)


class Section(NamedTuple):
    """A page: its file, its title, and tables under headings with a note each."""

    file: str
    title: str
    texts: Sequence[str]
    tables: Sequence[tuple[str, str, Table]]
    command: str
    filters: bool = False


def sections(
    results: Path, records: Sequence[Record], rows: Mapping[str, Row], costs: pd.DataFrame
) -> list[Section]:
    """Those that have something to show; ``costs`` is a frame of ``cost_board``.

    Raises:
        UserError: a file that they are read from is broken.
    """
    equal, depth, attacks = (one(results, records, rows) for one in (_equal, _depth, _attacks))
    machines, evolved = _machines(results, rows), _evolution(results)
    boards = [equal, depth, _costs(costs, rows), attacks, _audit(results), machines, evolved]
    return [one for one in boards if one.tables]


def audit(results: Path, rule: str = "") -> Table:
    """``audit.csv``, all or of one rule; empty where there is none."""
    path = results / "audit.csv"
    lines = read_csv(path, "the audit") if path.exists() else []
    lines = [line for line in lines if rule in ("", line.get("algorithm", "").split(",")[0])]
    heads = [h for h in (lines[0] if lines else {}) if not _left_out(h)]
    columns = [Column(_words(h), number=h not in TEXT_OF_AUDIT, choice=h in TEXT_OF_AUDIT[1:])
               for h in heads]  # fmt: skip
    cells = [
        [_rule(line[h]) if h == "algorithm" else _cell(line[h]) for h in heads] for line in lines
    ]
    return Table("audit", "What each rule really is", columns, cells)


def _equal(results: Path, records: Iterable[Record], rows: Mapping[str, Row]) -> Section:
    tables: list[tuple[str, str, Table]] = []
    for (dataset, conv), (found, lines) in equal_board.tables(
        studies.load(results), records
    ).items():
        title = f"{dataset}, {equal_board.TITLES[conv]}"
        heads = equal_board.COLUMNS[2:]
        columns = [Column(_words(h), number=h not in ("algorithm", *heads[-4:])) for h in heads]
        cells = [
            [_rule(line["algorithm"]), *(_linked(_cell(line[h]), rows, rule) for h in heads[1:])]
            for rule, line in zip((rule.row_hash for rule in found), lines, strict=True)
        ]
        tables.append((title, "", Table(f"equal{len(tables)}", title, columns, cells)))
    return Section("equal.html", "At equal budgets", [EQUAL], tables, "make table PAPER=equal")


def _depth(results: Path, records: Sequence[Record], rows: Mapping[str, Row]) -> Section:
    tables: list[tuple[str, str, Table]] = []
    points = depth_board.points(studies.load(results), records)
    for (dataset, network), members in groupby(points, lambda point: point[:2]):
        at = {(point.algorithm, point.depth): point for point in members}
        depths = sorted({depth for _, depth in at})
        cells = [
            [_rule(rule), *(_at_depth(at.get((rule, depth)), rows) for depth in depths)]
            for rule in dict.fromkeys(rule for rule, _ in at)
        ]
        title = f"{dataset}, {depth_board.TITLES.get(network, network)} networks"
        columns = [Column("rule"), *(Column(f"{depth} hidden", number=True) for depth in depths)]
        tables.append((title, "", Table(f"depth{len(tables)}", title, columns, cells)))
    return Section("depth.html", "Depth", [DEPTH], tables, "make table PAPER=depth")


def _at_depth(point: depth_board.Point | None, rows: Mapping[str, Row]) -> Cell:
    if point is None:
        return Cell()
    return _linked(_cell(depth_board.cell_text(point)), rows, point.row_hash)


def _costs(board: pd.DataFrame, rows: Mapping[str, Row]) -> Section:
    columns = [
        Column("rule"), Column("data set", choice=True), Column("network", choice=True),
        *(Column(head, number=True) for head in cost_board.shown(board)), Column("front"),
    ]  # fmt: skip
    fronts = zip(board["front_flops"], board["front_memory"], strict=True)
    names = board[["algorithm", "dataset", "network", "row_hash"]].itertuples(index=False)
    numbers = zip(*cost_board.shown(board).values(), strict=True)
    cells = [
        [_rule(rule), Cell(dataset), Cell(network),
         *(_linked(_cell(text), rows, row) for text in texts), Cell("F" * f + "M" * m)]
        for (rule, dataset, network, row), texts, (f, m) in zip(names, numbers, fronts, strict=True)
    ]  # fmt: skip
    tables = [("", "", Table("costs", "Costs", columns, cells))] if cells else []
    title = "What accuracy costs"
    return Section("costs.html", title, [COSTS], tables, "make costs", filters=True)


def _attacks(results: Path, records: Sequence[Record], rows: Mapping[str, Row]) -> Section:
    measured = robustness.load(results)
    attacked = robustness_board.attacked(records, measured) if measured else []
    tables: list[tuple[str, str, Table]] = []
    for (dataset, network, epochs, images), members in groupby(attacked, lambda row: row.group):
        group = list(members)
        heads, lines = robustness_page.table(group)
        columns = [Column(h, number=k > 1) for k, h in enumerate(heads)]
        hashes = ["", "", *(one.record["row_hash"] for one in group)]
        cells = [
            [_linked(_cell(text), rows, row) for text, row in zip(line, hashes, strict=True)]
            for line in lines
        ]
        table = Table(f"attacks{len(tables)}", f"{dataset}, {network}", columns, cells)
        tables.append((table.caption, f"{epochs} epochs, {images} images", table))
    return Section("robustness.html", "Under attack", [ATTACKS], tables, "make robust")


def _audit(results: Path) -> Section:
    table = audit(results)
    tables = [("", "", table)] if table.rows else []
    title = "What each rule really is"
    return Section("audit.html", title, [AUDIT], tables, "make audit ALGO=all", filters=True)


def _machines(results: Path, rows: Mapping[str, Row]) -> Section:
    path = results / "boltzmann" / "machines.csv"
    lines = read_csv(path, "the machines") if path.exists() else []
    heads = [h for h in (lines[0] if lines else {}) if h != "row_hash"]
    columns = [Column(_words(h), number=h in heads[3:]) for h in heads]
    cells = [
        [_rule(line[h]) if h == "algorithm" else _linked(_cell(line[h]), rows, row) for h in heads]
        for line, row in ((line, line.get("row_hash", "")) for line in lines)
    ]
    tables = [("", "", Table("machines", "Boltzmann machines", columns, cells))] if cells else []
    return Section("machines.html", "Boltzmann machines", [MACHINES], tables, "make fantasies")


def _evolution(results: Path) -> Section:
    files = iter(sorted((results / tally.FOLDER).glob("*.json")))
    columns = [*map(Column, tally.HEADS), Column("record")]
    rows = []
    for line in tally.lines(tally.load(results)):
        task, rule, *counts = line
        record = Cell("record", f"../evolve/{quote(next(files).name)}") if task else Cell()
        rows.append([Cell(task), _rule(rule), *map(Cell, counts), record])
    table = Table("tasks", "Searches for a network that solves a task", columns, rows)
    tables = [("", "", table)] if rows else []
    command = "make evolve TASK=cart_pole ALGO=neat SEEDS=10"
    return Section("evolution.html", "Evolution on tasks", [tally.HEAD.strip()], tables, command)


def _rule(text: str) -> Cell:
    name = text.split(",")[0]
    return Cell(text, f"rules/{name}.html" if name in rules() else "")


def _cell(text: str) -> Cell:
    """A text that is sorted as a number where it begins with one."""
    try:
        return Cell(text, value=float(text.split(" ")[0]))
    except ValueError:
        return Cell(text)


def _linked(cell: Cell, rows: Mapping[str, Row], row_hash: str) -> Cell:
    """A number with the way to the runs of its row."""
    known = cell.text and row_hash in rows
    return cell._replace(href=rows[row_hash].href) if known else cell


def _left_out(head: str) -> bool:
    return head in ("paper", "year", "noise", "batch", "exchange", "same_steps", "networks",
                    "backward_pass", "second_pass", "settling")  # fmt: skip


def _words(head: str) -> str:
    return head.replace("algorithm", "rule").replace("_", " ")
