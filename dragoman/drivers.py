"""Run flows: one driver blocks, one awaits. Neither knows what a flow is about."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import httpx

from dragoman.effects import Effect, Emit, Flow, Open, Options, Read, Request, Send, Sleep, Stream, Tell

T = TypeVar("T")


class _End(Exception):
    """A flow is over."""


class _Running(Generic[T]):
    """A flow that is being run, and what is open for it."""

    def __init__(self, flow: Flow[T] | Stream[T]) -> None:
        self._flow = flow
        self._reply: Any = None
        self._failure: httpx.TransportError | None = None
        self.opened: Any = None
        self.chunks: Any = None
        self.value: T | None = None

    def next(self) -> Effect | Emit[Any]:
        """Return what the flow wants next; raises _End when it is over."""
        failure, self._failure = self._failure, None
        try:
            return self._flow.send(self._reply) if failure is None else self._flow.throw(failure)
        except StopIteration as over:
            self.value = over.value
            raise _End from None

    def reply(self, value: Any) -> None:
        """Note what the last effect gave."""
        self._reply = value

    def fail(self, failure: httpx.TransportError) -> None:
        """Note that the last effect failed."""
        self._reply, self._failure = None, failure

    def close(self) -> None:
        """End the flow early."""
        self._flow.close()


@dataclass(frozen=True, slots=True)
class Blocking:
    """Runs flows in the caller's thread.

    Attributes:
        http: Sends the requests.
        key: The API key.
        options: Of the client.
        sleep: Waits for some seconds.
    """

    http: httpx.Client
    key: str = field(repr=False)
    options: Options
    sleep: Callable[[float], None] = time.sleep

    def run(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        running = _Running(flow)
        for _ in self._steps(running):
            raise TypeError("This flow is for `each`.")
        return cast("T", running.value)

    def each(self, flow: Stream[T]) -> Iterator[T]:
        """Yield what a flow emits."""
        return self._steps(_Running(flow))

    def _steps(self, running: _Running[Any]) -> Iterator[Any]:
        try:
            with contextlib.suppress(_End):
                while True:
                    effect = running.next()
                    if isinstance(effect, Emit):
                        running.reply(None)
                        yield effect.value
                    else:
                        self._perform(effect, running)
        finally:
            running.close()
            _close(running)

    def _perform(self, effect: Effect, running: _Running[Any]) -> None:
        try:
            running.reply(self._done(effect, running))
        except httpx.TransportError as failure:
            running.fail(failure)

    def _done(self, effect: Effect, running: _Running[Any]) -> Any:
        match effect:
            case Send(request):
                return self.http.send(_built(self, request))
            case Open(request):
                _close(running)
                running.opened = self.http.send(_built(self, request), stream=True)
                running.chunks = running.opened.iter_raw()
                return running.opened
            case Read():
                return next(running.chunks, None)
            case Sleep(seconds):
                return self.sleep(seconds)
            case Tell(function, value):
                return function(value)
            case _:
                return self.options


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Runs flows in an event loop.

    Attributes:
        http: Sends the requests.
        key: The API key.
        options: Of the client.
        sleep: Waits for some seconds.
    """

    http: httpx.AsyncClient
    key: str = field(repr=False)
    options: Options
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        running = _Running(flow)
        async for _ in self._steps(running):
            raise TypeError("This flow is for `each`.")
        return cast("T", running.value)

    def each(self, flow: Stream[T]) -> AsyncIterator[T]:
        """Yield what a flow emits."""
        return self._steps(_Running(flow))

    async def _steps(self, running: _Running[Any]) -> AsyncIterator[Any]:
        try:
            with contextlib.suppress(_End):
                while True:
                    effect = running.next()
                    if isinstance(effect, Emit):
                        running.reply(None)
                        yield effect.value
                    else:
                        await self._perform(effect, running)
        finally:
            running.close()
            await _aclose(running)

    async def _perform(self, effect: Effect, running: _Running[Any]) -> None:
        try:
            running.reply(await self._done(effect, running))
        except httpx.TransportError as failure:
            running.fail(failure)

    async def _done(self, effect: Effect, running: _Running[Any]) -> Any:
        match effect:
            case Send(request):
                return await self.http.send(_built(self, request))
            case Open(request):
                await _aclose(running)
                running.opened = await self.http.send(_built(self, request), stream=True)
                running.chunks = running.opened.aiter_raw()
                return running.opened
            case Read():
                return await anext(running.chunks, None)
            case Sleep(seconds):
                return await self.sleep(seconds)
            case Tell(function, value):
                told = function(value)
                return await told if inspect.isawaitable(told) else told
            case _:
                return self.options


def _built(driver: Blocking | Awaiting, request: Request) -> httpx.Request:
    timeout = driver.http.timeout.as_dict()
    if request.silence_s is not None:
        timeout["read"] = request.silence_s
    return driver.http.build_request(
        request.method,
        driver.options.base_url + request.path,
        params={name: value for name, value in request.params.items() if value is not None},
        headers={"Authorization": f"Bearer {driver.key}", **request.headers},
        json=request.json,
        content=request.content,
        files=request.parts,
        timeout=httpx.Timeout(**timeout),
    )


def _close(running: _Running[Any]) -> None:
    if running.opened is not None:
        running.opened.close()
        running.opened = None


async def _aclose(running: _Running[Any]) -> None:
    if running.opened is not None:
        await running.opened.aclose()
        running.opened = None
