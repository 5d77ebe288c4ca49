"""Plots from records: learning curves, accuracy against cost, and a figure of each row."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from benchmark.suite.records.records import Record, slug
from benchmark.suite.tables.leaderboard import leaderboard
from benchmark.suite.tables.learning import alignment_figure
from benchmark.suite.tables.looks import COLORS, DASHES, MARKERS, looks, spread
from benchmark.suite.tables.series import curve, measurements
from benchmark.suite.tables.slowness import Fit, slowness

STYLE: dict[Any, Any] = {
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left", "figure.dpi": 130,
    "text.parse_math": False,  # a label is text, whatever it holds
    "svg.fonttype": "none", "svg.hashsalt": "plots",  # text stays text; the same file each time
}  # fmt: skip
MARKS = 8  # on a line, about
LEAST_ERROR = 0.05  # percent; where a logarithmic axis ends

Rows = Mapping[str, list[Record]]


def plots(records: Sequence[Record]) -> list[tuple[str, bytes]]:
    """(file name, content) of every plot, as PNG and as SVG.

    For each dataset, network and budget the learning curves and their slowness; for each dataset,
    network and device accuracy against seconds; for each row its curve and its alignment where
    measured.
    """
    with rc_context(STYLE):
        return [file for name, figure in _draw(records) for file in files_of(name, figure)]


def _draw(records: Sequence[Record]) -> Iterator[tuple[str, Figure]]:
    frame = leaderboard(records)
    frame["name"] = row_names(frame)
    by_row: dict[str, list[Record]] = {}
    for record in records:
        by_row.setdefault(record["row_hash"], []).append(record)
    for (dataset, network), lines in frame.groupby(["dataset", "network"]):
        names = dict(zip(lines["row_hash"], lines["name"], strict=True))
        rows = {names[row_hash]: by_row[row_hash] for row_hash in names}
        title, stem = f"{dataset}, {network}", slug(f"{dataset}-{network}")
        for epochs in sorted(set(lines["epochs"].astype(int))):
            same = {name: rows[name] for name in lines.loc[lines["epochs"] == epochs, "name"]}
            budget = f"{epochs} epochs" if epochs > 1 else "1 epoch"
            if any(curve(group, "val_acc").size for group in same.values()):
                figure = _learning_curves(f"{title}, {budget}", same)
                yield f"curves-{stem}-{slug(budget)}", figure
            fits = {name: [*filter(None, map(slowness, group))] for name, group in same.items()}
            if fits := {name: of_seeds for name, of_seeds in fits.items() if of_seeds}:
                figure = _slowness(f"{title}, {budget}", same, fits)
                yield f"slowness-{stem}-{slug(budget)}", figure
        measured = lines[lines["test_acc_mean"].notna() & (lines["seconds"] > 0)]
        for device, on_device in measured.groupby("device"):
            figure = _cost(f"{title}, {device}", on_device, rows)
            yield f"cost-{stem}-{slug(str(device))}", figure
        for row_hash, name in names.items():
            group = by_row[row_hash]
            if tables := measurements(group):
                curves = curve(group, "train_acc"), curve(group, "val_acc")
                figure = alignment_figure(f"{title}, {name}", *curves, tables)
                yield f"alignment-{stem}-{slug(name)}-{row_hash}", figure


def _learning_curves(title: str, rows: Rows) -> Figure:
    figure, ax = _figure(title)
    styles = _styles(rows)
    ends: dict[str, tuple[float, float]] = {}
    lowest, highest = 100.0, 0.0
    for name, group in rows.items():
        error = 100 - curve(group, "val_acc")
        if error.empty:
            continue
        style, color = styles[name], styles[name]["color"]
        mean, sd = error.mean(axis=1), error.std(axis=1)
        every = max(1, len(mean) // MARKS)
        ax.plot(mean.index, mean, **style, linewidth=1.6, markersize=4, markevery=every)
        ax.fill_between(mean.index, mean - sd, mean + sd, color=color, alpha=0.15, linewidth=0)
        ends[name] = (float(mean.index[-1]), float(mean.iloc[-1]))
        lowest, highest = min(lowest, mean.min()), max(highest, mean.max())
    if lowest > 0 and highest > 4 * lowest:
        ax.set_yscale("log")
        ax.set_ylim(lowest / 1.15, min(100, highest * 1.15))
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(min(1, ax.get_xlim()[0]), max(x for x, _ in ends.values()))
    ax.set_xlabel("epoch")
    ax.set_ylabel("validation error (%), mean ± sd over seeds")
    _label_ends(ax, ends, styles)
    lost = [name for name in rows if name not in ends]
    if lost:
        figure.text(0.01, 0.01, f"diverged, not shown: {', '.join(lost)}", fontsize=8)
    return figure


def _slowness(title: str, rows: Rows, fits: Mapping[str, list[Fit]]) -> Figure:
    """The curves as points, the fits as lines, each with its s."""
    figure, ax = _figure(title)
    styles = _styles(rows)
    ends: dict[str, tuple[float, float]] = {}
    for name, of_seeds in fits.items():
        style = styles[name]
        first, last = of_seeds[0], min(fit.last for fit in of_seeds)
        points = curve(rows[name], first.curve).mean(axis=1).loc[:last]
        look = style | {"linestyle": "none", "marker": style["marker"] or "."}
        ax.plot(points.index, points, **look, markersize=4)
        epochs = np.linspace(0, last, 200)
        fitted = np.mean([f.at(epochs) for f in of_seeds], 0)
        ax.plot(epochs, fitted, color=style["color"], linestyle=style["linestyle"])
        label = f"{name}, s = {np.mean([f.s for f in of_seeds]):.2f}"
        styles[label], ends[label] = styles[name], (last, float(first.at(last)))
    ax.set_xlim(0, max(x for x, _ in ends.values()))
    ax.set_ylim(min(90, *(y - 10 for _, y in ends.values())), 100.2)
    ax.set_xlabel("epoch")
    ax.set_ylabel("accuracy (%), and its fit acc_max e / (s + e)")
    _label_ends(ax, ends, styles)
    return figure


def _cost(title: str, lines: pd.DataFrame, rows: Rows) -> Figure:
    """Test accuracy against seconds; equal distances upwards are equal ratios of the error."""
    figure, ax = _figure(title)
    styles = _styles(rows)
    columns = ["name", "seconds", "test_acc_mean", "test_acc_sd"]
    best_first = lines.sort_values("test_acc_mean", ascending=False)
    for name, seconds, accuracy, sd in zip(*(best_first[c] for c in columns), strict=True):
        style = styles[name]
        ax.errorbar(
            seconds,
            max(100 - accuracy, LEAST_ERROR),
            sd,
            fmt=style["marker"] or "o",
            color=style["color"],
            mfc=style["color"] if style["linestyle"] == "-" else "white",
            label=name,
            capsize=2,
            ms=6,
        )
    errors = (100 - lines["test_acc_mean"]).clip(lower=LEAST_ERROR)
    cost_axes(ax)
    ax.set_xlim(lines["seconds"].min() / 1.5, lines["seconds"].max() * 1.5)
    ax.set_ylim(min(100, errors.max() * 1.3), errors.min() / 1.3)
    ax.set_xlabel("training time of one seed (seconds)")
    ax.set_ylabel("test accuracy (%), mean ± sd over seeds")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="best first")
    return figure


def cost_axes(ax: Axes) -> None:
    """Logarithmic axes of accuracy against a cost: errors upwards, which read as accuracies."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def row_names(frame: pd.DataFrame) -> pd.Series:
    """A name for each line, unique within its dataset and network."""
    variant = frame["variant"].map(lambda text: f" ({text})" if text else "")
    names = frame["algorithm"] + variant
    for detail in (frame["epochs"].astype(str) + " epochs", frame["row_hash"]):
        shared = frame.assign(name=names).duplicated(["dataset", "network", "name"], keep=False)
        names = names.where(~shared, names + ", " + detail)
    return names


