"""The interval of a measured mean's difference from a published number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from benchmark.suite.tables.intervals import Paired, half_width, holm, paired, satterthwaite

__all__ = ["Interval", "Paired", "from_published", "holm", "paired"]


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


def _interval(difference: float, variance: float, freedom: float) -> Interval:
    return Interval(difference, half_width(variance, freedom))
