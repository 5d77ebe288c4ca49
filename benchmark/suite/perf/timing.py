"""Timing of small functions on a machine that others use too."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple


class Cost(NamedTuple):
    """CPU microseconds of a part, and of what it is measured against."""

    name: str
    ours: float
    yardstick: float

    @property
    def ratio(self) -> float:
        return self.ours / self.yardstick


def in_turns(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Least CPU time of each function in microseconds, called in turns.

    CPU time leaves out what other programs take of a busy machine.
    """
    best = [math.inf] * len(functions)
    for _ in range(rounds):
        for k, function in enumerate(functions):
            start = time.process_time_ns()
            function()
            best[k] = min(best[k], (time.process_time_ns() - start) / 1000)
    return best
