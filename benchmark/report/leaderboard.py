"""Records -> leaderboard: one line per row, a pure function of the records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev, variance
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from benchmark.report.labels import network_key, network_labels, task_key
from benchmark.report.published import lookup
from benchmark.report.records import Record, by_row, newest

COLUMNS = [
    "dataset", "network", "algorithm", "variant", "epochs", "n_seeds", "n_diverged",
    "test_acc_mean", "test_acc_sd", "diff_bp", "seconds",
    "published", "published_sd", "published_status", "source",
    "diff_published", "diff_bp_ci95", "val_acc_mean", "train_acc_mean", "samples_per_second",
    "peak_memory_mb", "device", "split", "published_cell", "row_hash",
]  # fmt: skip
MEASURES = [
    "test_acc_mean", "test_acc_sd", "diff_bp", "seconds", "published", "published_sd",
    "diff_published", "diff_bp_ci95", "val_acc_mean", "train_acc_mean", "samples_per_second",
    "peak_memory_mb",
]  # fmt: skip


def leaderboard(records: Iterable[Record]) -> pd.DataFrame:
    """One line per row (dataset, network, algorithm, variant, epochs and all other options).

    Accuracies are percent at the last epoch, averaged over the seeds that finished; ``n_seeds``
    counts all of them and ``n_diverged`` those left out of the means. ``test_acc_sd`` is the sample
    standard deviation. ``diff_bp`` is the difference from the backprop row of the same task (see
    ``task_key``), where several exist from the one with the best validation accuracy, and
    ``diff_bp_ci95`` the half width of Welch's 95 % interval of that difference. ``seconds`` is the
    training time of one seed. A published error stands as the accuracy 100 - error.

    Raises:
        UserError: records of one row disagree on the dataset, or a published cell is unknown.
    """
    rows = by_row(records)
    labels = network_labels(group[0] for group in rows.values())
    baselines = _baselines(rows.values())
    frame = pd.DataFrame(
        [_line(group, labels, baselines) for group in rows.values()], columns=COLUMNS
    )
    frame[MEASURES] = frame[MEASURES].astype(float)
    order = frame.assign(not_bp=frame["algorithm"] != "bp").sort_values(
        ["dataset", "network", "not_bp", "algorithm", "variant", "epochs", "row_hash"]
    )
    return order[COLUMNS].reset_index(drop=True)


def _line(
    group: list[Record], labels: dict[str, str], baselines: dict[str, list[Record]]
) -> dict[str, Any]:
    row = newest(group)["row"]
    sizes = group[0]["dataset"]
    accuracies = _values(group, "metrics", "test_acc")
    mean = _mean(accuracies)
    baseline = baselines.get(task_key(group[0]), [])
    reference = _values(baseline, "metrics", "test_acc")
    line = {
        "dataset": sizes["name"],
        "network": labels[network_key(group[0])],
        "algorithm": row["algorithm"]["name"],
        "variant": row.get("variant") or "",
        "epochs": row["epochs"],
        "n_seeds": len(group),
        "n_diverged": sum(record["status"] == "diverged" for record in group),
        "test_acc_mean": mean,
        "test_acc_sd": _sd(accuracies),
        "diff_bp": _difference(mean, _mean(reference)),
        "diff_bp_ci95": None if baseline is group else _welch(accuracies, reference),
        "seconds": _mean(_values(group, "cost", "seconds")),
        "val_acc_mean": _mean(_values(group, "metrics", "val_acc")),
        "train_acc_mean": _mean(_values(group, "metrics", "train_acc")),
        "samples_per_second": _mean(_values(group, "cost", "samples_per_second")),
        "peak_memory_mb": _mean(_values(group, "cost", "peak_memory_mb")),
        "device": ", ".join(sorted({_device(record) for record in group})),
        "split": f"{sizes['train']} / {sizes['val']} / {sizes['test']}",
        "row_hash": group[0]["row_hash"],
    }
    return line | _published(row.get("published"), mean)


def _published(cell_id: str | None, mean: float | None) -> dict[str, Any]:
    """The published cell a row refers to, beside the measured mean."""
    if not cell_id:
        return {"published_status": "", "source": "", "published_cell": ""}
    cell = lookup(cell_id)
    return {
        "published": cell.test_acc,
        "published_sd": cell.std_or_none,
        "published_status": cell.status,
        "source": cell.source,
        "diff_published": _difference(mean, cell.test_acc),
        "published_cell": cell_id,
    }


def _baselines(groups: Iterable[list[Record]]) -> dict[str, list[Record]]:
    """task -> the backprop row with the best mean validation accuracy (never chosen by test)."""
    best: dict[str, list[Record]] = {}

    def merit(group: list[Record]) -> tuple[float, str]:
        validation = _mean(_values(group, "metrics", "val_acc"))
        return (-math.inf if validation is None else validation, group[0]["row_hash"])

    for group in groups:
        if group[0]["row"]["algorithm"]["name"] == "bp":
            task = task_key(group[0])
            best[task] = max(best.get(task, group), group, key=merit)
    return best


def _device(record: Record) -> str:
    environment = record["environment"]
    return environment.get("device_name") or environment["device"]


def _values(group: Iterable[Record], table: str, name: str) -> list[float]:
    """The values of the seeds that finished and measured it."""
    values = (r[table].get(name) for r in group if r["status"] == "ok")
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _sd(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1), None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _welch(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Half width of the 95 % confidence interval of mean(a) - mean(b), unequal variances."""
    if min(len(a), len(b)) < 2:
        return None
    u, v = variance(a) / len(a), variance(b) / len(b)
    if u + v == 0:
        return 0.0
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    return float(stdtrit(freedom, 0.975)) * math.sqrt(u + v)
