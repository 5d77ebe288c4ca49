"""Drawings as places and texts; a template makes SVG of them, in the colors of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import pairwise, zip_longest
from math import isnan
from typing import NamedTuple

import pandas as pd

from benchmark.suite.tables.looks import Look, looks, spread
from benchmark.suite.tables.page.axes import Axis, around
from benchmark.suite.tables.page.runs import Row
from benchmark.suite.tables.series import QUANTITIES, Layers, curve, in_order, measurements, some

WIDTH, HEIGHT = 720, 380
LEFT, TOP, RIGHT, BOTTOM = 56, 12, 190, 46  # margins; names stand in the right one
LINE = 15  # height of a name
POINTS, MARKS = 120, 8  # of a line at most
LAYERS = 8
LEAST_ERROR = 0.05  # percent; where a logarithmic axis ends

Point = tuple[float, float]


class Line(NamedTuple):
    """A named line, or a point with a bar: places in the drawing, all in its units."""

    name: str
    href: str
    look: Look
    points: list[Point]
    band: list[Point]
    marks: list[Point]
    end: Point
    label: float


class Chart(NamedTuple):
    """A drawing of WIDTH x ``height``."""

    title: str
    across: str
    upwards: str
    x: list[tuple[float, str]]
    y: list[tuple[float, str]]
    lines: list[Line]
    height: int
    box: tuple[int, int, int, int]
    note: str = ""
    leads: bool = True
    front: Sequence[Point] = ()


def curves(title: str, rows: Sequence[Row]) -> Chart | None:
    """Error against epochs, mean and deviation over seeds; on training images where no others."""
    names = _names(rows)
    held_out = any("val_acc" in r["curve"][0] for row in rows for r in row.records if r["curve"])
    column = "val_acc" if held_out else "train_acc"
    tables = {name: 100 - curve(row.records, column) for name, row in names.items()}
    drawn = {name: table for name, table in tables.items() if not table.empty}
    if not any(len(table) > 1 for table in drawn.values()):
        return None
    means = {name: table.mean(axis=1) for name, table in drawn.items()}
    values = [v for mean in means.values() for v in mean]
    y = around(values, log=min(values) > 0 and max(values) > 4 * min(values), least=0)
    epochs = [e for mean in means.values() for e in mean.index]
    styles = looks({name: names[name].rule for name in drawn})
    paths = [
        (name, names[name].href, styles[name], mean, drawn[name].std(axis=1))
        for name, mean in means.items()
    ]
    kind = "validation" if held_out else "training"
    lost = [name for name in names if name not in drawn]
    note = f"No seed finished: {', '.join(lost)}." if lost else ""
    return _chart(title, "epoch", f"{kind} error (%)", Axis(1, max(2, *epochs)), y, paths, note)


def angles(title: str, row: Row) -> list[Chart]:
    """A drawing for each quantity that was measured of a row's layers."""
    tables = measurements(row.records)
    layers = in_order(list(table) for table in tables.values())
    return [c for name, table in tables.items() if (c := _layers(title, name, table, layers))]


