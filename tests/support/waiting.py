"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_STEP_S = 0.02
_MOST_S = 60.0


def until(condition: Callable[[], object], most_s: float = _MOST_S) -> None:
    """Return as soon as `condition()` is true; fail when it stays false."""
    for _ in range(int(most_s / _STEP_S)):
        if condition():
            return
        time.sleep(_STEP_S)
    raise AssertionError(f"it did not come true within {most_s} s")


async def becomes(condition: Callable[[], object]) -> None:
    """Wait as `until` does, while the event loop goes on."""
    await asyncio.to_thread(until, condition)
