"""What all gateways count together, in Redis: a tenant's requests per minute, and those that run at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from services.gateway.access.register import script


@dataclass(frozen=True, slots=True)
class Defaults:
    """Limits of tenants that have none of their own; 0 is no limit."""

    requests_per_minute: int = 0
    concurrent_requests: int = 0
    audio_minutes_per_month: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a gateway took out of a tenant's bucket of requests.

    Attributes:
        limit: Requests per minute; 0 for no limit.
        count: How many were taken.
        left: How many are still in it.
        next_ms: When there will be one, if none was taken.
    """

    limit: int
    count: int
    left: int
    next_ms: int


class Counters:
    """An installation's counters. Every method raises redis.RedisError, and may be called from any thread.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key in it.
        defaults: Limits of tenants that have none of their own.
        lease_ms: After which a place is free again that nobody prolonged.
    """

    def __init__(
        self, connection: redis.Redis, prefix: str, defaults: Defaults, lease_ms: int = 60_000
    ) -> None:
        self.lease_ms = lease_ms
        self._redis = connection
        self._prefix = prefix
        self._defaults = defaults
        self._scripts = {name: script(connection, name) for name in ("take", "hold", "prolong")}

    def take(self, tenant: str) -> Taken:
        """Take some of a tenant's requests of this minute."""
        return Taken(*self._run("take", tenant, self._defaults.requests_per_minute))

    def hold(self, tenant: str, token: str) -> str:
        """Take a place among the requests that run at once: "held", or "full" or "audio_full" if refused."""
        at_once, minutes = self._defaults.concurrent_requests, self._defaults.audio_minutes_per_month
        return str(self._run("hold", tenant, token, self.lease_ms, at_once, minutes))

    def prolong(self, tenant: str, token: str) -> None:
        """Keep a place for another lease."""
        self._run("prolong", tenant, token, self.lease_ms)

    def release(self, tenant: str, token: str) -> None:
        """Give a place back."""
        self._redis.zrem(f"{self._prefix}places:{tenant}", token)

    def _run(self, name: str, *arguments: str | int) -> Any:
        return self._scripts[name](keys=[self._prefix], args=arguments)
