"""Endpoints and deliveries, kept in Redis by atomic scripts: any number of couriers may share them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

import redis

from services.gateway.webhooks.model import (
    DELIVERY_ID,
    WEBHOOK_ID,
    Attempt,
    Claim,
    Delivery,
    DeliveryState,
    Disabled,
    Endpoint,
    Message,
    Verdict,
)
from services.shared.redis_errors import reaching

KEEP_MS: Final = 30 * 24 * 3_600_000
# For which the secret before a rotation signs along.
ROTATION_MS: Final = 24 * 3_600_000
_SCRIPTS: Final = ("create", "change", "rotate", "delete", "enqueue", "claim", "settle", "replay")
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries to list, newest first.

    Attributes:
        limit: At most this many.
        state: Only those in this state.
        before: Only those whose id sorts before this one.
    """

    limit: int
    state: DeliveryState | None = None
    before: str | None = None


class WebhookStore:
    """The webhooks of an installation. Every method may be called from any thread.

    Args:
        connection: Redis with decode_responses.
        prefix: Of every key of the installation.

    Raises:
        Unavailable: (codes redis_unavailable, redis_full) from every method, when Redis is away or full.
    """

    def __init__(self, connection: redis.Redis, prefix: str) -> None:
        self._redis = connection
        self._prefix = f"{prefix}webhooks:"
        folder = resources.files("services.gateway.webhooks") / "scripts"
        library = (folder / "lib.lua").read_text()
        self._scripts = {
            name: connection.register_script(library + (folder / f"{name}.lua").read_text())
            for name in _SCRIPTS
        }

    # Endpoints

    def create(self, endpoint: Endpoint, secret: str, most: int) -> str:
        """Keep a new endpoint: "created"; "exists", its URL is taken; "full", its tenant has `most`."""
        names = ("description", "events", "all_jobs", "enabled")
        fields = {name: _WRITE[name](getattr(endpoint, name)) for name in names} | {"secret": secret}
        return str(self._run("create", endpoint.tenant, endpoint.id, endpoint.url, most, *_flat(fields)))

    def change(self, tenant: str, webhook: str, changes: Mapping[str, Any]) -> str:
        """Change fields of an endpoint: "changed"; "exists", its new URL is taken; "gone"."""
        fields = {name: _WRITE[name](each) for name, each in changes.items() if name != "url"}
        return str(self._run("change", tenant, webhook, changes.get("url", ""), *_flat(fields)))

    def rotate(self, tenant: str, webhook: str, secret: str) -> bool:
        """Replace an endpoint's secret; the old one signs along for ROTATION_MS. False: no such endpoint."""
        return bool(self._run("rotate", tenant, webhook, secret, ROTATION_MS))

    def delete(self, tenant: str, webhook: str) -> bool:
        """Forget an endpoint and all its deliveries; False when there is none."""
        return bool(self._run("delete", tenant, webhook))

    def get(self, tenant: str, webhook: str) -> Endpoint | None:
        """Return an endpoint of a tenant."""
        if not WEBHOOK_ID.fullmatch(webhook):
            return None
        with reaching:
            fields: Any = self._redis.hgetall(self._key("endpoint", tenant, webhook))
        return _endpoint(tenant, webhook, fields) if fields else None

    def list(self, tenant: str) -> Sequence[Endpoint]:
        """Return all endpoints of a tenant, oldest first."""
        with reaching:
            ids: Any = sorted(self._redis.hvals(self._key("urls", tenant)))
            found = self._hashes(self._key("endpoint", tenant, each) for each in ids)
        return [_endpoint(tenant, each, fields) for each, fields in zip(ids, found, strict=True) if fields]

    def at(self, tenant: str, url: str) -> str | None:
        """Return the id of a tenant's endpoint with this URL."""
        with reaching:
            found = self._redis.hget(self._key("urls", tenant), url)
        return None if found is None else str(found)

    # Deliveries

    def enqueue(self, tenant: str, webhook: str, message: Message, most: int) -> int:
        """Keep a delivery that is due at once, unless it is there already or its endpoint is disabled.

        An endpoint has at most `most`: the oldest ones are forgotten.

        Returns:
            How many of those were still pending; -1 when the endpoint is disabled or gone.
        """
        fields = {"type": message.type, "body": message.body, "most": str(message.attempts)}
        if message.job is not None:
            fields["job"] = message.job
        return int(self._run("enqueue", tenant, webhook, message.id, KEEP_MS, most, *_flat(fields)))

    def claim(self, lease_ms: int) -> Claim | None:
        """Take the next delivery that is due; it is this caller's for `lease_ms`. None when none is."""
        answer = self._run("claim", lease_ms)
        if answer is None:
            return None
        endpoint, delivery, now_ms, token, kind, job, body, most, tried, url, *secrets = answer
        tenant, _, webhook = endpoint.rpartition(":")
        return Claim(
            tenant=tenant,
            webhook=webhook,
            message=Message(delivery, kind, job, body, int(most)),
            url=url,
            secrets=tuple(each for each in secrets if each),
            tried=int(tried),
            token=int(token),
            at=_time(now_ms),
        )

    def settle(self, claim: Claim, attempt: Attempt, verdict: Verdict, patience_ms: int) -> str:
        """Write down how an attempt went.

        Args:
            claim: The delivery.
            attempt: What happened.
            verdict: What follows from it.
            patience_ms: An endpoint whose every attempt failed for so long is disabled.

        Returns:
            "settled"; "gone" or "failing" when the endpoint is disabled from here on, for this reason; "lost"
            when the lease ran out and the delivery is somebody else's, or the endpoint was deleted.
        """
        record = {
            "at_ms": round(attempt.at.timestamp() * 1000),
            "duration_ms": attempt.duration_ms,
            "status_code": attempt.status_code,
            "error": attempt.error,
        }
        ids = (claim.tenant, claim.webhook, claim.message.id, claim.token, json.dumps(record))
        then = (verdict.state, verdict.delay_ms, verdict.hold_ms, int(verdict.gone))
        return str(self._run("settle", *ids, *then, patience_ms))

    def replay(self, tenant: str, webhook: str, delivery: str, attempts: int) -> str:
        """Send a delivery again, in a new round of attempts: "replayed", "disabled" or "unknown"."""
        return str(self._run("replay", tenant, webhook, delivery, attempts))

    def delivery(self, tenant: str, webhook: str, delivery: str) -> Delivery | None:
        """Return a delivery of an endpoint."""
        if not (WEBHOOK_ID.fullmatch(webhook) and DELIVERY_ID.fullmatch(delivery)):
            return None
        with reaching:
            fields: Any = self._redis.hgetall(self._key("delivery", tenant, webhook, delivery))
        return _delivery(webhook, delivery, fields) if fields else None

    def deliveries(self, tenant: str, webhook: str, query: DeliveryQuery) -> Sequence[Delivery]:
        """Return deliveries of an endpoint, newest first."""
        found: list[Delivery] = []
        for page in self._pages(self._key("deliveries", tenant, webhook), query.before):
            with reaching:
                kept = self._hashes(self._key("delivery", tenant, webhook, each) for each in page)
            read = (
                _delivery(webhook, each, fields) for each, fields in zip(page, kept, strict=True) if fields
            )
            found += [each for each in read if query.state in (None, each.state)]
            if len(found) >= query.limit:
                break
        return found[: query.limit]

    def wait(self, timeout_s: float) -> None:
        """Sleep until a delivery may be due, at most `timeout_s`."""
        with reaching:
            self._redis.blpop([self._prefix + "wake"], timeout=timeout_s)

    def _hashes(self, keys: Iterable[str]) -> Sequence[Mapping[str, str]]:
        """Return hashes in one round trip; empty where there is none."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hgetall(key)
            found: Sequence[Mapping[str, str]] = pipeline.execute()
        return found

    def _pages(self, index: str, before: str | None) -> Iterator[Sequence[str]]:
        """Yield the ids of an index from the highest down."""
        while True:
            with reaching:
                page: Any = self._redis.zrevrangebylex(index, f"({before}" if before else "+", "-", 0, _PAGE)
            yield page
            if len(page) < _PAGE:
                return
            before = page[-1]

    def _run(self, script: str, *arguments: str | float) -> Any:
        with reaching:
            return self._scripts[script](keys=[self._prefix], args=arguments)

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def _flag(value: bool) -> str:  # noqa: FBT001 - it is what the field holds
    return str(int(value))


# How the fields of an endpoint that change are written down.
_WRITE: Final[Mapping[str, Callable[[Any], str]]] = {
    "description": str,
    "events": json.dumps,
    "all_jobs": _flag,
    "enabled": _flag,
    "disabled_reason": str,
}


def _endpoint(tenant: str, webhook: str, fields: Mapping[str, str]) -> Endpoint:
    reason = fields.get("disabled_reason")
    return Endpoint(
        id=webhook,
        tenant=tenant,
        url=fields["url"],
        description=fields["description"],
        events=tuple(json.loads(fields["events"])),
        all_jobs=fields["all_jobs"] == "1",
        created_at=_time(fields["created_ms"]),
        enabled=fields["enabled"] == "1",
        disabled_reason=Disabled(reason) if reason else None,
    )


def _delivery(webhook: str, delivery: str, fields: Mapping[str, str]) -> Delivery:
    return Delivery(
        id=delivery,
        webhook=webhook,
        type=fields["type"],
        job=fields.get("job"),
        state=DeliveryState(fields["state"]),
        created_at=_time(fields["created_ms"]),
        next_attempt_at=_time(fields["next_ms"]) if "next_ms" in fields else None,
        attempts=tuple(_attempt(each) for each in json.loads(fields.get("attempts", "[]"))),
    )


def _attempt(record: Mapping[str, Any]) -> Attempt:
    return Attempt(_time(record["at_ms"]), int(record["duration_ms"]), record["status_code"], record["error"])


def _time(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _flat(fields: Mapping[str, str]) -> Iterator[str]:
    return (text for pair in fields.items() for text in pair)
