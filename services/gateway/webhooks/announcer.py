"""Turns the end of a job into deliveries, one for each endpoint that wants to hear of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from services.gateway.webhooks.model import Endpoint, delivery_id
from services.gateway.webhooks.service import Limits, message_of
from services.gateway.webhooks.store import WebhookStore
from services.shared import telemetry
from services.shared.ledger.records import Event


class Announcer:
    """A subscriber of the outbox. It may hear an event twice: the second time changes nothing.

    Args:
        store: Keeps endpoints and deliveries.
        job: Returns the raw fields of a job, None when it is erased.
        limits: How much is kept and tried.
    """

    def __init__(
        self, store: WebhookStore, job: Callable[[str], Mapping[str, str] | None], limits: Limits
    ) -> None:
        self._store = store
        self._job = job
        self._limits = limits

    def __call__(self, event: Event) -> None:
        """Keep the deliveries of an event.

        Raises:
            Unavailable: Redis is away; the event must be told again.
        """
        endpoints = self._store.list(event.tenant)
        if not endpoints:
            return
        fields = self._job(event.job) or {}
        named = json.loads(fields.get("spec", "{}")).get("webhook")
        kind = f"job.{event.state}"
        for endpoint in endpoints:
            if kind in endpoint.events and (endpoint.all_jobs or endpoint.id == named):
                self._announce(endpoint, kind, event, fields)

    def _announce(self, endpoint: Endpoint, kind: str, event: Event, fields: Mapping[str, str]) -> None:
        data: dict[str, object] = {"job": event.job, "kind": event.kind, "state": event.state}
        if "needs_review" in fields:
            data["needs_review"] = json.loads(fields["needs_review"])
        at = datetime.fromtimestamp(event.finished_ms / 1000, UTC)
        name = delivery_id(event.id, endpoint.id, event.finished_ms)
        message = message_of(name, kind, at, data, attempts=self._limits.attempts)
        dropped = self._store.enqueue(event.tenant, endpoint.id, message, self._limits.deliveries)
        if dropped > 0:
            telemetry.WEBHOOK_DELIVERIES.labels("dropped").inc(dropped)
            telemetry.logger().warning("webhook deliveries dropped", webhook=endpoint.id, count=dropped)
