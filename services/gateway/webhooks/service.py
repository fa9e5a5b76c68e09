"""The use cases of webhooks: endpoints and their secrets, test events, deliveries and their replay."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.gateway.jobs.ids import uuid7_hex
from services.gateway.webhooks.model import (
    DELIVERY_ID,
    JOB_EVENTS,
    TEST_EVENT,
    Delivery,
    Disabled,
    Endpoint,
    Message,
)
from services.gateway.webhooks.signing import new_secret
from services.gateway.webhooks.store import DeliveryQuery, WebhookStore
from services.shared.errors import Conflict, NotFound
from services.shared.outbound.policy import Policy, check

MOST_ENDPOINTS: Final = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client says of an endpoint; None leaves a thing as it is.

    Attributes:
        url: Where to send.
        description: The client's own words.
        events: Which of JOB_EVENTS to send.
        all_jobs: Whether to tell of every job, or only of those that name the URL.
        enabled: Whether to send anything.
    """

    url: str | None = None
    description: str | None = None
    events: Sequence[str] | None = None
    all_jobs: bool | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept and tried.

    Attributes:
        deliveries: Most deliveries of one endpoint; the oldest ones are forgotten.
        attempts: Requests until a delivery has failed.
    """

    deliveries: int
    attempts: int


class Webhooks:
    """Webhooks without HTTP. Another tenant's endpoint is NotFound everywhere, like one that never was.

    Args:
        store: Keeps them.
        policy: Which URLs may be used.
        limits: How much is kept and tried.
    """

    def __init__(self, store: WebhookStore, policy: Policy, limits: Limits) -> None:
        self._store = store
        self._policy = policy
        self._limits = limits

    def create(self, tenant: str, wish: Wish) -> tuple[Endpoint, str]:
        """Make an endpoint; return it with its secret, which is never shown again.

        Raises:
            InvalidRequest: (code url_not_allowed) its URL may not be used.
            Conflict: (code webhook_exists) the tenant has one with this URL; (too_many_webhooks) it has as
                many as one may have.
        """
        url = wish.url or ""
        check(url, self._policy)
        secret = new_secret()
        endpoint = Endpoint(
            id=f"whk_{uuid7_hex()}",
            tenant=tenant,
            url=url,
            description=wish.description or "",
            events=tuple(wish.events or JOB_EVENTS),
            all_jobs=wish.all_jobs is not False,
            created_at=datetime.now(UTC),
        )
        match self._store.create(endpoint, secret, MOST_ENDPOINTS):
            case "exists":
                raise _exists()
            case "full":
                detail = f"There are {MOST_ENDPOINTS} webhooks already: delete one that is not needed."
                raise Conflict(detail, code="too_many_webhooks")
        return self.get(tenant, endpoint.id), secret

    def get(self, tenant: str, webhook: str) -> Endpoint:
        """Return an endpoint.

        Raises:
            NotFound: (code webhook_not_found) there is none.
        """
        endpoint = self._store.get(tenant, webhook)
        if endpoint is None:
            raise NotFound("There is no such webhook.", code="webhook_not_found")
        return endpoint

    def list(self, tenant: str) -> Sequence[Endpoint]:
        """Return all endpoints of a tenant, oldest first."""
        return self._store.list(tenant)

    def webhook_at(self, tenant: str, url: str) -> str | None:
        """Return the id of a tenant's endpoint with this URL; None when there is none."""
        return self._store.at(tenant, url)

    def change(self, tenant: str, webhook: str, wish: Wish) -> Endpoint:
        """Change an endpoint; one that is enabled again goes on with what is pending.

        Raises:
            NotFound: there is none.
            InvalidRequest, Conflict: as `create`.
        """
        endpoint = self.get(tenant, webhook)
        if wish.url is not None:
            check(wish.url, self._policy)
        changes = {name: given for name, given in dataclasses.asdict(wish).items() if given is not None}
        if wish.enabled is False and endpoint.enabled:
            changes["disabled_reason"] = Disabled.REQUESTED
        if self._store.change(tenant, webhook, changes) == "exists":
            raise _exists()
        return self.get(tenant, webhook)

    def rotate(self, tenant: str, webhook: str) -> tuple[Endpoint, str]:
        """Give an endpoint a new secret; for 24 h every request is signed with the one before, too."""
        endpoint, secret = self.get(tenant, webhook), new_secret()
        self._store.rotate(tenant, webhook, secret)
        return endpoint, secret

    def delete(self, tenant: str, webhook: str) -> None:
        """Forget an endpoint and all its deliveries."""
        self.get(tenant, webhook)
        self._store.delete(tenant, webhook)

    def test(self, tenant: str, webhook: str) -> Delivery:
        """Send an event that means nothing, once.

        Raises:
            NotFound: there is no such endpoint.
            Conflict: (code webhook_disabled) nothing is sent to it.
        """
        self.get(tenant, webhook)
        message = message_of(
            f"dlv_{uuid7_hex()}", TEST_EVENT, datetime.now(UTC), {"webhook": webhook}, attempts=1
        )
        if self._store.enqueue(tenant, webhook, message, self._limits.deliveries) < 0:
            raise _disabled()
        return self.delivery(tenant, webhook, message.id)

    def delivery(self, tenant: str, webhook: str, delivery: str) -> Delivery:
        """Return a delivery.

        Raises:
            NotFound: (code delivery_not_found) the endpoint has no such one, or none any more.
        """
        found = self._store.delivery(tenant, webhook, delivery)
        if found is None:
            raise _no_delivery()
        return found

    def deliveries(
        self, tenant: str, webhook: str, query: DeliveryQuery
    ) -> tuple[Sequence[Delivery], str | None]:
        """Return a page of deliveries, newest first, and the id to go on after; None at the end."""
        self.get(tenant, webhook)
        found = self._store.deliveries(tenant, webhook, dataclasses.replace(query, limit=query.limit + 1))
        page = found[: query.limit]
        return page, page[-1].id if len(found) > len(page) else None

    def replay(self, tenant: str, webhook: str, delivery: str) -> Delivery:
        """Send a delivery again, with the same webhook-id; one that is being sent right now stays as it is.

        Raises:
            NotFound: there is no such endpoint or delivery.
            Conflict: (code webhook_disabled) nothing is sent to the endpoint.
        """
        self.get(tenant, webhook)
        if not DELIVERY_ID.fullmatch(delivery):
            raise _no_delivery()
        match self._store.replay(tenant, webhook, delivery, self._limits.attempts):
            case "unknown":
                raise _no_delivery()
            case "disabled":
                raise _disabled()
        return self.delivery(tenant, webhook, delivery)


def message_of(delivery: str, kind: str, at: datetime, data: dict[str, object], *, attempts: int) -> Message:
    """Return what is sent of an event: its type, its time, and ids and states that belong to it."""
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = json.dumps({"type": kind, "timestamp": timestamp, "data": data}, separators=(",", ":"))
    job = data.get("job")
    return Message(delivery, kind, None if job is None else str(job), body, attempts)


def _exists() -> Conflict:
    return Conflict("There is a webhook with this URL already: change that one.", code="webhook_exists")


def _disabled() -> Conflict:
    return Conflict("The webhook is disabled: enable it first.", code="webhook_disabled")


def _no_delivery() -> NotFound:
    return NotFound("There is no such delivery, or it is not kept any more.", code="delivery_not_found")
