"""What tenants may use and have used: limits, stored bytes, audio of the month, and use per day and stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib import resources
from typing import Any, Final

import redis

# A batch that is written again later than that counts twice.
_REPEATED_MS: Final = 24 * 3_600_000


def source(name: str) -> str:
    """Return the text of a script."""
    return (resources.files("services.shared.ledger") / "scripts" / f"{name}.lua").read_text()


# Goes before every script that asks for limits or counts use, also those outside the ledger.
TENANTS: Final = source("tenants")


@dataclass(frozen=True, slots=True)
class Limits:
    """A tenant's own limits: None where the installation's hold, 0 for none.

    Attributes:
        requests_per_minute: To all routes.
        concurrent_requests: To routes that call model servers themselves.
        unfinished_jobs: At which no more is accepted.
        storage_bytes: That its jobs may keep.
        audio_minutes_per_month: After which no more is accepted until the next one (UTC).
    """

    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    unfinished_jobs: int | None = None
    storage_bytes: int | None = None
    audio_minutes_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant stands against what it may.

    Attributes:
        jobs: Unfinished ones over all tenants.
        jobs_of_tenant: Those of its own.
        stored_bytes: That its jobs keep: inputs, and files of those that have ended.
        audio_ms: Heard or made this month.
        limits: Its own.
    """

    jobs: int
    jobs_of_tenant: int
    stored_bytes: int
    audio_ms: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Use:
    """What a tenant used of a stage.

    Attributes:
        units: How many were done.
        audio_ms: How much audio they covered.
        served_ms: How long they held slots of model servers.
    """

    units: int = 0
    audio_ms: int = 0
    served_ms: int = 0

    def __add__(self, other: Use) -> Use:
        """Return both together."""
        return Use(self.units + other.units, self.audio_ms + other.audio_ms, self.served_ms + other.served_ms)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a tenant used without a job.

    Attributes:
        tenant: Who did.
        stage: Of which stage.
        use: How much.
        audio_ms: What of its audio counts for the month: each piece once, whatever it went through.
    """

    tenant: str
    stage: str
    use: Use
    audio_ms: int = 0


class Accounts:
    """The tenants of a ledger.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = prefix
        self._standing = connection.register_script(TENANTS + source("standing"))
        self._spend = connection.register_script(TENANTS + source("spend"))

    def standing(self, tenant: str) -> Standing:
        """Return how a tenant stands against its limits."""
        answer: Any = self._standing(keys=[self._prefix], args=[tenant])
        jobs, jobs_of_tenant, stored_bytes, audio_ms, own = answer
        limits = Limits(**{name: int(value) for name, value in zip(own[::2], own[1::2], strict=True)})
        return Standing(jobs, jobs_of_tenant, stored_bytes, audio_ms, limits)

    def spend(self, batch: str, spent: Iterable[Spent]) -> None:
        """Count what was used without a job; the same batch again, after a lost reply, counts once."""
        arguments: list[str | int] = [batch, _REPEATED_MS]
        for each in spent:
            use = each.use
            arguments += [
                each.tenant, each.stage, use.units, use.audio_ms, use.served_ms, each.audio_ms
            ]  # fmt: skip
        self._spend(keys=[self._prefix], args=arguments)

    def use(self, tenant: str, days: Sequence[date]) -> Mapping[date, Mapping[str, Use]]:
        """Return what a tenant used on each of some days (UTC), per stage; days without use are left out."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(self._key("usage", tenant, day.isoformat()))
            found: list[dict[str, str]] = pipeline.execute()
        return {day: _by_stage(fields) for day, fields in zip(days, found, strict=True) if fields}

    # Limits

    def tenants(self) -> list[str]:
        """Return the names of all tenants that were ever given a key or limits, sorted."""
        names: Any = self._redis.smembers(self._key("tenants"))
        return sorted(names)

    def is_known(self, tenant: str) -> bool:
        """Say whether a tenant was ever given a key or limits."""
        return bool(self._redis.sismember(self._key("tenants"), tenant))

    def limits(self, tenants: Sequence[str]) -> list[Limits]:
        """Return the tenants' own limits, in the order asked for."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for tenant in tenants:
                pipeline.hgetall(self._key("tenant", tenant))
            found: list[dict[str, str]] = pipeline.execute()
        return [Limits(**{name: int(value) for name, value in own.items()}) for own in found]

    def set_limits(self, tenant: str, limits: Limits) -> None:
        """Give a tenant limits of its own in place of those it had."""
        own: dict[Any, Any] = {name: value for name, value in asdict(limits).items() if value is not None}
        with self._redis.pipeline() as pipeline:
            pipeline.delete(self._key("tenant", tenant))
            if own:
                pipeline.hset(self._key("tenant", tenant), mapping=own)
            pipeline.sadd(self._key("tenants"), tenant)
            pipeline.execute()

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def days_between(first: date, last: date) -> list[date]:
    """Return the days from the first to the last one, both included."""
    return [first + timedelta(days) for days in range((last - first).days + 1)]


def _by_stage(fields: Mapping[str, str]) -> dict[str, Use]:
    counts: dict[str, dict[str, int]] = {}
    for name, value in fields.items():
        stage, _, what = name.partition(":")
        counts.setdefault(stage, {})[what] = int(value)
    return {stage: Use(**found) for stage, found in sorted(counts.items())}
