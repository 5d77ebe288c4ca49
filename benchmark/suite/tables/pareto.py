"""Accuracy against counted cost, with the front of the rows that no other outdoes."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.suite.records.records import slug
from benchmark.suite.tables.cost_board import COSTS
from benchmark.suite.tables.plots import (
    LEAST_ERROR,
    STYLE,
    cost_axes,
    files_of,
    row_names,
    styles_of,
)

FEWEST = 3  # rules that a figure is worth


def pareto_plots(board: pd.DataFrame) -> list[tuple[str, bytes]]:
    """(file name, content) of a figure for each data set and network, as PNG and SVG.

    Args:
        board: a frame of :func:`benchmark.suite.tables.cost_board.cost_board`.
    """
    with rc_context(STYLE):
        return [file for name, figure in _draw(board) for file in files_of(name, figure)]


def _draw(board: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    named = board.assign(name=row_names(board))
    for (dataset, network), lines in named.groupby(["dataset", "network"]):
        if lines["algorithm"].nunique() >= FEWEST:
            stem = slug(f"{dataset}-{network}")
            yield f"pareto-{stem}", _figure(f"{dataset}, {network}", lines)


def _figure(title: str, lines: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots(1, len(COSTS), sharey=True)
    axes[0].set_title(title)
    for ax, cost in zip(axes, COSTS, strict=True):
        _panel(ax, lines.assign(cost=lines[cost.column] / cost.unit, front=lines[cost.front]))
        ax.set_xlabel(cost.words)
    errors = _errors(lines)
    axes[0].set_ylim(min(100, errors.max() * 1.3), errors.min() / 1.3)
    axes[0].set_ylabel("test accuracy (%), mean over seeds")
    axes[-1].legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="best first"
    )
    return figure


def _panel(ax: Axes, lines: pd.DataFrame) -> None:
    best_first = lines.sort_values("test_acc_mean", ascending=False, kind="stable")
    styles = styles_of(dict(zip(lines["name"], lines["algorithm"], strict=True)))
    errors = _errors(best_first)
    for name, cost, error in zip(best_first["name"], best_first["cost"], errors, strict=True):
        style = styles[name]
        face = style["color"] if style["linestyle"] == "-" else "white"
        look = {"color": style["color"], "markerfacecolor": face, "markersize": 6}
        ax.plot(cost, error, style["marker"] or "o", label=name, **look)
    front = lines[lines["front"]].sort_values("cost")
    ax.step(front["cost"], _errors(front), where="post", color="0.6", linewidth=1, zorder=0)
    cost_axes(ax)


def _errors(lines: pd.DataFrame) -> pd.Series:
    return (100 - lines["test_acc_mean"]).clip(lower=LEAST_ERROR)
