"""What a minute of a call costs each process, and so how many calls a core does in an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import av
import psutil

from services.cli.settings import CliSettings
from services.cli.stack import redis_server
from services.shared.config import load
from services.shared.ledger.ledger import open_ledger
from tests.bench import stack
from tests.bench.call import recordings
from tests.bench.report import Bars, Result, Row, spread

_PASSES: Final = 3
_AT_ONCE: Final = 4
# Of the call that the table of calls per hour is about.
_CALL_MIN: Final = 5.0
_AV_PER_MIN: Final = 60_000_000


def run() -> Result:
    """Translate calls, several at once, and look at the processor time of each process afterwards."""
    calls = _some(_AT_ONCE)
    minutes = sum(_minutes(call) for call in calls)
    with stack.running() as up:
        up.translate(calls[:1])
        passes = [_cost_of(up, calls, minutes) for _ in range(_PASSES)]
        speeds = _speeds()
    costs = {name: spread([each[name] for each in passes]) for name in passes[0]}
    totals = [sum(each.values()) for each in passes]
    per_hour = [3600 / (total * _CALL_MIN) for total in totals]
    return Result(
        "sizing",
        (
            *(Row(f"{name}, per minute of call", "core s", cost) for name, cost in costs.items()),
            Row("all of it, per minute of call", "core s", spread(totals)),
            Row(f"calls of {_CALL_MIN:g} minutes per core and hour", "calls", spread(per_hour)),
            *(
                Row(f"{stage}, audio per slot time", "s/s", spread([speed]))
                for stage, speed in speeds.items()
            ),
        ),
        (
            Bars(
                "Processor time per minute of a two-channel call",
                "core seconds",
                {name: cost.median for name, cost in costs.items()},
            ),
        ),
        {"minutes": minutes, "calls": len(calls), "call_minutes": _CALL_MIN},
    )


def _cost_of(up: stack.Running, calls: Sequence[Path], minutes: float) -> dict[str, float]:
    """Return the processor seconds that each component spent on a minute of call."""
    before = _spent(up.processes())
    up.translate(calls)
    after = _spent(up.processes())
    return {name: (after[name] - before[name]) / minutes for name in after}


def _spent(processes: Mapping[str, Sequence[psutil.Process]]) -> dict[str, float]:
    return {name: stack.cpu_s(each[0]) for name, each in processes.items()}


def _speeds() -> dict[str, float]:
    """Return per stage the audio that was done in the time that slots were held, as the ledger counts it."""
    settings = load(CliSettings)
    url = redis_server.url_of(settings)
    ledger = open_ledger(settings.model_copy(update={"redis_url": url}))
    return {
        stage: counts["done_ms"] / counts["served_ms"]
        for stage, counts in ledger.stages().items()
        if counts.get("served_ms")
    }


def _some(number: int) -> list[Path]:
    """Return calls, the same ones again where there are too few."""
    found = recordings()
    return (found * number)[:number]


def _minutes(call: Path) -> float:
    with av.open(str(call)) as file:
        return (file.duration or 0) / _AV_PER_MIN
