"""Answers that are made while the client waits: they end when it goes away, and begin when they can."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.shared.errors import Cancelled, DragomanError

T = TypeVar("T")

DONE: Final = "data: [DONE]\n\n"


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; when the client closes its connection meanwhile, cancel the work.

    The body must have been read.

    Raises:
        Cancelled: (code client_gone) it did; nobody hears this.
    """
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
    if working.cancelled():
        raise Cancelled("The client closed its connection.", code="client_gone")
    return working.result()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def started(parts: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Wait for the first part: what goes wrong until then is an error with a status of its own."""
    try:
        first = [await anext(parts)]
    except StopAsyncIteration:
        first = []
    except BaseException:
        await parts.aclose()
        raise
    return _rest(first, parts)


async def _rest(first: list[T], parts: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(parts):
        for part in first:
            yield part
        async for part in parts:
            yield part


class Streamed(StreamingResponse):
    """Streams parts, and closes where they come from, at once when the client goes away."""

    def __init__(self, parts: AsyncGenerator[Any, None], media_type: str) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        async with aclosing(self._parts):
            await super().__call__(scope, receive, send)


async def told(events: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[str, None]:
    """Yield events as the SDKs read them: the last one says that it is done, or what went wrong."""
    try:
        async for event in events:
            yield _event(event)
    except DragomanError as error:
        failure = {"message": error.detail, "type": error.family, "param": None, "code": error.code}
        yield _event({"error": failure})
    else:
        yield DONE


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n"
