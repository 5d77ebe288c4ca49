"""Accuracy against depth: a panel for each family, its rules in front of all others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmark.suite.records.records import slug
from benchmark.suite.tables.depth_board import TITLES, Point
from benchmark.suite.tables.intervals import sample_mean, sample_sd
from benchmark.suite.tables.plausibility import families
from benchmark.suite.tables.plots import STYLE, files_of, styles_of

COLUMNS = 4  # of panels


def depth_plots(points: Iterable[Point]) -> list[tuple[str, bytes]]:
    """(file name, content) of a figure for each data set and kind of network, as PNG and SVG."""
    with rc_context(STYLE):
        return [file for name, figure in _draw([*points]) for file in files_of(name, figure)]


def _draw(points: Sequence[Point]) -> Iterator[tuple[str, Figure]]:
    trained = [point for point in points if point.test]
    for dataset, network in dict.fromkeys((p.dataset, p.network) for p in trained):
        group = [p for p in trained if (p.dataset, p.network) == (dataset, network)]
        title = f"{dataset}, {TITLES.get(network, network)} networks, 128 units a layer"
        yield slug(f"depth-{dataset}-{network}"), _figure(title, group)


def _figure(title: str, group: Sequence[Point]) -> Figure:
    lines: dict[str, list[Point]] = {}
    for point in sorted(group, key=lambda p: p.depth):
        lines.setdefault(point.algorithm, []).append(point)
    family_of = families()
    panels: dict[str, list[str]] = {}
    for rule in lines:
        if rule != "bp":
            panels.setdefault(family_of.get(rule, ""), []).append(rule)
    columns = min(COLUMNS, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    figure = Figure(figsize=(3.1 * columns + 0.4, 2.7 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    styles = styles_of({rule: rule for rule in lines})
    for ax, (family, rules) in zip(axes, (panels or {"": []}).items(), strict=False):
        ax.set_title(family)
        for rule in lines:
            if rule not in rules and rule != "bp":
                _line(ax, lines[rule], color="0.85", linewidth=0.8, zorder=0)
        for rule in [*(["bp"] if "bp" in lines else []), *rules]:
            spread = [sample_sd(p.test) or 0.0 for p in lines[rule]]
            _line(ax, lines[rule], **styles[rule], label=rule, markersize=4)
            x, y = _places(lines[rule])
            low, high = ([m + s * d for m, d in zip(y, spread, strict=True)] for s in (-1, 1))
            ax.fill_between(x, low, high, color=styles[rule]["color"], alpha=0.15, linewidth=0)
        ax.legend(frameon=False, fontsize=8, loc="lower left")
    for ax in axes[len(panels) or 1 :]:
        ax.set_visible(False)
    depths = sorted({point.depth for point in group})
    axes[0].set_xscale("log", base=2)
    axes[0].xaxis.set_major_locator(FixedLocator(depths))
    axes[0].xaxis.set_minor_locator(NullLocator())
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda depth, _: f"{depth:g}"))
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylim(0, 100)
    figure.supxlabel("hidden layers", fontsize=10)
    figure.supylabel("test accuracy (%), mean ± sd over seeds", fontsize=10)
    return figure


def _places(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    return [p.depth for p in points], [sample_mean(p.test) or 0.0 for p in points]


def _line(ax: Axes, points: Sequence[Point], **look: object) -> None:
    ax.plot(*_places(points), **look)  # type: ignore[arg-type]
