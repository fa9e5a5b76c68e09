"""Both clients against a real HTTP server with set answers; what they would have slept is only noted."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import httpx
import pytest

from dragoman import AsyncDragoman, Dragoman
from dragoman.client import Jobs, _Client
from tests.support.stub_gateway import StubGateway, stub_gateway

KEY = "the-key"


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    """A gateway that says what a test has set."""
    with stub_gateway() as stub:
        yield stub


class Either:
    """Runs the same calls with the blocking client, or with the asynchronous one in an event loop.

    Attributes:
        waits_s: What it would have slept.
        max_retries: Of the client.
        timeout_s: Of the client.
    """

    def __init__(self, kind: Literal["blocking", "awaiting"], url: str) -> None:
        self._kind = kind
        self._url = url
        self.waits_s: list[float] = []
        self.max_retries = 2
        self.timeout_s = 10.0

    def __call__(self, use: Callable[[Any], Any]) -> Any:
        """Return what `use` gets from a client: a value, or a list where it iterates."""
        return self._block(use) if self._kind == "blocking" else asyncio.run(self._await(use))

    def _block(self, use: Callable[[Any], Any]) -> Any:
        with httpx.Client(timeout=self.timeout_s, trust_env=False) as http:
            client = Dragoman(self._url, api_key=KEY, max_retries=self.max_retries, http=http)
            rewire(client, dataclasses.replace(client.driver, sleep=self.waits_s.append))
            found = use(client)
            return list(found) if isinstance(found, Iterator) else found

    async def _await(self, use: Callable[[Any], Any]) -> Any:
        async with httpx.AsyncClient(timeout=self.timeout_s, trust_env=False) as http:
            client = AsyncDragoman(self._url, api_key=KEY, max_retries=self.max_retries, http=http)
            rewire(client, dataclasses.replace(client.driver, sleep=self._noted))
            found = use(client)
            if isinstance(found, AsyncIterator):
                return [each async for each in found]
            return await found if inspect.isawaitable(found) else found

    async def _noted(self, seconds: float) -> None:
        self.waits_s.append(seconds)


def rewire(client: _Client[Any], driver: Any) -> None:
    """Give a client another driver."""
    _Client.__init__(client, driver)
    assert isinstance(client.jobs, Jobs)


@pytest.fixture(params=["blocking", "awaiting"])
def either(request: pytest.FixtureRequest, gateway: StubGateway) -> Either:
    """Both clients, one after the other."""
    return Either(request.param, gateway.url)
