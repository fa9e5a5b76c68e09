"""Batches across calls: what waits at the same moment, and is alike, goes through a model together."""

from __future__ import annotations

import itertools
import threading
import time
from bisect import insort
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Generic, TypeVar, cast

from services.shared import telemetry
from services.shared.errors import Cancelled, InternalError, Unavailable

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")


class Urgency(IntEnum):
    """Who goes first; the numbers are those of the protos' Priority, of which 0 is a batch."""

    BATCH = 1
    INTERACTIVE = 2
    LIVE = 3


@dataclass(slots=True)
class Waiting:
    """Seconds that a call, which holds a place, did not hold a model: it waited, or shared it.

    Negative when it held several at once, as a call does whose items run in several batches.
    """

    seconds: float = 0.0


# How urgent the call is that this thread serves, and how long it has waited; whoever admits calls sets both.
URGENCY: Final = ContextVar("URGENCY", default=Urgency.BATCH)
WAITING: Final[ContextVar[Waiting | None]] = ContextVar("WAITING", default=None)

# How often a call that waits looks whether its caller is still there.
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """How batches are made.

    Attributes:
        items: Most in one.
        delay_ms: How long something may wait for others when the model is free; 0 takes what is there. While
            the model is busy a batch grows by itself, so that a delay gains little.
        runners: Batches that run at once.
    """

    items: int
    delay_ms: float = 0.0
    runners: int = 1


@dataclass(slots=True, eq=False)
class _Order(Generic[I, R]):
    item: I
    bucket: Hashable
    turn: tuple[int, int]
    cancelled: Callable[[], bool]
    came_s: float
    done: threading.Event = field(default_factory=threading.Event)
    result: R | None = None
    error: BaseException | None = None
    share_s: float = 0.0


