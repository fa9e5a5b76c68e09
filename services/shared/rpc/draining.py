"""Draining: wait for the calls that run, then end the rest in a way that says why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.shared.errors import Unavailable


class Calls:
    """The calls that a server's handlers serve now. For one event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the current task as a call.

        Raises:
            Unavailable: with code draining, when `end` cut the call short or had come before it.
        """
        if self._over:
            raise _draining()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - handlers run in tasks
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._over:
                raise _draining() from None
            raise
        finally:
            self._tasks.discard(task)

    async def end(self, grace_s: float) -> None:
        """Wait until no call runs, at most `grace_s` seconds; then cut short those that do."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + grace_s
        while self._tasks and loop.time() < until_s:
            await asyncio.wait(self._tasks.copy(), timeout=until_s - loop.time())
        self._over = True
        for task in self._tasks:
            task.cancel()


def _draining() -> Unavailable:
    return Unavailable("The model server is shutting down; try again shortly.", code="draining")
