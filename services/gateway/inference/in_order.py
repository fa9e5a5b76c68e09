"""Several pieces of work at once, their results in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_order(
    work: Iterable[Callable[[], Coroutine[Any, Any, T]]], at_once: int
) -> AsyncGenerator[T, None]:
    """Yield what each piece of work returns, at most `at_once` of them begun and not taken.

    To be closed by whoever leaves early: what runs then is cancelled, as it is when a piece fails.
    """
    begun: deque[asyncio.Task[T]] = deque()
    try:
        for each in work:
            begun.append(asyncio.create_task(each()))
            if len(begun) == at_once:
                yield await begun.popleft()
        while begun:
            yield await begun.popleft()
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
