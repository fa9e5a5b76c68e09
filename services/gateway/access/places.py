"""Requests that run at once: each holds one of its tenant's places, over all gateways."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis

from services.gateway.access.counters import Counters
from services.gateway.jobs.admission import refusal
from services.shared import telemetry
from services.shared.errors import Overloaded


class Places:
    """Gives places to requests that call model servers themselves. To be used from one event loop.

    A place is a lease, so that those of a gateway that died are free again after a while. While Redis is away
    nobody is refused: the model servers refuse what is too much for them.

    Args:
        counters: Of all gateways; nothing is limited without.
    """

    def __init__(self, counters: Counters | None = None) -> None:
        self._counters = counters
        self._leaving: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    @asynccontextmanager
    async def held(self, tenant: str) -> AsyncIterator[None]:
        """Hold one of a tenant's places.

        Raises:
            Overloaded: (code concurrency_limited) all are taken, or (audio_quota_exceeded) the tenant has no
                audio left for this month.
        """
        if self._counters is None:
            yield
            return
        token = uuid.uuid4().hex
        if not await self._enter(self._counters, tenant, token):
            yield
            return
        prolonging = asyncio.create_task(_prolong(self._counters, tenant, token))
        try:
            yield
        finally:
            prolonging.cancel()
            self._leave(self._counters, tenant, token)

    async def _enter(self, counters: Counters, tenant: str, token: str) -> bool:
        """Take a place; False when Redis is away and there is none to give back."""
        # A client that sends one after the other must not meet its own last request.
        if leaving := self._leaving.get(tenant):
            await asyncio.wait(set(leaving))
        asked = asyncio.ensure_future(asyncio.to_thread(counters.hold, tenant, token))
        try:
            answer = await asyncio.shield(asked)
        except asyncio.CancelledError:
            # The client is gone; the place may be taken all the same.
            asked.add_done_callback(lambda _: self._leave(counters, tenant, token))
            raise
        except redis.RedisError as error:
            telemetry.logger().warning("request not counted", error=type(error).__name__)
            return False
        if answer == "full":
            detail = "Too many of your requests run at once: wait for some to end."
            raise Overloaded(detail, code="concurrency_limited")
        if answer != "held":
            raise refusal(answer)
        return True

    def _leave(self, counters: Counters, tenant: str, token: str) -> None:
        """Give a place back, without waiting: this also runs when the request was cancelled."""
        task = asyncio.create_task(_release(counters, tenant, token))
        self._leaving[tenant].add(task)
        task.add_done_callback(lambda done: self._left(tenant, done))

    def _left(self, tenant: str, task: asyncio.Task[None]) -> None:
        self._leaving[tenant].discard(task)
        if not self._leaving[tenant]:
            del self._leaving[tenant]


async def _prolong(counters: Counters, tenant: str, token: str) -> None:
    while True:
        await asyncio.sleep(counters.lease_ms / 3000)
        with suppress(redis.RedisError):  # the next one may get through
            await asyncio.to_thread(counters.prolong, tenant, token)


async def _release(counters: Counters, tenant: str, token: str) -> None:
    with suppress(redis.RedisError):  # the lease runs out
        await asyncio.to_thread(counters.release, tenant, token)
