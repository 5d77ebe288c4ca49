"""Accuracy against depth: every rule, searched alike at each, from studies and records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmark.suite.records import studies
from benchmark.suite.records.failed import failed
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.records import Record, by_row, load
from benchmark.suite.tables.intervals import sample_mean, sample_sd
from benchmark.suite.tables.markup import markdown, markdown_table

VARIANT = "depth"  # of the rows and studies of the board
COLUMNS = [
    "dataset", "network", "depth", "algorithm", "trials", "n_seeds", "n_failed", "val_acc",
    "test_acc_mean", "test_acc_sd",
]  # fmt: skip
TITLES = {"mlp": "plain", "res_mlp": "residual"}
TEXT = """\
# Accuracy against depth

Generated from `results/tune/` and `results/records/` by `make table PAPER=depth`; do not edit.

Networks of 1 to 32 hidden layers of 128 units, plain (`mlp`) and residual (`res_mlp`). At each
depth every rule had as many trials of a search on validation images, with a seed that is not among
those reported; its best setting was then trained with the seeds counted here. Data, mini-batch and
epochs are the same for all. Test accuracy in percent at the last epoch, mean ± sample standard
deviation over the seeds that did not fail (diverged or ended at chance), which are counted; a rule
without an entry was not trained at that depth, or does not train such a network.
"""


class Point(NamedTuple):
    """A rule at one depth; accuracies in percent, of the seeds that did not fail."""

    dataset: str
    network: str
    depth: int
    algorithm: str
    trials: int
    n_seeds: int
    val: list[float]
    test: list[float]
    row_hash: str


def points(board: Iterable[studies.Study], records: Iterable[Record]) -> list[Point]:
    """A point for each rule, network and depth: its newest study's best setting."""
    rows = by_row(records)
    newest: dict[tuple[str, str, int, str], studies.Study] = {}
    for study in sorted(board, key=lambda study: study["trials"][-1]["finished"]):
        row = study["row"]
        if row.get("variant") == VARIANT:
            depth = len(row["network"]["hidden"])
            names = row["data"]["name"], row["network"]["name"], depth, row["algorithm"]["name"]
            newest[names] = study
    found = []
    for names, study in newest.items():
        row_hash = studies.best(study)["row_hash"]
        runs = [record for record in rows.get(row_hash, []) if record["seed"] not in study["seeds"]]
        good = [record["metrics"] for record in runs if not failed(record)]
        val, test = ([m[name] for m in good if name in m] for name in ("val_acc", "test_acc"))
        found.append(Point(*names, len(study["trials"]), len(runs), val, test, row_hash))
    return sorted(found, key=lambda point: (point[:3], point.algorithm != "bp", point.algorithm))


def write_depth(results: Path, only: str | None = None) -> str:
    """Write ``tables/depth.csv`` and ``depth.md``; returns the tables, or those of ``only``.

    Raises:
        UserError: a study or a record is faulty, or a file cannot be written.
    """
    found = points(studies.load(results), load(results))
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_cells, found))
    pages = {}
    for dataset, network in dict.fromkeys(point[:2] for point in found):
        group = [point for point in found if point[:2] == (dataset, network)]
        title = f"## {markdown(dataset)}, {TITLES.get(network, markdown(network))}"
        pages[dataset, network] = f"{title}\n\n{_page(group)}\n"
    write_atomically(results / "tables" / "depth.csv", file.getvalue())
    write_atomically(results / "tables" / "depth.md", "\n".join([TEXT, *pages.values()]))
    return "\n".join(page for (dataset, _), page in pages.items() if only in (None, dataset))


def _cells(point: Point) -> dict[str, str]:
    numbers = {
        "val_acc": sample_mean(point.val),
        "test_acc_mean": sample_mean(point.test),
        "test_acc_sd": sample_sd(point.test),
    }
    known = {
        "dataset": point.dataset,
        "network": point.network,
        "depth": str(point.depth),
        "algorithm": point.algorithm,
        "trials": str(point.trials),
        "n_seeds": str(point.n_seeds),
        "n_failed": str(point.n_seeds - len(point.test)),
    }
    return known | {k: "" if v is None else f"{v:.3f}" for k, v in numbers.items()}


def _page(group: list[Point]) -> str:
    """Rules down, depths across."""
    depths = sorted({point.depth for point in group})
    at = {(point.algorithm, point.depth): cell_text(point) for point in group}
    rules = dict.fromkeys(rule for rule, _ in at)
    rows = [[markdown(rule), *(at.get((rule, depth), "") for depth in depths)] for rule in rules]
    trials = sorted({point.trials for point in group})
    counted = " or ".join(map(str, trials))
    return f"{markdown_table(['rule', *map(str, depths)], rows)}\n\n{counted} trials each."


def cell_text(point: Point) -> str:
    """``97.19 ± 0.10 (3)``, with the seeds that failed; empty where none was trained."""
    lost = point.n_seeds - len(point.test)
    seeds = f"{point.n_seeds}, {lost} failed" if lost else f"{point.n_seeds}"
    mean, sd = sample_mean(point.test), sample_sd(point.test)
    if mean is None:
        return f"- ({seeds})" if point.n_seeds else ""
    return f"{mean:.2f}" + (f" ± {sd:.2f}" if sd is not None else "") + f" ({seeds})"
