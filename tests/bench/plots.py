"""Draws a benchmark's bar plots."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.bench.report import RESULTS, Bars, Result


def draw(result: Result, folder: Path = RESULTS) -> list[Path]:
    """Draw every plot of a result as a PNG file; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, bars in enumerate(result.plots):
        suffix = f"-{number + 1}" if len(result.plots) > 1 else ""
        files.append(_draw(bars, folder / f"{result.name}{suffix}.png"))
    return files


def _draw(bars: Bars, file: Path) -> Path:
    figure = Figure(figsize=(8, 1.2 + 0.4 * len(bars.values)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    labels = list(bars.values)[::-1]
    drawn = axes.barh(labels, [bars.values[label] for label in labels], color="#4878a8")
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.margins(x=0.12)
    if bars.limit is not None:
        axes.axvline(bars.limit, color="#b04040", linestyle="--")
    axes.set_title(bars.title)
    axes.set_xlabel(bars.unit)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
    return file
