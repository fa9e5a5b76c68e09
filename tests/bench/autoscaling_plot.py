"""Draws the simulated day: backlog, replicas and GPU-hours, the three ways beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.bench.autoscaling_run import Outcome
from tests.bench.report import RESULTS


def draw(outcomes: Mapping[str, Outcome], folder: Path = RESULTS) -> Path:
    """Draw one day into autoscaling-day.png; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    backlog, replicas, hours = figure.subplots(3, sharex=True)
    for way, outcome in outcomes.items():
        at_s, backlog_s, count = np.array(outcome.trace).T
        at_h = at_s / 3600
        backlog.plot(at_h, backlog_s / 3600, label=way, linewidth=0.8)
        replicas.plot(at_h, count, label=way, linewidth=0.8)
        hours.plot(at_h, np.cumsum(count * np.gradient(at_h)), label=way)
    backlog.set_ylabel("audio that waits or runs (h)")
    replicas.set_ylabel("GPU replicas")
    hours.set_ylabel("GPU-hours so far")
    hours.set_xlabel("hour of the day")
    backlog.legend()
    for axes in (backlog, replicas, hours):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0, 24)
    file = folder / "autoscaling-day.png"
    figure.savefig(file, dpi=120)
    return file
