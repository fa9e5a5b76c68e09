"""Webhooks on a real Redis, without the processes around them: what a test sends, it sees at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from standardwebhooks import Webhook

from services.gateway.settings import WebhookSettings
from services.gateway.webhooks.courier import open_courier
from services.gateway.webhooks.model import Attempt, Claim, Delivery, DeliveryState, Endpoint
from services.gateway.webhooks.service import Wish
from services.gateway.webhooks.store import DeliveryQuery, WebhookStore
from services.gateway.webhooks.wiring import open_announcer, open_webhooks
from services.shared import telemetry
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Event
from services.shared.redis_url import client
from tests.support.receiver import Asked
from tests.support.waiting import until

TENANT = "acme"
# When job_0 ended.
ENDED_MS = time.time_ns() // 1_000_000 - 60_000
ALL = DeliveryQuery(limit=1000)
DELIVERED, FAILED, PENDING = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.PENDING


def outcomes(outcome: str) -> float:
    """Return how many attempts have been counted with an outcome."""
    name = "dragoman_webhook_deliveries_total"
    return telemetry.REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0


class Desk:
    """The webhooks of an installation.

    Attributes:
        webhooks: The use cases.
        courier: One that a test drives step by step.
        redis: For looking at the keys themselves, and for letting time pass.
    """

    def __init__(self, ledger: Ledger, redis_url: str, **settings: Any) -> None:
        self.redis = client(redis_url)
        self.ledger = ledger
        self.settings = WebhookSettings(
            redis_url=redis_url,
            key_prefix=ledger._prefix,
            outbound_trusted=settings.pop("outbound_trusted", "127.0.0.0/8"),
            webhooks_schedule_s=settings.pop("webhooks_schedule_s", "0,0,0"),
            **settings,
        )
        self.webhooks = open_webhooks(self.settings)
        self.courier = open_courier(self.settings)
        self.announce = open_announcer(self.settings, ledger)
        self.store = WebhookStore(self.redis, ledger._prefix)

    def endpoint(self, url: str, tenant: str = TENANT, **wish: Any) -> tuple[Endpoint, str]:
        """Make an endpoint; return it with its secret."""
        return self.webhooks.create(tenant, Wish(url, **wish))

    def ended(
        self, number: int = 1, *, state: str = "succeeded", tenant: str = TENANT, version: int = 3
    ) -> Event:
        """Have a job end; return the event, which was told once."""
        job = f"job_{number}"
        event = Event(f"{job}:{version}", job, tenant, "decode", state, ENDED_MS - 9000, ENDED_MS + number)
        self.announce(event)
        return event

    def send(self) -> Claim | None:
        """Make one attempt at what is due."""
        claim = self.store.claim(60_000)
        if claim is not None:
            self.courier.deliver(claim)
        return claim

    def send_all(self) -> int:
        """Make attempts until nothing is due; return how many."""
        count = 0
        while self.send():
            count += 1
        return count

    def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        """Return what is kept of an endpoint, newest first."""
        return list(self.webhooks.deliveries(endpoint.tenant, endpoint.id, ALL)[0])

    def attempts(self, endpoint: Endpoint) -> list[Attempt]:
        """Return the attempts at the only delivery of an endpoint."""
        (delivery,) = self.deliveries(endpoint)
        return list(delivery.attempts)

    def field(self, endpoint: Endpoint, name: str, value: str | int | None = None) -> str | None:
        """Return a raw field of an endpoint; put it first, where a value is given."""
        key = self.key("endpoint", endpoint)
        if value is not None:
            self.redis.hset(key, name, str(value))
        found = self.redis.hget(key, name)
        return None if found is None else str(found)

    def key(self, kind: str, endpoint: Endpoint) -> str:
        """Return the name of a key of an endpoint."""
        return f"{self.ledger._prefix}webhooks:{kind}:{endpoint.tenant}:{endpoint.id}"

    def let_leases_end(self, endpoint: Endpoint) -> None:
        """Let so much time pass that whatever is being sent to an endpoint is due again."""
        held: Any = self.redis.zrange(self.key("leased", endpoint), 0, -1)
        for each in held:
            self.redis.zadd(self.key("queue", endpoint), {each: 1})
        self.redis.delete(self.key("leased", endpoint))
        self.redis.zadd(f"{self.ledger._prefix}webhooks:due", {f"{endpoint.tenant}:{endpoint.id}": 1})

    @contextmanager
    def sending(self, couriers: int = 1) -> Iterator[None]:
        """Send what is due as reconcilers do."""
        ended = threading.Event()
        threads = [
            threading.Thread(target=open_courier(self.settings).run, args=(ended,)) for _ in range(couriers)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(60)
            assert not any(thread.is_alive() for thread in threads)

    def becomes(self, endpoint: Endpoint, state: str) -> None:
        """Wait until all deliveries of an endpoint are in a state."""
        until(lambda: {each.state for each in self.deliveries(endpoint)} == {state})


def verified(asked: Asked, secret: str) -> Any:
    """Return the JSON of a request, as a receiver reads it that knows the secret; raise when it is forged."""
    return Webhook(secret).verify(asked.body, dict(asked.headers))
