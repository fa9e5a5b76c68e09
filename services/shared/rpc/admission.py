"""Admission: how many calls a model server runs at once, how many may wait, and who gets told to go away."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import math
import threading
import time
from bisect import insort
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from services.shared import telemetry
from services.shared.batching import URGENCY, WAITING, Waiting
from services.shared.errors import Overloaded, Timeout

R = TypeVar("R")
Work = Callable[[Callable[[], bool]], R]


@dataclass(slots=True)
class Call:
    """The call that the running handler serves.

    Attributes:
        method: Full gRPC name.
        ends_s: When its caller stops waiting, on the clock of time.monotonic().
        served_s: How long its work, once done, has held slots, without the wait for them; of a slot that was
            shared, its share.
    """

    method: str = ""
    ends_s: float = math.inf
    served_s: float = 0


CALL: Final = contextvars.ContextVar[Call]("call")


@dataclass(slots=True, eq=False)
class _Ticket:
    """A call's place in the queue, and what becomes of it."""

    turn: tuple[int, int]
    caller: _Caller
    work: Work[Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    future: Future[Any] = field(default_factory=Future)

    def serve(self) -> Callable[[], None]:
        """Do the work and return what tells the caller, once its place is somebody else's."""
        if not self.future.set_running_or_notify_cancel():
            return lambda: None
        try:
            # Log lines of the thread name the request, as those of its caller do.
            result = self.context.run(self.caller.run, self.work)
        except BaseException as error:  # noqa: BLE001 - raised again in the handler
            return partial(self.future.set_exception, error)
        return partial(self.future.set_result, result)

    def refuse(self) -> None:
        """Send the caller away, unless it has gone by itself."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(_full())


class Admission:
    """Runs model work in threads: `slots` times `batch` calls at once, `queue` waiting, no more.

    The most urgent of the waiting goes first, then the oldest; when the queue is full, a call that is more
    urgent takes the place of the last. A place is held until the thread ends, not until the caller goes
    away: a model cannot be interrupted from outside, and giving its place away early would oversubscribe the
    device.

    Args:
        slots: Batches that run at once, at least 1.
        queue: Calls that may wait for a place, at least 0.
        batch: Calls that may share a slot, at least 1; whatever makes the batches sees to it that they do.

    Attributes:
        slots: As given.
        batch: As given.
        begun: Calls that have got a place since the start.
    """

    def __init__(self, slots: int, queue: int, batch: int = 1) -> None:
        self.slots = slots
        self.batch = batch
        self.begun = 0
        self._places = slots * batch
        self._queue = queue
        self._running = 0
        self._number = itertools.count()
        # In the order of their turns.
        self._waiting: list[_Ticket] = []
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(self._places, thread_name_prefix="model")
        telemetry.SLOTS.set(slots)
        telemetry.WAITING_CALLS.set_function(lambda: len(self._waiting))

    @property
    def admitted(self) -> int:
        """Calls running or waiting now."""
        with self._lock:
            return self._running + len(self._waiting)

    async def run(self, work: Work[R]) -> R:
        """Run `work(cancelled)` in a thread, where `cancelled()` says whether to stop early.

        Work whose caller goes away while it waits never runs, and gives its place back at once.

        Raises:
            Overloaded: the queue is full.
            Timeout: the call's deadline passed before its turn came.
        """
        ticket = _Ticket((-URGENCY.get(), next(self._number)), _Caller(CALL.get(Call())), work)
        self._admit(ticket)
        try:
            result: R = await asyncio.wrap_future(ticket.future)
        except asyncio.CancelledError:
            ticket.caller.leave()
            self._withdraw(ticket)
            raise
        return result

    def _admit(self, ticket: _Ticket) -> None:
        refused: _Ticket | None = None
        with self._lock:
            if begins := self._running < self._places:
                self._running += 1
                self.begun += 1
            else:
                insort(self._waiting, ticket, key=lambda each: each.turn)
                if len(self._waiting) > self._queue:
                    refused = self._waiting.pop()
        if begins:
            self._executor.submit(self._serve, ticket)
        if refused is ticket:
            raise _full()
        if refused is not None:
            refused.refuse()

    def _withdraw(self, ticket: _Ticket) -> None:
        ticket.future.cancel()
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)

    def _serve(self, ticket: _Ticket | None) -> None:
        """Hold a place until nobody waits for it."""
        while ticket is not None:
            tell = ticket.serve()
            following = self._next()
            ticket.caller.observe()
            tell()
            ticket = following

    def _next(self) -> _Ticket | None:
        with self._lock:
            if self._waiting:
                self.begun += 1
                return self._waiting.pop(0)
            self._running -= 1
            return None

    def close(self) -> None:
        """Let running threads end by themselves and drop the waiting ones."""
        for ticket in tuple(self._waiting):
            ticket.future.cancel()
        self._executor.shutdown(wait=False)


def _full() -> Overloaded:
    return Overloaded("The model server is full; try again shortly.")


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
        WAITING.set(waiting := Waiting())
        waited = {"dragoman.wait_ms": round((began_s - self._came_s) * 1000)}
        try:
            with telemetry.BUSY_SLOTS.track_inprogress(), telemetry.span("slot", attributes=waited):
                return work(self.has_left)
        finally:
            self._call.served_s += time.monotonic() - began_s - waiting.seconds

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
