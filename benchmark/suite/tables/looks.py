"""How rules look in every drawing: a family has a color and a dash, a rule in it a marker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmark.suite.tables.plausibility import families

# Okabe and Ito's colors, told apart with any color vision; yellow is too pale for lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", "--", ":")
MARKERS = ("", "^", "s", "D", "v", "P", "h")  # of the first line none, or a dot where it is one


class Look(NamedTuple):
    """Of one line: places in COLORS (None is black), DASHES and MARKERS."""

    color: int | None
    dash: int
    marker: int


def looks(rules: Mapping[str, str]) -> dict[str, Look]:
    """A look for each line that is drawn together; backprop is black.

    Families take colors, then dashes, in the order of the registry, the same in every drawing;
    lines of one family take markers.

    Args:
        rules: name of the line -> id of its algorithm.
    """
    family_of = families()
    order = [f for f in dict.fromkeys(family_of.values()) if f != family_of.get("bp")]
    counts: Counter[str] = Counter()
    found = {}
    for name, rule in rules.items():
        family = family_of.get(rule, "")
        place = order.index(family) if family in order else len(order)
        color = None if rule == "bp" else place % len(COLORS)
        dash = 0 if rule == "bp" else place // len(COLORS) % len(DASHES)
        found[name] = Look(color, dash, counts[family] % len(MARKERS))
        counts[family] += 1
    return found


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending heights in 0..1, moved as little as possible to stand ``gap`` apart.

    Without the gaps, height_i - i gap, the places only need to ascend: neighbors that do not are
    pooled at their mean.
    """
    pools: list[tuple[float, int]] = []
    for i, height in enumerate(heights):
        mean, size = height - i * gap, 1
        while pools and pools[-1][0] > mean:
            other, n = pools.pop()
            mean, size = (mean * size + other * n) / (size + n), size + n
        pools.append((mean, size))
    highest = 1 - gap * (len(heights) - 1)
    flat = [min(max(mean, 0), highest) for mean, size in pools for _ in range(size)]
    return [place + i * gap for i, place in enumerate(flat)]
