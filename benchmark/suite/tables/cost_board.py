"""Accuracy beside what it costs, counted: operations, passes, memory; and who is not outdone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from benchmark.suite.records.counted import Counted
from benchmark.suite.records.failed import failed
from benchmark.suite.records.records import Record, by_row
from benchmark.suite.tables.intervals import sample_mean
from benchmark.suite.tables.leaderboard import leaderboard
from benchmark.suite.tables.markup import markdown

COLUMNS = [
    "dataset", "network", "algorithm", "variant", "epochs", "split", "n_seeds", "n_failed",
    "test_acc_mean", "flops_sample", "times_bp", "flops_run", "passes", "peak_bytes", "target",
    "epochs_to_target", "flops_to_target", "front_flops", "front_memory", "row_hash",
]  # fmt: skip


class Cost(NamedTuple):
    """A cost of the board: its column, the unit it is shown in, and the column of its front."""

    column: str
    unit: float
    words: str
    front: str


COSTS = (
    Cost("flops_run", 1e12, "operations of a run (TFLOP)", "front_flops"),
    Cost("peak_bytes", 1e6, "memory of a step (MB)", "front_memory"),
)
TEXT = """\
# What accuracy costs

Generated from `results/records/` and `results/counted.csv` by `make leaderboard`; do not edit.
Costs are counted from the operations of a step by `make costs`, equal on every machine. Seconds,
which are not, come from `make perf`.

- **MFLOP / image**: operations of the matrix products and convolutions of a training step, two for
  a multiplication with its addition, per image of the mini-batch.
- **x bp**: that, beside backprop with the same network and data. `-` where backprop has no row.
- **passes**: how often the lowest layer answers an image in a step.
- **MB**: all tensors of a step at their most: weights, feedback, the optimizer's state, gradients,
  activities and the mini-batch.
- **TFLOP**: of the whole run.
- **to 97 %**: epochs and TFLOP until the validation accuracy is first that high, the mean over the
  seeds; `-` where a seed never gets there or no images were held out. The target is backprop's
  validation accuracy less one point, rounded down; in its absence that of the best row.
- **front**: `F` where no other row of the table is as accurate for fewer operations, `M` for less
  memory (Pareto).
"""


def cost_board(records: Iterable[Record], costs: Mapping[str, Counted]) -> pd.DataFrame:
    """One line for each counted row with an accuracy: a pure function of records and costs."""
    rows = by_row(records)
    frame = leaderboard([record for group in rows.values() for record in group])
    frame = frame[frame["row_hash"].isin(costs.keys()) & frame["test_acc_mean"].notna()]
    counted = [costs[row_hash] for row_hash in frame["row_hash"]]
    frame = frame.assign(
        flops_sample=[cost.flops / cost.batch_size for cost in counted],
        flops_run=[_of_run(rows[cost.row_hash], cost) for cost in counted],
        passes=[cost.passes for cost in counted],
        peak_bytes=[cost.peak_bytes for cost in counted],
    )
    groups = [_together(lines, rows, costs) for _, lines in frame.groupby(["dataset", "network"])]
    return (
        pd.concat(groups, ignore_index=True)[COLUMNS] if groups else frame.reindex(columns=COLUMNS)
    )


def _together(
    lines: pd.DataFrame, rows: Mapping[str, list[Record]], costs: Mapping[str, Counted]
) -> pd.DataFrame:
    """Rows of one network and data set, set beside each other."""
    bp = lines[lines["algorithm"] == "bp"]
    least = bp["flops_sample"].min() if len(bp) else math.nan
    target = _target(bp if bp["val_acc_mean"].notna().any() else lines)
    reached = [_to_target(rows[h], costs[h], target) for h in lines["row_hash"]]
    return lines.assign(
        times_bp=lines["flops_sample"] / least,
        target=target,
        epochs_to_target=[epochs for epochs, _ in reached],
        flops_to_target=[flops for _, flops in reached],
        front_flops=_front(lines["flops_run"], lines["test_acc_mean"]),
        front_memory=_front(lines["peak_bytes"], lines["test_acc_mean"]),
    )


def _of_run(group: list[Record], cost: Counted) -> float:
    """Mean over the seeds that did not fail, some of which a rule may have stopped early."""
    done = [cost.total(len(record["curve"])) for record in group if not failed(record)]
    return sample_mean(done) or math.nan


def _target(lines: pd.DataFrame) -> float:
    best = lines["val_acc_mean"].max()
    return math.nan if math.isnan(best) else float(math.floor(best - 1))


def _to_target(group: list[Record], cost: Counted, target: float) -> tuple[float, float]:
    """Epochs and operations until the validation accuracy is at the target, if it is in all."""
    firsts = []
    for record in group:
        curve = record["curve"]
        firsts.append(next((p["epoch"] for p in curve if (p.get("val_acc") or 0) >= target), None))
    if math.isnan(target) or None in firsts:
        return math.nan, math.nan
    epochs = sum(filter(None, firsts)) / len(firsts)
    return epochs, cost.flops * cost.steps * epochs


def _front(costs: pd.Series, accuracies: pd.Series) -> list[bool]:
    """Whether no other is as accurate and cheaper, or as cheap and more accurate."""
    points = list(zip(costs, accuracies, strict=True))
    return [
        not any(c <= cost and a >= acc and (c, a) != (cost, acc) for c, a in points)
        for cost, acc in points
    ]


def to_csv(frame: pd.DataFrame) -> str:
    """Numbers to six digits, what is unknown left empty."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def to_markdown(frame: pd.DataFrame) -> str:
    """The page ``costs.md``: a table for each data set and network with two rows or more."""
    parts = [TEXT]
    for (dataset, network), lines in frame.groupby(["dataset", "network"]):
        if len(lines) > 1:
            parts.append(f"## {markdown(str(dataset))}, {markdown(str(network))}\n")
            parts.append(_table(lines.sort_values("flops_run", kind="stable")) + "\n")
    return "\n".join(parts)


def _table(lines: pd.DataFrame) -> str:
    target = lines["target"].iloc[0]
    known = not math.isnan(target)
    variant = lines["variant"].map(lambda text: f" ({text})" if text else "")
    columns: dict[str, Any] = {"algorithm": lines["algorithm"] + variant, **shown(lines)}
    if known:
        columns |= {
            f"epochs to {target:.0f} %": _numbers(lines["epochs_to_target"], ".1f"),
            f"TFLOP to {target:.0f} %": _numbers(lines["flops_to_target"] / 1e12, ".3g"),
        }
    fronts = zip(lines["front_flops"], lines["front_memory"], strict=True)
    columns["front"] = ["F" * bool(f) + "M" * bool(m) for f, m in fronts]
    cells = pd.DataFrame(columns).astype(str).map(markdown)
    return cells.to_markdown(index=False, disable_numparse=True)


def shown(lines: pd.DataFrame) -> dict[str, list[str]]:
    """The numbers of each row as text, by their heads."""
    return {
        "epochs": [*lines["epochs"].astype(str)],
        "test accuracy": _numbers(lines["test_acc_mean"], ".2f"),
        "MFLOP / image": _numbers(lines["flops_sample"] / 1e6, ".3g"),
        "x bp": _numbers(lines["times_bp"], ".2f"),
        "passes": _numbers(lines["passes"], "g"),
        "MB": _numbers(lines["peak_bytes"] / 1e6, ".1f"),
        "TFLOP": _numbers(lines["flops_run"] / 1e12, ".3g"),
    }


def _numbers(values: pd.Series, form: str) -> list[str]:
    return ["-" if math.isnan(value) else f"{value:{form}}" for value in values]
