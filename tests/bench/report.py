"""What a benchmark found: figures, their spread and targets, and the machine they were taken on."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil

RESULTS: Final = Path(__file__).parents[2] / "bench" / "results"
_PACKAGES: Final = ("celery", "redis", "grpcio", "faster-whisper", "ctranslate2", "onnxruntime", "av")


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated measurements of one quantity.

    Attributes:
        n: How many.
        median: In the quantity's unit, as all that follow.
        p95: 95 of 100 are at most this; the highest when there are few.
        least: The lowest.
        most: The highest.
    """

    n: int
    median: float
    p95: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Summarise measurements; there must be at least one."""
    ordered = sorted(values)
    rank = max(0, -(-95 * len(ordered) // 100) - 1)
    return Spread(len(ordered), statistics.median(ordered), ordered[rank], ordered[0], ordered[-1])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's table.

    Attributes:
        name: What was measured.
        unit: Such as "ms", "units/s" or "ratio".
        value: Its spread.
        target: What is asked for, such as "<= 1.05"; empty for a figure that only informs.
    """

    name: str
    unit: str
    value: Spread
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        if not self.target:
            return None
        sign, _, limit = self.target.partition(" ")
        compare = {"<=": self.value.median <= float(limit), "<": self.value.median < float(limit)}
        return compare.get(sign, self.value.median >= float(limit))


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar plot of a benchmark.

    Attributes:
        title: Above the plot.
        unit: Label of the values' axis.
        values: Height of every bar by its label.
        limit: Where a line marks the target, if anywhere.
    """

    title: str
    unit: str
    values: dict[str, float]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values of one quantity occur.

    Attributes:
        title: Above the plot.
        unit: Label of the values' axis.
        values: What was measured, at least one.
        limit: Where a line marks the target, if anywhere.
    """

    title: str
    unit: str
    values: tuple[float, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Curves:
    """How a quantity depends on another one, in several cases.

    Attributes:
        title: Above the plot.
        across: Label of the horizontal axis.
        unit: Label of the values' axis.
        series: By the name of the case, value by position; one with a single position is a point.
        levels: Values that lines mark, by their names.
    """

    title: str
    across: str
    unit: str
    series: dict[str, dict[float, float]]
    levels: dict[str, float] = field(default_factory=dict)


Plot = Bars | Histogram | Curves


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found.

    Attributes:
        name: Of the benchmark.
        rows: Its figures.
        plots: What to draw.
        details: Anything else that belongs into the JSON file.
        skipped: Why it did not run; empty when it did.
    """

    name: str
    rows: tuple[Row, ...] = ()
    plots: tuple[Plot, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    skipped: str = ""


def machine() -> dict[str, Any]:
    """Describe what the figures depend on: processor, cores, memory, load, and versions."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": cpu[0].partition(":")[2].strip() if cpu else platform.processor(),
        "cores": os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def write(result: Result, folder: Path = RESULTS) -> Path:
    """Write a result as JSON with the machine's line; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(row), "met": row.met} for row in result.rows]
    document = {
        "benchmark": result.name,
        "machine": machine(),
        "skipped": result.skipped or None,
        "rows": rows,
        "details": result.details,
    }
    target = folder / f"{result.name}.json"
    target.write_text(json.dumps(document, indent=2) + "\n")
    return target


def show(result: Result) -> None:
    """Print a result as a table."""
    print(f"\n{result.name}")
    if result.skipped:
        print(f"  SKIPPED: {result.skipped}")
    for row in result.rows:
        value, verdict = row.value, {True: "ok", False: "MISSED", None: ""}[row.met]
        figures = f"{value.median:>10.3f} {value.p95:>10.3f} {value.least:>10.3f} {value.most:>10.3f}"
        print(f"  {row.name:<44} {row.unit:<9} {value.n:>5} {figures}  {row.target:<8} {verdict}")


def show_head() -> None:
    """Print the machine and the table's head."""
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB, load {here['load_1min']:.1f}")
    columns = f"{'median':>10} {'p95':>10} {'min':>10} {'max':>10}"
    print(f"  {'figure':<44} {'unit':<9} {'n':>5} {columns}  {'target':<8}")
