"""Resident memory of the whole lite stack when it has nothing to do."""

from __future__ import annotations

import time
from typing import Final

from tests.bench import stack
from tests.bench.call import recordings
from tests.bench.report import Bars, Result, Row, spread

_IDLE_S: Final = 10.0
_GB: Final = 1e9
_LIMIT_GB: Final = 1.6


def run() -> Result:
    """Translate a call, so that every model has worked, rest, and look."""
    with stack.running() as up:
        up.translate(recordings()[:1])
        time.sleep(_IDLE_S)
        resident, proportional = {}, {}
        for name, processes in up.processes().items():
            each = [process.memory_full_info() for process in processes]
            resident[name] = sum(memory.rss for memory in each) / _GB
            proportional[name] = sum(memory.pss for memory in each) / _GB
    total = sum(resident.values())
    return Result(
        "memory",
        (
            *(Row(name, "GB", spread([value])) for name, value in resident.items()),
            Row("whole stack, resident (RSS)", "GB", spread([total]), f"<= {_LIMIT_GB}"),
            Row("whole stack, proportional (PSS)", "GB", spread([sum(proportional.values())])),
        ),
        (Bars(f"Resident memory when idle: {total:.2f} GB", "GB", resident),),
        {"proportional_gb": proportional, "idle_s": _IDLE_S},
    )