def _layers(title: str, quantity: str, tables: Layers, layers: Sequence[str]) -> Chart | None:
    shown = [layer for layer in some(layers, LAYERS) if layer in tables]
    means = {layer: tables[layer].mean(axis=1).dropna() for layer in shown}
    means = {layer: mean for layer, mean in means.items() if len(mean)}
    values = [v for mean in means.values() for v in mean]
    if not values:
        return None
    log = quantity not in ("update", "feedback") and min(values) > 0
    top = 90 if max(values) <= 90 else 120 if max(values) <= 120 else 180
    y = around(values, log=log) if log else Axis(0, top)
    if quantity not in ("update", "feedback") and not log:
        y = around(values)
    epochs = [e for mean in means.values() for e in mean.index]
    x = Axis(0, max(*epochs, 1))
    rows = [
        (layer, "", Look(k % 6, k // 6, k % 7), mean, None)
        for k, (layer, mean) in enumerate(means.items())
    ]
    return _chart(title, "epoch", QUANTITIES.get(quantity, quantity), x, y, rows)


def costs(
    title: str,
    across: str,
    rows: Sequence[Row],
    values: Mapping[str, float],
    front: Container[str] = (),
) -> Chart | None:
    """Test accuracy against a cost; equal distances are equal ratios of the error.

    Args:
        across: the cost in words.
        rows: the rows; those without a cost or an accuracy are left out.
        values: cost by row hash.
        front: hashes of the rows that no other outdoes: a line goes through them.
    """
    drawn = [
        row for row in rows if values.get(row.hash, 0) > 0 and not isnan(row.line["test_acc_mean"])
    ]
    if len(drawn) < 2:
        return None
    names = _names(sorted(drawn, key=lambda row: row.name))
    styles = looks({name: row.rule for name, row in names.items()})
    errors = {n: max(100 - row.line["test_acc_mean"], LEAST_ERROR) for n, row in names.items()}
    x = around([values[row.hash] for row in drawn], log=True)
    y = around(errors.values(), log=True)
    height = _height(len(drawn))
    to_x, to_y = _scales(x, y, height, down=True)
    ends = {name: (to_x(values[row.hash]), to_y(errors[name])) for name, row in names.items()}
    labels = _labels(ends, height)
    lines = []
    for name, row in names.items():
        sd = 0.0 if isnan(row.line["test_acc_sd"]) else row.line["test_acc_sd"]
        bar = [(ends[name][0], to_y(error)) for error in (errors[name] - sd, errors[name] + sd)]
        place, label = ends[name], labels[name]
        lines.append(Line(name, row.href, styles[name], bar, [], [place], place, label))
    outdone_by_none = sorted(ends[name] for name, row in names.items() if row.hash in front)
    return Chart(
        title, across, "test accuracy (%)",
        [(to_x(t), f"{t:g}") for t in x.ticks()],
        [(to_y(t), f"{100 - t:g}") for t in y.ticks()], lines, height, _box(height),
        leads=False, front=_steps(outdone_by_none),
    )  # fmt: skip


def _steps(points: Sequence[Point]) -> list[Point]:
    """A staircase through points, from left to right: along first, then up or down."""
    corners = [(x, y) for (_, y), (x, _) in pairwise(points)]
    return [point for pair in zip_longest(points, corners) for point in pair if point]


def _chart(
    title: str,
    across: str,
    upwards: str,
    x: Axis,
    y: Axis,
    rows: Iterable[tuple[str, str, Look, pd.Series, pd.Series | None]],
    note: str = "",
) -> Chart:
    rows = list(rows)
    height = _height(len(rows))
    to_x, to_y = _scales(x, y, height)
    drawn = {}
    for name, _, _, mean, sd in rows:
        thin = mean.iloc[:: -(-len(mean) // POINTS)]
        if thin.index[-1] != mean.index[-1]:
            thin = pd.concat([thin, mean.iloc[-1:]])
        points = [(to_x(e), to_y(v)) for e, v in zip(thin.index, thin, strict=True)]
        band = [] if sd is None or sd.isna().all() else _band(thin, sd.fillna(0), to_x, to_y)
        drawn[name] = points, band
    labels = _labels({name: points[-1] for name, (points, _) in drawn.items()}, height)
    lines = [
        Line(name, href, look, points, band, points[:: -(-len(points) // MARKS)], points[-1],
             labels[name])
        for (name, href, look, _, _), (points, band) in zip(rows, drawn.values(), strict=True)
    ]  # fmt: skip
    ticks = [(to_x(t), f"{t:g}") for t in x.ticks() if t == int(t)]
    marks = [(to_y(t), f"{t:g}") for t in y.ticks()]
    return Chart(title, across, upwards, ticks, marks, lines, height, _box(height), note)


def _band(
    mean: pd.Series, sd: pd.Series, x: Callable[[float], float], y: Callable[[float], float]
) -> list[Point]:
    ends = list(zip(mean.index, mean, sd[mean.index], strict=True))
    return [
        *((x(epoch), y(value + s)) for epoch, value, s in ends),
        *((x(epoch), y(value - s)) for epoch, value, s in reversed(ends)),
    ]


def _height(names: int) -> int:
    return max(HEIGHT, TOP + BOTTOM + LINE * names)


def _box(height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the field."""
    return LEFT, TOP, WIDTH - RIGHT, height - BOTTOM


def _scales(
    x: Axis, y: Axis, height: int, down: bool = False
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    left, top, right, bottom = _box(height)

    def across(value: float) -> float:
        return round(left + (right - left) * x.place(value), 1)

    def upwards(value: float) -> float:
        place = y.place(value)
        return round(top + (bottom - top) * (place if down else 1 - place), 1)

    return across, upwards


def _labels(ends: Mapping[str, Point], height: int) -> dict[str, float]:
    """The heights of the names, moved apart where they would overlap."""
    _, top, _, bottom = _box(height)
    order = sorted(ends, key=lambda name: ends[name][1])
    places = spread([(ends[n][1] - top) / (bottom - top) for n in order], LINE / (bottom - top))
    return {n: round(top + (bottom - top) * p, 1) for n, p in zip(order, places, strict=True)}


def _names(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows under names that tell them apart: by their epochs and hashes, where needed."""
    names = [row.name for row in rows]
    for detail in (lambda row: f"{row.line['epochs']} epochs", lambda row: row.hash):
        n = Counter(names)
        names = [f"{name}, {detail(row)}" if n[name] > 1 else name
                 for name, row in zip(names, rows, strict=True)]  # fmt: skip
    return dict(zip(names, rows, strict=True))
