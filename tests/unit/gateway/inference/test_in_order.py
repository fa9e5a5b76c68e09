"""Several pieces of work at once, their results in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from services.gateway.inference.in_order import in_order
from tests.support.waiting import becomes


class Bench:
    """Work that ends when it is let."""

    def __init__(self, count: int) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.lets = [asyncio.Event() for _ in range(count)]

    async def piece(self, number: int) -> int:
        self.begun.append(number)
        try:
            await self.lets[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return number

    def work(self) -> list[Callable[[], Coroutine[Any, Any, int]]]:
        return [partial(self.piece, number) for number in range(len(self.lets))]


async def test_results_come_in_order_whatever_ends_first() -> None:
    bench = Bench(3)
    for let in reversed(bench.lets):
        let.set()
    assert [number async for number in in_order(bench.work(), 3)] == [0, 1, 2]


async def test_no_more_are_begun_than_may_be() -> None:
    bench = Bench(4)
    bench.lets[0].set()
    async with aclosing(in_order(bench.work(), 2)) as results:
        assert await anext(results) == 0
        assert bench.begun == [0, 1]


async def test_who_leaves_early_cancels_what_runs() -> None:
    bench = Bench(3)
    bench.lets[0].set()
    async with aclosing(in_order(bench.work(), 3)) as results:
        await anext(results)
    assert bench.cancelled == [1, 2]


async def test_a_failure_cancels_the_others() -> None:
    async def fails() -> int:
        raise ValueError("broken")

    bench = Bench(1)
    with pytest.raises(ValueError, match="broken"):
        [number async for number in in_order([fails, *bench.work()], 2)]
    assert bench.cancelled == bench.begun


async def test_who_is_cancelled_while_waiting_cancels_all() -> None:
    bench = Bench(2)

    async def collect() -> list[int]:
        return [number async for number in in_order(bench.work(), 2)]

    waiting = asyncio.create_task(collect())
    await becomes(lambda: len(bench.begun) == 2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(bench.cancelled) == [0, 1]
