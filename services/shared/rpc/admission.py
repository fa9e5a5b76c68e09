"""Admission: how many calls a model server runs at once, how many may wait, and who gets told to go away."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from services.shared.errors import Overloaded

R = TypeVar("R")
Work = Callable[[Callable[[], bool]], R]


class Admission:
    """Runs model work in threads: `slots` at once, `queue` waiting, no more.

    A slot is held until the thread ends, not until the caller goes away: a model cannot be
    interrupted from outside, and giving its slot away early would oversubscribe the device.

    Args:
        slots: Calls that run at once, at least 1.
        queue: Calls that may wait for a slot, at least 0.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self._limit = slots + queue
        self._admitted = 0
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="model")

    @property
    def admitted(self) -> int:
        """Calls running or waiting now."""
        return self._admitted

    async def run(self, work: Work[R]) -> R:
        """Run `work(cancelled)` in a thread, where `cancelled()` says whether to stop early.

        Raises:
            Overloaded: the queue is full.
        """
        self._admit()
        gone = threading.Event()
        # Log lines of the thread name the request, as those of its caller do.
        future = self._executor.submit(contextvars.copy_context().run, work, gone.is_set)
        future.add_done_callback(self._release)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _admit(self) -> None:
        with self._lock:
            if self._admitted >= self._limit:
                raise Overloaded("The model server is full; try again shortly.")
            self._admitted += 1

    def _release(self, _done: Future[R]) -> None:
        with self._lock:
            self._admitted -= 1

    def close(self) -> None:
        """Let running threads end by themselves and drop the waiting ones."""
        self._executor.shutdown(wait=False, cancel_futures=True)
