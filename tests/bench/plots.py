"""Draws a benchmark's plots."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from tests.bench.report import RESULTS, Bars, Curves, Histogram, Plot, Result

_BLUE, _RED, _GREY = "#4878a8", "#b04040", "#808080"
# Curves whose points coincide are told apart by them.
_MARKS: Final = "osD^vP*X<>"
# Positions that are further apart than this are drawn in doublings.
_FAR: Final = 8


def draw(result: Result, folder: Path = RESULTS) -> list[Path]:
    """Draw every plot of a result as a PNG file; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, plot in enumerate(result.plots):
        suffix = f"-{number + 1}" if len(result.plots) > 1 else ""
        files.append(_draw(plot, folder / f"{result.name}{suffix}.png"))
    return files


def _draw(plot: Plot, file: Path) -> Path:
    height = 1.2 + 0.4 * len(plot.values) if isinstance(plot, Bars) else 5.0
    figure = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ways: Mapping[type, Any] = {Bars: _bars, Histogram: _histogram, Curves: _curves}
    ways[type(plot)](axes, plot)
    axes.set_title(plot.title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
    return file


def _bars(axes: Axes, bars: Bars) -> None:
    labels = list(bars.values)[::-1]
    drawn = axes.barh(labels, [bars.values[label] for label in labels], color=_BLUE)
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.margins(x=0.12)
    if bars.limit is not None:
        axes.axvline(bars.limit, color=_RED, linestyle="--")
    axes.set_xlabel(bars.unit)


def _histogram(axes: Axes, histogram: Histogram) -> None:
    axes.hist(
        histogram.values, bins=min(30, max(8, len(histogram.values) // 2)), color=_BLUE, edgecolor="white"
    )
    if histogram.limit is not None:
        axes.axvline(histogram.limit, color=_RED, linestyle="--")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(histogram.unit)
    axes.set_ylabel(f"how often, of {len(histogram.values)}")


def _curves(axes: Axes, curves: Curves) -> None:
    for mark, (name, points) in zip(cycle(_MARKS), curves.series.items()):
        across = sorted(points)
        axes.plot(across, [points[each] for each in across], marker=mark, alpha=0.8, label=name)
    for name, level in curves.levels.items():
        axes.axhline(level, color=_GREY, linestyle=":", label=name)
    positions = sorted({each for points in curves.series.values() for each in points})
    if positions[0] > 0 and positions[-1] / positions[0] > _FAR:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel(curves.across)
    axes.set_ylabel(curves.unit)
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
