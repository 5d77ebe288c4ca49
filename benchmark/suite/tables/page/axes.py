"""An axis of a drawing: from values to places between 0 and 1, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

TICKS = 6  # about
MARGIN = 0.06  # of the length, at both ends
HUGE = 1e12  # where an axis ends at the latest


class Axis(NamedTuple):
    """From ``low`` to ``high``, evenly or by ratios."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at ``low`` and 1 at ``high``; what lies outside is at an end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values within it."""
        ratios = [t for t in self._ratios() if self.low <= t <= self.high] if self.log else []
        return ratios if len(ratios) > 2 else self._steps()

    def _ratios(self) -> Iterator[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for power in range(first, last + 1):
            yield from (m * 10.0**power for m in ((1,) if last - first > 4 else (1, 2, 5)))

    def _steps(self) -> list[float]:
        step = _step((self.high - self.low) / TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(k * step, 12) for k in range(first, last + 1)]


def around(values: Iterable[float], *, log: bool = False, least: float = -math.inf) -> Axis:
    """The axis that holds these values, finite and at least one, with some room at both ends.

    Args:
        values: what it holds.
        log: by ratios; all values are above 0 then.
        least: where an even axis ends at the latest.
    """
    kept = [min(max(value, 1 / HUGE if log else -HUGE), HUGE) for value in values]
    low, high = min(kept), max(kept)
    if log:
        room = max((high / low) ** MARGIN, 1.15)
        return Axis(low / room, high * room, True)
    room = MARGIN * (high - low) or 1.0
    return Axis(max(low - room, least), high + room)


def _step(size: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below ``size``."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= size * 0.999)
