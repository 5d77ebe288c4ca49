"""Means and differences over seeds, with 95 % intervals; paired where the seeds are shared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Paired:
    """A seed-wise difference of two rules.

    Attributes:
        n: seeds that both have.
        difference: mean of the seed-wise differences.
        half_width: of its 95 % interval; None for a single seed.
        p: two-sided, of the paired t test; None for a single seed.
    """

    n: int
    difference: float
    half_width: float | None
    p: float | None


def sample_mean(values: Sequence[float]) -> float | None:
    """Mean, None for no values."""
    return fmean(values) if values else None


def sample_sd(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1), None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def half_width(variance: float, freedom: float) -> float:
    """Half of a 95 % interval, from the variance of what is estimated and its freedom."""
    return float(stdtrit(freedom, 0.975)) * math.sqrt(variance)


def satterthwaite(u: float, freedom_u: float, v: float, freedom_v: float) -> float:
    """Degrees of freedom of the sum of two independent estimated variances."""
    spread = u**2 / freedom_u + v**2 / freedom_v
    return (u + v) ** 2 / spread if spread else math.inf


def welch(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Half width of the 95 % interval of mean(a) - mean(b), by Welch; None for one value."""
    if min(len(a), len(b)) < 2:
        return None
    u, v = variance(a) / len(a), variance(b) / len(b)
    return half_width(u + v, satterthwaite(u, len(a) - 1, v, len(b) - 1))


def paired(rule: Mapping[int, float], reference: Mapping[int, float]) -> Paired | None:
    """The difference rule - reference over the seeds that both have.

    Equal seeds share initial weights, order of the data and augmentation, so the seed-wise
    differences vary less than the rules do: their mean, its t interval, and the paired t test.

    Args:
        rule: seed -> value.
        reference: the same of what it is compared with.

    Returns:
        None where no seed is shared.
    """
    seeds = sorted(set(rule) & set(reference))
    if not seeds:
        return None
    differences = [rule[seed] - reference[seed] for seed in seeds]
    n, mean = len(seeds), fmean(differences)
    if n == 1:
        return Paired(n, mean, None, None)
    error = stdev(differences) / math.sqrt(n)
    if error == 0:
        return Paired(n, mean, 0.0, 0.0 if mean else 1.0)
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Paired(n, mean, half_width(error**2, n - 1), p)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values: reject at the level alpha where the adjusted one is <= alpha.

    The k-th smallest of m is multiplied by m - k + 1; none falls below a smaller one's, or
    exceeds 1. None (no test) stays None and does not count.
    """
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for k, (p, i) in enumerate(tested):
        floor = max(floor, min(1.0, (len(tested) - k) * p))
        adjusted[i] = floor
    return adjusted
