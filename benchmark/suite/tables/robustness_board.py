"""Records, and what their runs withstand -> the lines of robustness.csv and robustness.md."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmark.errors import UserError
from benchmark.suite.records.failed import failed
from benchmark.suite.records.labels import network_key, network_labels
from benchmark.suite.records.records import Record, newest
from benchmark.suite.records.robustness import Measured, run_of
from benchmark.suite.tables.intervals import sample_mean, sample_sd

COLUMNS = [
    "dataset", "network", "algorithm", "attack", "strength", "through", "n_seeds", "acc_mean",
    "acc_sd", "queries_mean", "n_failed", "variant", "epochs", "images", "row_hash",
]  # fmt: skip
CLEAN = {"attack": "none", "strength": 0.0, "through": "nothing"}
ATTACKS = ("none", "fgsm", "pgd", "square", "noise", "blur", "contrast")
THROUGH = ("true", "own", "bp", "scores", "nothing")

Way = tuple[str, float, str, int]  # attack, strength, through, queries or 0


@dataclass(frozen=True)
class Attacked:
    """A row under attack.

    Attributes:
        record: of one of its seeds.
        network: its label.
        images: how many were attacked.
        n_seeds: seeds that were attacked, those that failed too.
        n_failed: seeds that ended at chance; they are left out of ``acc``.
        acc: accuracies by way and seed.
        queries: mean numbers of queries by way, over the seeds.
    """

    record: Record
    network: str
    images: int
    n_seeds: int
    n_failed: int
    acc: dict[Way, dict[int, float]]
    queries: dict[Way, float]

    @property
    def rule(self) -> str:
        return str(self.record["row"]["algorithm"]["name"])

    @property
    def variant(self) -> str:
        return self.record["row"].get("variant") or ""

    @property
    def group(self) -> tuple[str, str, int, int]:
        """Rows that stand in one table: data set, network, epochs, images."""
        return (self.record["dataset"]["name"], self.network, self.record["row"]["epochs"],
                self.images)  # fmt: skip


def attacked(records: Iterable[Record], measured: Iterable[Measured]) -> list[Attacked]:
    """Rows under attack, by group, backprop first.

    Raises:
        UserError: a run has no record, or one of other weights; or seeds of one row were attacked
            on different numbers of images.
    """
    records = list(records)
    runs = {run_of(record): record for record in records}
    labels = network_labels(records)
    rows: dict[str, list[tuple[Record, Measured]]] = {}
    for one in measured:
        record = runs.get(run_of(one))
        name = f"the robustness of row {one['row_hash']} seed {one['seed']}"
        if record is None:
            raise UserError(f"{name} has no record beside it: remove it, or restore the record")
        if record.get("weights_sha256") != one["weights_sha256"]:
            raise UserError(f"{name} is of other weights than its record: measure it --again")
        rows.setdefault(one["row_hash"], []).append((record, one))
    lines = [_attacked(group, labels) for group in rows.values()]
    return sorted(
        lines, key=lambda a: (a.group, a.rule != "bp", a.rule, a.variant, a.record["row_hash"])
    )


def _attacked(group: list[tuple[Record, Measured]], labels: Mapping[str, str]) -> Attacked:
    counts = {one["images"] for _, one in group}
    record = newest(record for record, _ in group)
    if len(counts) > 1:
        raise UserError(
            f"seeds of row {record['row_hash']} were attacked on {sorted(counts)} images: measure "
            "them --again, all on as many"
        )
    acc: dict[Way, dict[int, float]] = {}
    asked: dict[Way, list[float]] = {}
    sound = [(r["seed"], one) for r, one in group if not failed(r)]
    for seed, one in sound:
        for point in [CLEAN | {"acc": one["clean_acc"]}, *one["points"]]:
            acc.setdefault(way_of(point), {})[seed] = point["acc"]
            if point.get("queries_mean") is not None:
                asked.setdefault(way_of(point), []).append(point["queries_mean"])
    return Attacked(
        record,
        labels[network_key(record)],
        counts.pop(),
        len(group),
        len(group) - len(sound),
        acc,
        {way: fmean(values) for way, values in asked.items()},
    )


def way_of(point: Mapping[str, Any]) -> Way:
    """What tells a point from the others of its run."""
    return point["attack"], point["strength"], point["through"], point.get("queries") or 0


def in_order(ways: Iterable[Way]) -> list[Way]:
    """By attack, by what it follows, and the weakest first."""

    def key(way: Way) -> tuple[int, int, int, float]:
        attack, strength, through, queries = way
        severity = -strength if attack == "contrast" else strength
        return ATTACKS.index(attack), THROUGH.index(through), queries, severity

    return sorted(set(ways), key=key)


def followed(way: Way) -> str:
    """What the attacker follows, as in the csv: scores with the number of queries."""
    return f"{way[3]} queries" if way[3] else "" if way[2] == "nothing" else way[2]


def to_csv(rows: Iterable[Attacked]) -> str:
    """A line for each row and way, numbers to two decimals, what is unknown left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        dataset, network, epochs, images = row.group
        for way in in_order(row.acc):
            values = list(row.acc[way].values())
            line: dict[str, object] = {
                "dataset": dataset, "network": network, "algorithm": row.rule, "attack": way[0],
                "strength": f"{way[1]:g}", "through": followed(way), "n_seeds": row.n_seeds,
                "acc_mean": _two(sample_mean(values)), "acc_sd": _two(sample_sd(values)),
                "queries_mean": _two(row.queries.get(way)), "n_failed": row.n_failed,
                "variant": row.variant, "epochs": epochs, "images": images,
                "row_hash": row.record["row_hash"],
            }  # fmt: skip
            writer.writerow(line)
    return text.getvalue()


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
