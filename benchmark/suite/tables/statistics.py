"""Intervals of differences: from published numbers (Welch), and between rules, paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """A difference, and the half width of its 95 % confidence interval."""

    difference: float
    half_width: float

    @property
    def low(self) -> float:
        return self.difference - self.half_width

    @property
    def high(self) -> float:
        return self.difference + self.half_width


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


def sample_sd(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1), None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def from_published(
    measured: Sequence[float], published: float, sd: float | None = None, n: int | None = None
) -> Interval | None:
    """The 95 % interval of mean(measured) - published.

    With the variances u and v of the two means, their difference follows Student's t with
    Satterthwaite's degrees of freedom, (u + v)^2 / (u^2 / f_u + v^2 / f_v):

    - u = s^2 / m of the m measured values, f_u = m - 1;
    - v = sd^2 / n, f_v = n - 1. Where the paper does not say n, its number counts as one run, the
      widest reading, of a known spread: v = sd^2, f_v infinite. Where it gives no sd, as one run
      with our own spread: v = s^2, so that u + v = s^2 (1 + 1 / m) with m - 1 degrees of freedom.
    - One measured value takes the published spread: u = sd^2, with the freedom of that spread.

    Returns:
        None where no spread is known: one measured value and no published sd.
    """
    m, difference = len(measured), fmean(measured) - published
    if sd is None:
        if m < 2:
            return None
        return _interval(difference, variance(measured) * (1 + 1 / m), m - 1)
    runs, freedom = (n, n - 1.0) if n is not None and n > 1 else (1, math.inf)
    v = sd**2 / runs
    if m == 1:
        return _interval(difference, sd**2 + v, freedom)
    u = variance(measured) / m
    return _interval(difference, u + v, satterthwaite(u, m - 1, v, freedom))


def satterthwaite(u: float, freedom_u: float, v: float, freedom_v: float) -> float:
    """Degrees of freedom of the sum of two independent estimated variances."""
    spread = u**2 / freedom_u + v**2 / freedom_v
    return (u + v) ** 2 / spread if spread else math.inf


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
    return Paired(n, mean, _interval(mean, error**2, n - 1).half_width, p)


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


def _interval(difference: float, variance: float, freedom: float) -> Interval:
    return Interval(difference, float(stdtrit(freedom, 0.975)) * math.sqrt(variance))
