"""Batches across requests: whoever finds the model free takes along what waits, without waiting for more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from services.shared.errors import Cancelled

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Entry(Generic[K, T, R]):
    key: K
    item: T
    cancelled: Callable[[], bool]
    future: Future[R] = field(default_factory=Future)


class Batcher(Generic[K, T, R]):
    """Runs `work` on batches of items that share a key, in the threads of its callers.

    The caller whose item is the oldest runs a batch as soon as fewer than `parallel` run, and takes the
    next oldest items of the same key along. Alone, a request starts at once; under load, batches grow
    by themselves. The queue is as long as there are callers: admission bounds it.

    Args:
        work: Takes a key and its items, returns as many results.
        size: Most items of a batch.
        parallel: Batches that run at once.
    """

    def __init__(self, work: Callable[[K, Sequence[T]], Sequence[R]], size: int, parallel: int) -> None:
        self._work = work
        self._size = size
        self._free = parallel
        self._waiting: list[_Entry[K, T, R]] = []
        self._changed = threading.Condition()

    def run(self, key: K, item: T, cancelled: Callable[[], bool]) -> R:
        """Return the result for one item; blocks until it is there.

        Raises:
            Cancelled: `cancelled()` was true when the item's turn came.
            Exception: what `work` raised for the item's batch.
        """
        entry: _Entry[K, T, R] = _Entry(key, item, cancelled)
        with self._changed:
            self._waiting.append(entry)
            self._changed.wait_for(lambda: entry.future.done() or self._is_next(entry))
            batch = [] if entry.future.done() else self._take(entry)
        if batch:
            self._run(batch)
        return entry.future.result()

    def _is_next(self, entry: _Entry[K, T, R]) -> bool:
        return self._free > 0 and bool(self._waiting) and self._waiting[0] is entry

    def _take(self, leader: _Entry[K, T, R]) -> list[_Entry[K, T, R]]:
        """Remove the leader's batch from the queue; empty when the leader was cancelled."""
        for gone in [entry for entry in self._waiting if entry.cancelled()]:
            gone.future.set_exception(Cancelled("The caller went away before the work began."))
            self._waiting.remove(gone)
        batch = [entry for entry in self._waiting if entry.key == leader.key][: self._size]
        if leader not in batch:
            batch = []
        self._waiting = [entry for entry in self._waiting if entry not in batch]
        self._free -= bool(batch)
        self._changed.notify_all()
        return batch

    def _run(self, batch: Sequence[_Entry[K, T, R]]) -> None:
        try:
            results = self._work(batch[0].key, [entry.item for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.future.set_result(result)
        except Exception as error:  # noqa: BLE001 - every caller of the batch gets it
            for entry in batch:
                entry.future.set_exception(error)
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
