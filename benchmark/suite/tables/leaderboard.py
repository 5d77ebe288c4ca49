"""Records -> leaderboard: one line per row, a pure function of the records."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean
from typing import Any

import pandas as pd

from benchmark.suite.records.failed import failed
from benchmark.suite.records.labels import hidden_layers, network_key, network_labels, task_key
from benchmark.suite.records.published import lookup
from benchmark.suite.records.records import Record, by_row, newest
from benchmark.suite.tables import plausibility
from benchmark.suite.tables.intervals import paired, sample_mean, sample_sd, welch
from benchmark.suite.tables.slowness import slowness

COLUMNS = [
    "dataset", "network", "algorithm", "variant", "epochs", "n_seeds", "n_diverged",
    "test_acc_mean", "test_acc_sd", "diff_bp", "seconds",
    "published", "published_sd", "published_status", "source",
    "diff_published", "diff_bp_ci95", "val_acc_mean", "train_acc_mean", "samples_per_second",
    "peak_memory_mb", "device", "split", "published_cell", "row_hash",
    "n_failed", "published_epochs", "hidden_layers", "slowness", "joules", *plausibility.COLUMNS,
]  # fmt: skip
MEASURES = [
    "test_acc_mean", "test_acc_sd", "diff_bp", "seconds", "published", "published_sd",
    "diff_published", "diff_bp_ci95", "val_acc_mean", "train_acc_mean", "samples_per_second",
    "peak_memory_mb", "slowness", "joules",
]  # fmt: skip


def leaderboard(records: Iterable[Record], *, fits: bool = True) -> pd.DataFrame:
    """One line per row (dataset, network, algorithm, variant, epochs and all other options).

    Accuracies are percent at the last epoch, averaged over the seeds that did not fail; ``n_seeds``
    counts all of them, ``n_failed`` those left out of the means (see ``failed``), ``n_diverged``
    those among them that diverged. ``test_acc_sd`` is the sample standard deviation. ``diff_bp`` is
    the difference from the backprop row of the same task (see ``task_key``), where several exist
    from the one with the best validation accuracy, paired by seed; ``diff_bp_ci95`` is the half
    width of its 95 % interval. ``seconds`` is the training time of one seed, ``joules`` what its
    machine used meanwhile, where that tells. A published error stands as the accuracy 100 - error.
    ``diff_published`` is given only where the row was trained for the published epochs or those are
    not known. ``slowness`` is in epochs, see there; it takes most of the time, and is left empty
    without ``fits``.

    Raises:
        UserError: records of one row disagree on the dataset, or a published cell is unknown.
    """
    rows = by_row(records)
    labels = network_labels(group[0] for group in rows.values())
    baselines = _baselines(rows.values())
    frame = pd.DataFrame(
        [_line(group, labels, baselines, fits) for group in rows.values()], columns=COLUMNS
    )
    frame[MEASURES] = frame[MEASURES].astype(float)
    counts = ["published_epochs", "hidden_layers"]
    frame[counts] = frame[counts].astype("Int64")
    order = frame.assign(not_bp=frame["algorithm"] != "bp").sort_values(
        ["dataset", "network", "not_bp", "algorithm", "variant", "epochs", "row_hash"]
    )
    return order[COLUMNS].reset_index(drop=True)


def _line(
    group: list[Record], labels: dict[str, str], baselines: dict[str, list[Record]], fits: bool
) -> dict[str, Any]:
    row = newest(group)["row"]
    sizes = group[0]["dataset"]
    accuracies = _by_seed(group)
    difference, half_width = _versus(accuracies, _by_seed(baselines.get(task_key(group[0]), [])))
    is_baseline = baselines.get(task_key(group[0])) is group
    line = {
        "dataset": sizes["name"],
        "network": labels[network_key(group[0])],
        "algorithm": row["algorithm"]["name"],
        "variant": row.get("variant") or "",
        "epochs": row["epochs"],
        "n_seeds": len(group),
        "n_diverged": sum(record["status"] == "diverged" for record in group),
        "test_acc_mean": sample_mean(list(accuracies.values())),
        "test_acc_sd": sample_sd(list(accuracies.values())),
        "diff_bp": difference,
        "diff_bp_ci95": None if is_baseline else half_width,
        "seconds": _mean(group, "cost", "seconds"),
        "val_acc_mean": _mean(group, "metrics", "val_acc"),
        "train_acc_mean": _mean(group, "metrics", "train_acc"),
        "samples_per_second": _mean(group, "cost", "samples_per_second"),
        "peak_memory_mb": _mean(group, "cost", "peak_memory_mb"),
        "joules": _mean(group, "cost", "joules"),
        "device": ", ".join(sorted({_device(record) for record in group})),
        "split": f"{sizes['train']} / {sizes['val']} / {sizes['test']}",
        "row_hash": group[0]["row_hash"],
        "n_failed": sum(map(failed, group)),
        "hidden_layers": hidden_layers(row["network"]),
        "slowness": sample_mean([fit.s for fit in map(slowness, group * fits) if fit]),
    }
    traits = plausibility.plausibility(row["algorithm"]["name"])
    return line | traits | _published(row, line["test_acc_mean"])


def _by_seed(group: Iterable[Record]) -> dict[int, float]:
    """Seed -> test accuracy of the runs that did not fail and have one."""
    kept = {r["seed"]: r["metrics"].get("test_acc") for r in group if not failed(r)}
    return {seed: accuracy for seed, accuracy in kept.items() if accuracy is not None}


def _versus(
    own: dict[int, float], reference: dict[int, float]
) -> tuple[float | None, float | None]:
    """Difference and half width: paired where two seeds or more are shared, else by Welch."""
    pair = paired(own, reference)
    if pair and pair.n > 1:
        return pair.difference, pair.half_width
    if not own or not reference:
        return None, None
    values, others = list(own.values()), list(reference.values())
    return fmean(values) - fmean(others), welch(values, others)


def _published(row: dict[str, Any], mean: float | None) -> dict[str, Any]:
    """The published cell a row refers to; beside the measured mean only at its budget."""
    if not row.get("published"):
        return {"published_status": "", "source": "", "published_cell": ""}
    cell = lookup(row["published"])
    at_budget = row["epochs"] >= (cell.epochs_or_none or 0)
    return {
        "published": cell.test_acc,
        "published_sd": cell.std_or_none,
        "published_status": cell.status,
        "published_epochs": cell.epochs_or_none,
        "source": cell.source,
        "diff_published": mean - cell.test_acc if at_budget and mean is not None else None,
        "published_cell": cell.cell,
    }


def _baselines(groups: Iterable[list[Record]]) -> dict[str, list[Record]]:
    """task -> the backprop row with the best mean validation accuracy (never chosen by test)."""
    best: dict[str, list[Record]] = {}

    def merit(group: list[Record]) -> tuple[float, str]:
        validation = _mean(group, "metrics", "val_acc")
        return (-math.inf if validation is None else validation, group[0]["row_hash"])

    for group in groups:
        if group[0]["row"]["algorithm"]["name"] == "bp":
            task = task_key(group[0])
            best[task] = max(best.get(task, group), group, key=merit)
    return best


def _device(record: Record) -> str:
    environment = record["environment"]
    return environment.get("device_name") or environment["device"]


def _mean(group: Iterable[Record], table: str, name: str) -> float | None:
    """Mean over the seeds that did not fail and measured it."""
    values = (record[table].get(name) for record in group if not failed(record))
    return sample_mean([value for value in values if value is not None])