def _styles(rows: Rows) -> dict[str, dict[str, Any]]:
    """Those of rows by name."""
    return styles_of({name: rs[0]["row"]["algorithm"]["name"] for name, rs in rows.items()})


def styles_of(rules: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Color, linestyle and marker of each name, from the rule that it stands for."""
    return {
        name: {
            "color": "black" if look.color is None else COLORS[look.color],
            "linestyle": DASHES[look.dash],
            "marker": MARKERS[look.marker],
        }
        for name, look in looks(rules).items()
    }


def _label_ends(
    ax: Axes, ends: Mapping[str, tuple[float, float]], styles: Mapping[str, Mapping[str, Any]]
) -> None:
    """Name each line at its right end, the names moved apart where they would overlap."""
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = {name: tuple(to_axes.transform(end)) for name, end in ends.items()}
    order = sorted(ends, key=lambda n: heights[n][1])
    gap = min(0.04, 1 / max(1, len(order) - 1))
    places = spread([heights[name][1] for name in order], gap)
    for name, place in zip(order, places, strict=True):
        color, dash = styles[name]["color"], styles[name]["linestyle"]
        arrow = {"arrowstyle": "-", "color": color, "lw": 1, "ls": dash, "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            "", heights[name], xytext=(1.05, place), xycoords="axes fraction",
            textcoords="axes fraction", annotation_clip=False, arrowprops=arrow,
        )  # fmt: skip
        marker = styles[name]["marker"] or "o"
        ax.plot(1.05, place, marker, color=color, ms=4, transform=ax.transAxes, clip_on=False)
        ax.text(1.07, place, name, transform=ax.transAxes, va="center", fontsize=9, color=color)


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = figure.subplots()
    ax.set_title(title)
    return figure, ax


def files_of(name: str, figure: Figure) -> Iterator[tuple[str, bytes]]:
    """A figure as PNG and as SVG, each with its file name."""
    for form, unsaid in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form, bbox_inches="tight", metadata=unsaid)
        figure.set_layout_engine("none")  # it is laid out
        yield f"{name}.{form}", buffer.getvalue()
