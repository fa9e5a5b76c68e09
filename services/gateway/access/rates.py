"""Requests per minute: each gateway takes a few from its tenant's bucket, and counts those itself."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import redis

from services.gateway.access.counters import Counters, Taken
from services.gateway.access.model import Rate
from services.shared import telemetry

# After which what was taken is asked for anew, for the limit may be another one.
_KEPT_S: Final = 30.0
# While Redis is away, and while a bucket is empty, it is asked no more often than that.
_AWAY_S: Final = 1.0
_EMPTY_S: Final = 0.05
_NO_LIMIT: Final = Taken(0, 0, 0, 0)


@dataclass(slots=True)
class _Batch:
    """What this gateway has of a tenant's bucket."""

    taken: Taken = _NO_LIMIT
    count: int = 0
    until_s: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rates:
    """Counts requests against their tenants' limits. To be used from one event loop.

    While Redis is away nobody is refused: what needs Redis fails by itself, and what does not should go on.

    Args:
        counters: Of all gateways; nothing is limited without.
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, counters: Counters | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._now = now
        self._batches: dict[str, _Batch] = {}

    async def take(self, tenant: str) -> Rate | None:
        """Count a request; return how its tenant stands, None when it has no limit.

        One that is too many is counted as well as any other: its `wait_s` is above 0.
        """
        if self._counters is None:
            return None
        batch = self._batches.get(tenant)
        if batch is None:
            batch = self._batches[tenant] = _Batch()
        if self._is_used_up(batch):
            async with batch.asking:
                if self._is_used_up(batch):
                    await self._refill(self._counters, tenant, batch)
        taken = batch.taken
        if not taken.limit:
            return None
        if not batch.count:
            return Rate(taken.limit, 0, max(1, math.ceil(taken.next_ms / 1000)))
        batch.count -= 1
        return Rate(taken.limit, batch.count + taken.left)

    def _is_used_up(self, batch: _Batch) -> bool:
        # An empty bucket is left alone for a moment: whoever sends too much must not keep Redis busy with it.
        counted = batch.taken.limit and batch.taken.count and not batch.count
        return bool(counted) or batch.until_s <= self._now()

    async def _refill(self, counters: Counters, tenant: str, batch: _Batch) -> None:
        try:
            taken = await asyncio.to_thread(counters.take, tenant)
            empty = taken.limit and not taken.count
            keep_s = max(_EMPTY_S, taken.next_ms / 1000) if empty else _KEPT_S
        except redis.RedisError as error:
            telemetry.logger().warning("requests not counted", error=type(error).__name__)
            taken, keep_s = _NO_LIMIT, _AWAY_S
        batch.taken, batch.count, batch.until_s = taken, taken.count, self._now() + keep_s
