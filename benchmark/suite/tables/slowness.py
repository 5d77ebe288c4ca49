"""How slowly a row learns: one number from its learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import curve_fit

from benchmark.suite.records.failed import failed
from benchmark.suite.records.records import Record

LEAST = 4  # epochs that a fit needs


class Fit(NamedTuple):
    """acc(e) = acc_max e / (s + e): at epoch s half of acc_max is reached.

    Attributes:
        acc_max: percent.
        s: the slowness, in epochs.
        curve: name of the fitted curve in the records: ``val_acc`` or, where no images were held
            out, ``train_acc``.
        last: the last epoch of the fit.
    """

    acc_max: float
    s: float
    curve: str
    last: int

    def at(self, epoch: Any) -> Any:
        return self.acc_max * epoch / (self.s + epoch)


def slowness(record: Record) -> Fit | None:
    """Least-squares fit to the accuracy over the epochs before the first decay of the learning rate
    (Dellaferrera & Kreiman 2022, who fit the test accuracy), with chance put at epoch 0.

    None where the run failed, the learning rate never rests, or there are too few epochs.
    """
    optim, curve = record["row"]["optim"], record["curve"]
    if failed(record) or optim.get("schedule", "constant") == "cosine" or not curve:
        return None
    milestones = optim.get("milestones") if optim.get("schedule") == "step" else None
    last = min([len(curve), *(milestones or [])])
    name = "val_acc" if "val_acc" in curve[0] else "train_acc"
    accuracies = [point.get(name) for point in curve[:last]]
    if last < LEAST or None in accuracies:
        return None
    return fit([100 / record["dataset"].get("classes", 10), *accuracies], name)


def fit(accuracies: Sequence[float], name: str = "val_acc") -> Fit | None:
    """The fit to accuracies in percent from epoch 0 on; None where there is none."""
    epochs = np.arange(len(accuracies), dtype=float)

    def saturating(e: Any, acc_max: float, s: float) -> Any:
        return acc_max * e / (s + e + 1e-12)

    try:
        (acc_max, s), _ = curve_fit(
            saturating, epochs, accuracies, p0=(max(accuracies), 0.5), bounds=(0, [200, np.inf])
        )
    except RuntimeError:  # no minimum was found
        return None
    return Fit(float(acc_max), float(s), name, len(accuracies) - 1)