class Batcher(Generic[I, R]):
    """Runs items of concurrent calls in batches, each of one bucket: the most urgent first, then the oldest.

    Live items go with live ones only: whoever speaks does not wait until the others' are done too. An item
    whose caller goes away leaves before its batch begins. The items of a batch that fails run once more, each
    by itself, so that a bad one does not fail its neighbours.

    Args:
        run: From items of one bucket to as many results. It may ask `cancelled`, which is true when everybody
            in the batch has gone.
        limits: Size, delay, and how many at once.
        bucket: What only goes together with its like, such as a length class.
        room: Name of the service, for the metric of batch sizes.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        run: Callable[[Sequence[I], Callable[[], bool]], Sequence[R]],
        limits: Limits,
        bucket: Callable[[I], Hashable],
        room: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._limits = limits
        self._bucket = bucket
        self._room = room
        self._clock = clock
        self._changed = threading.Condition()
        self._number = itertools.count()
        # In the order of their turns.
        self._waiting: list[_Order[I, R]] = []
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"{room}-batch-{number}", daemon=True)
            for number in range(limits.runners)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: I, cancelled: Callable[[], bool] = lambda: False) -> R:
        """Run one item; waits for its result."""
        (result,) = self.submit_all([item], cancelled)
        return result

    def submit_all(self, items: Sequence[I], cancelled: Callable[[], bool] = lambda: False) -> list[R]:
        """Run several items, perhaps in different batches; waits for all results, in order.

        Raises:
            Cancelled: `cancelled()` turned true before they were begun.
            Unavailable: `close` has been called (model_closed).
            Exception: what `run` raised for one of them.
        """
        began_s = self._clock()
        orders = [self._order(item, cancelled) for item in items]
        with _at_rest():
            self._put(orders)
            for order in orders:
                while not order.done.wait(_LOOK_S):
                    if cancelled():
                        self._withdraw(orders)
        _account(self._clock() - began_s - sum(order.share_s for order in orders))
        for order in orders:
            if order.error is not None:
                raise order.error
        return [cast("R", order.result) for order in orders]

    def close(self) -> None:
        """End when all that waits is done; later items are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _order(self, item: I, cancelled: Callable[[], bool]) -> _Order[I, R]:
        urgency = URGENCY.get()
        bucket = (self._bucket(item), urgency is Urgency.LIVE)
        return _Order(item, bucket, (-urgency, next(self._number)), cancelled, self._clock())

    def _put(self, orders: Sequence[_Order[I, R]]) -> None:
        with self._changed:
            if self._closed:
                raise Unavailable("The model was let go; try again.", code="model_closed")
            self._line_up(orders)

    def _line_up(self, orders: Sequence[_Order[I, R]]) -> None:
        for order in orders:
            insort(self._waiting, order, key=lambda each: each.turn)
        self._changed.notify_all()

    def _withdraw(self, orders: Sequence[_Order[I, R]]) -> None:
        """Take back those that no batch has taken yet."""
        with self._changed:
            self._give_up([order for order in self._waiting if order in orders])

    def _serve(self) -> None:
        while batch := self._next_batch():
            self._work(batch)

    def _next_batch(self) -> list[_Order[I, R]]:
        """Return the next batch; an empty one when there is nothing more to come."""
        with self._changed:
            while True:
                self._give_up([order for order in self._waiting if order.cancelled()])
                if not self._waiting:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                batch = self._alike()
                patience_s = self._patience_s()
                if len(batch) >= self._limits.items or patience_s <= 0 or self._closed:
                    self._take(batch)
                    return batch
                self._changed.wait(patience_s)

    def _alike(self) -> list[_Order[I, R]]:
        """Return what goes with the first that waits, in their order."""
        first = self._waiting[0]
        return [order for order in self._waiting if order.bucket == first.bucket][: self._limits.items]

    def _patience_s(self) -> float:
        """Return for how long a free model may still wait: whoever waits, of whatever bucket, ends it."""
        oldest_s = min(order.came_s for order in self._waiting)
        return oldest_s + self._limits.delay_ms / 1000 - self._clock()

    def _take(self, orders: Sequence[_Order[I, R]]) -> None:
        taken = set(map(id, orders))
        self._waiting = [each for each in self._waiting if id(each) not in taken]

    def _give_up(self, orders: Sequence[_Order[I, R]]) -> None:
        self._take(orders)
        for order in orders:
            order.error = Cancelled("The caller went away before its turn.")
            order.done.set()

    def _work(self, batch: list[_Order[I, R]]) -> None:
        telemetry.BATCH_SIZE.labels(self._room).observe(len(batch))
        began_s = self._clock()
        results: Sequence[R] = ()
        failure: BaseException | None = None
        try:
            with telemetry.BUSY_SLOTS.track_inprogress():
                results = self._results(batch)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            failure = error
        share_s = (self._clock() - began_s) / len(batch)
        for order in batch:
            order.share_s += share_s
        if failure is None:
            _settle(batch, results)
        else:
            self._failed(batch, failure)

    def _results(self, batch: list[_Order[I, R]]) -> Sequence[R]:
        results = self._run(
            [order.item for order in batch], lambda: all(order.cancelled() for order in batch)
        )
        if len(results) != len(batch):
            raise InternalError("The engine gave another number of results.", code="engine_broke_contract")
        return results

    def _failed(self, batch: list[_Order[I, R]], error: BaseException) -> None:
        if len(batch) == 1:
            batch[0].error = error
            batch[0].done.set()
            return
        for order in batch:
            order.bucket = order  # like nothing else
        with self._changed:
            self._line_up(batch)


def _settle(batch: Sequence[_Order[I, R]], results: Sequence[R]) -> None:
    for order, result in zip(batch, results, strict=True):
        order.result = result
        order.done.set()


@contextmanager
def _at_rest() -> Iterator[None]:
    """Count an admitted call as no busy slot while it waits; the batch that it waits for counts as one."""
    if WAITING.get() is None:
        yield
        return
    telemetry.BUSY_SLOTS.dec()
    try:
        yield
    finally:
        telemetry.BUSY_SLOTS.inc()


def _account(waited_s: float) -> None:
    waiting = WAITING.get()
    if waiting is not None:
        waiting.seconds += waited_s
