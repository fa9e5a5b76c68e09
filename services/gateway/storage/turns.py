"""Whose turn it is, read from where the ledger keeps the units that wait."""

from __future__ import annotations

from typing import Any, Final

import redis

from services.gateway.jobs.model import Job
from services.gateway.jobs.queue import Ahead
from services.shared.redis_errors import reaching
from services.shared.tasks import STAGES, service_of

# More units of earlier jobs than this are not told apart by job.
_MOST_UNITS: Final = 1_000
_MOST_TENANTS: Final = 1_000
# The score of a unit is its job's time times this, plus its region: see the ledger's lib.lua.
_REGIONS: Final = 4_096


class RedisTurns:
    """Reads the ledger's queues; changes nothing.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix

    @reaching
    def ahead(self, job: Job, stage: str) -> Ahead | None:
        """Return what is ahead of a job that waits at a stage."""
        service = service_of(stage)
        before = f"({round(job.created_at.timestamp() * 1000) * _REGIONS}"
        own_queue = self._ready(service, job.priority, job.tenant)
        stages = [each for each in STAGES if service_of(each) == service]
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zcount(own_queue, "-inf", before)
        pipeline.zrangebyscore(own_queue, "-inf", before, 0, _MOST_UNITS)
        pipeline.lrange(f"{self._prefix}ring:{service}:{job.priority}", 0, _MOST_TENANTS)
        pipeline.lrange(f"{self._prefix}ring:{service}:interactive", 0, _MOST_TENANTS)
        pipeline.hget(f"{self._prefix}waiting", service)
        pipeline.hmget(f"{self._prefix}stages", [f"{each}:leased" for each in stages])
        own, units, ring, interactive, waiting, leased = pipeline.execute()
        others = self._lengths(service, job.priority, [each for each in ring if each != job.tenant])
        # Until its turn comes for the last of what is ahead, each other tenant gets as many turns.
        turns = sum(min(length, own + 1) for length in others)
        first = 0
        if job.priority != "interactive":
            first = sum(self._lengths(service, "interactive", interactive))
        return Ahead(
            jobs=len({unit.partition(":")[0] for unit in units}) if own <= _MOST_UNITS else None,
            units=own + turns + first,
            waiting=int(waiting or 0),
            running=sum(int(count or 0) for count in leased),
        )

    def _lengths(self, service: str, priority: str, tenants: list[str]) -> list[int]:
        if not tenants:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for tenant in tenants:
            pipeline.zcard(self._ready(service, priority, tenant))
        found: list[Any] = pipeline.execute()
        return [int(length) for length in found]

    def _ready(self, service: str, priority: str, tenant: str) -> str:
        return f"{self._prefix}ready:{service}:{priority}:{tenant}"
