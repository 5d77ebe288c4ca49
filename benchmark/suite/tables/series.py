"""What drawings read from the records of a row: its curve and its angles, by epoch and seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from benchmark.suite.records.records import Record

QUANTITIES = {  # as a record calls them -> in words
    "update": "update and true gradient: angle (°)",
    "feedback": "feedback and forward weights: angle (°)",
    "norm_ratio": "length of update / true gradient",
}
LEGEND = 12  # layers named at most

Layers = Mapping[str, pd.DataFrame]


def curve(group: Iterable[Record], name: str) -> pd.DataFrame:
    """Epoch x seed table of a curve's column, of the seeds that finished."""
    seeds = {
        r["seed"]: {p["epoch"]: p[name] for p in r["curve"] if p.get(name) is not None}
        for r in group
        if r["status"] == "ok"
    }
    return pd.DataFrame(seeds, dtype=float).dropna(axis=1, how="all").sort_index()


def measurements(group: Iterable[Record]) -> dict[str, Layers]:
    """Quantity -> layer -> epoch x seed table, of the seeds that finished.

    A record calls its measurements ``<quantity>/<layer>``, layers from input to output.
    """
    runs: dict[str, dict[str, dict[int, dict[int, float]]]] = {name: {} for name in QUANTITIES}
    for record in group:
        if record["status"] == "ok":
            for name, points in (record.get("alignment") or {}).items():
                quantity, _, layer = name.partition("/")
                seeds = runs.setdefault(quantity, {}).setdefault(layer, {})
                seeds[record["seed"]] = dict(points)
    return {
        quantity: tables
        for quantity, layers in runs.items()
        if (tables := {layer: _table(seeds) for layer, seeds in layers.items()})
    }


def _table(seeds: dict[int, dict[int, float]]) -> pd.DataFrame:
    return pd.DataFrame(seeds, dtype=float).sort_index()


def in_order(lists: Iterable[list[str]]) -> list[str]:
    """All layers once, input first, whichever of the lists name them."""
    merged: list[str] = []
    for names in lists:
        at = 0
        for name in names:
            if name in merged:
                at = merged.index(name) + 1
            else:
                merged.insert(at, name)
                at += 1
    return merged


def some(layers: Sequence[str], most: int = LEGEND) -> list[str]:
    """At most so many of the layers, evenly, with the first and the last."""
    n = min(most, len(layers))
    return [layers[round(k * (len(layers) - 1) / max(1, n - 1))] for k in range(n)]
