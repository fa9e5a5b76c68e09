"""How many inferences at once with how many threads each: what the cores give, and what it costs them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from services.shared.threads import cores
from tests.bench.report import Bars, Result, Row, spread

_PASSES: Final = 3


def combinations(available: int) -> list[tuple[int, int]]:
    """Return slots and threads worth trying: those that fill the cores, one alone, and twice too many."""
    fill = [(available // threads, threads) for threads in range(1, available + 1) if not available % threads]
    return sorted({(1, 1), *fill, (available, 2), (2 * available, 1)})


def run() -> Result:
    """Measure each in a process of its own, in turn, so that other load meets all of them."""
    rows: list[Row] = []
    plots: list[Bars] = []
    for service in ("asr", "tts"):
        speeds: dict[str, list[float]] = {}
        costs: dict[str, list[float]] = {}
        for _ in range(_PASSES):
            for slots, threads in combinations(cores()):
                label = f"{service} {slots} x {threads}"
                found = _measured(service, slots, threads)
                speeds.setdefault(label, []).append(found["audio_s"] / found["wall_s"])
                costs.setdefault(label, []).append(found["cpu_s"] / found["audio_s"])
        rows += [Row(f"{label}, speed", "audio s/s", spread(values)) for label, values in speeds.items()]
        rows += [
            Row(f"{label}, processor time", "s/audio s", spread(values)) for label, values in costs.items()
        ]
        plots.append(_plot(service, speeds))
    return Result("threads", tuple(rows), tuple(plots), {"cores": cores(), "passes": _PASSES})


def _plot(service: str, speeds: Mapping[str, list[float]]) -> Bars:
    title = f"{service}: slots x threads of {cores()} cores"
    values = {label.partition(" ")[2]: statistics.median(each) for label, each in speeds.items()}
    return Bars(title, "seconds of audio per second", values)


def _measured(service: str, slots: int, threads: int) -> dict[str, float]:
    command = (sys.executable, "-m", "tests.bench.threads_case", service, str(slots), str(threads))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
