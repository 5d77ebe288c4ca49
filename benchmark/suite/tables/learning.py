"""The plot of one row: its learning curve, and how its updates and feedback align with backprop."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from benchmark.suite.tables.series import QUANTITIES, Layers, in_order, some


def alignment_figure(
    title: str, train: pd.DataFrame, val: pd.DataFrame, tables: Mapping[str, Layers]
) -> Figure:
    """A panel with the learning curve and one for each measured quantity, layers by color.

    Args:
        title: of the figure.
        train: epoch x seed table of the training accuracy in percent.
        val: the same of the validation accuracy; may be empty.
        tables: as ``measurements`` gives them.
    """
    panels = 1 + len(tables)
    columns = 2 if panels % 2 == 0 else panels
    figure = Figure(figsize=(4.4 * columns + 1.4, 3.7 * panels / columns), layout="constrained")
    axes = figure.subplots(panels // columns, columns, squeeze=False).flat
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    _learning(next(axes), train, val)
    layers = in_order(list(table) for table in tables.values())
    shades = matplotlib.colormaps["viridis"]
    colors = {layer: shades(0.92 * k / max(1, len(layers) - 1)) for k, layer in enumerate(layers)}
    for quantity, by_layer in tables.items():
        ax = next(axes)
        ax.set_title(QUANTITIES.get(quantity, quantity.replace("_", " ")))
        for layer, table in by_layer.items():
            _band(ax, table, colors[layer])
        if quantity in ("update", "feedback"):
            _angles(ax)
        elif quantity == "norm_ratio":
            _ratios(ax, by_layer)
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [Line2D([], [], color=colors[layer], linewidth=2) for layer in some(layers)]
    figure.legend(
        handles, some(layers), loc="outside right center", frameon=False, title="layer", fontsize=9
    )
    return figure


def _learning(ax: Axes, train: pd.DataFrame, val: pd.DataFrame) -> None:
    ax.set_title("accuracy (%)")
    for table, name, color in ((train, "training", "0.55"), (val, "validation", "black")):
        if not table.empty:
            _band(ax, table, color, name)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, loc="lower right", fontsize=9)


def _band(ax: Axes, seeds: pd.DataFrame, color: object, label: str | None = None) -> None:
    """The mean over the seeds, and their range."""
    mean = seeds.mean(axis=1)
    ax.plot(mean.index, mean, color=color, marker=".", markersize=4, linewidth=1.5, label=label)
    ax.fill_between(
        mean.index, seeds.min(axis=1), seeds.max(axis=1), color=color, alpha=0.15, linewidth=0
    )


def _angles(ax: Axes) -> None:
    top = 90 if ax.get_ylim()[1] <= 90 else 180 if ax.get_ylim()[1] > 120 else 120
    ax.axhline(90, color="0.4", linewidth=0.9, linestyle="--", zorder=0)
    ax.set_ylim(-0.02 * top, 1.03 * top)
    ax.set_yticks(range(0, top + 1, 15 if top < 180 else 30))


def _ratios(ax: Axes, by_layer: Layers) -> None:
    values = np.concatenate([table.to_numpy().ravel() for table in by_layer.values()])
    values = values[np.isfinite(values)]
    if not values.size or (values <= 0).any():
        return
    low, high = values.min(), values.max()
    ax.set_yscale("log")
    ax.set_ylim(min(low / 1.3, 0.5), max(high * 1.3, 2))
    if high / low < 100:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.axhline(1, color="0.4", linewidth=0.9, linestyle="--", zorder=0)
