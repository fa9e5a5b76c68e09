"""Admission: how many calls a model server runs at once, how many may wait, and who gets told to go away."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from services.shared import telemetry
from services.shared.errors import Overloaded, Timeout

R = TypeVar("R")
Work = Callable[[Callable[[], bool]], R]


@dataclass(slots=True)
class Call:
    """The call that the running handler serves.

    Attributes:
        method: Full gRPC name.
        ends_s: When its caller stops waiting, on the clock of time.monotonic().
        served_s: How long its work, once done, has held slots, without the wait for them.
    """

    method: str = ""
    ends_s: float = math.inf
    served_s: float = 0


CALL: Final = contextvars.ContextVar[Call]("call")


class Admission:
    """Runs model work in threads: `slots` at once, `queue` waiting, no more.

    A slot is held until the thread ends, not until the caller goes away: a model cannot be
    interrupted from outside, and giving its slot away early would oversubscribe the device.

    Args:
        slots: Calls that run at once, at least 1.
        queue: Calls that may wait for a slot, at least 0.

    Attributes:
        slots: As given.
    """

    def __init__(self, slots: int, queue: int) -> None:
        self.slots = slots
        self._limit = slots + queue
        self._admitted = 0
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="model")
        telemetry.SLOTS.set(slots)
        telemetry.WAITING_CALLS.set_function(lambda: max(0, self._admitted - slots))

    @property
    def admitted(self) -> int:
        """Calls running or waiting now."""
        return self._admitted

    async def run(self, work: Work[R]) -> R:
        """Run `work(cancelled)` in a thread, where `cancelled()` says whether to stop early.

        Work whose caller goes away while it waits never runs, and gives its place back at once.

        Raises:
            Overloaded: the queue is full.
            Timeout: the call's deadline passed before its turn came.
        """
        self._admit()
        caller = _Caller(CALL.get(Call()))
        # Log lines of the thread name the request, as those of its caller do.
        future = self._executor.submit(contextvars.copy_context().run, caller.run, work)
        future.add_done_callback(partial(self._release, caller))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            caller.leave()
            raise

    def _admit(self) -> None:
        with self._lock:
            if self._admitted >= self._limit:
                raise Overloaded("The model server is full; try again shortly.")
            self._admitted += 1

    def _release(self, caller: _Caller, _done: Future[R]) -> None:
        with self._lock:
            self._admitted -= 1
        caller.observe()

    def close(self) -> None:
        """Let running threads end by themselves and drop the waiting ones."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Caller:
    """Who waits for work, and may stop waiting."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._came_s = time.monotonic()
        self._left_s = math.inf

    def run(self, work: Work[R]) -> R:
        if time.monotonic() >= self._call.ends_s:
            raise Timeout("The deadline passed while the call waited for its turn.")
        began_s = time.monotonic()
        waited = {"dragoman.wait_ms": round((began_s - self._came_s) * 1000)}
        try:
            with telemetry.BUSY_SLOTS.track_inprogress(), telemetry.span("slot", attributes=waited):
                return work(self.has_left)
        finally:
            self._call.served_s += time.monotonic() - began_s

    def has_left(self) -> bool:
        # Not at the deadline itself: "cancelled" could then reach the caller before its own timeout does.
        return self._left_s < math.inf

    def leave(self) -> None:
        self._left_s = time.monotonic()

    def observe(self) -> None:
        """Say how long work went on that nobody waited for; else there is nothing to say."""
        if self.has_left():
            seconds = time.monotonic() - self._left_s
            telemetry.CANCEL_SECONDS.labels(self._call.method).observe(seconds)
