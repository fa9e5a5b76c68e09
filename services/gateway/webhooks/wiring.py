"""Wires all of webhooks but the courier, so that the gateway carries no code that asks other addresses."""

from __future__ import annotations

from services.gateway.settings import WebhookSettings
from services.gateway.webhooks.announcer import Announcer
from services.gateway.webhooks.schedule import Schedule
from services.gateway.webhooks.service import Limits, Webhooks
from services.gateway.webhooks.store import WebhookStore
from services.shared.ledger.ledger import Ledger
from services.shared.outbound.policy import Policy, patterns
from services.shared.redis_url import client


def open_webhooks(settings: WebhookSettings) -> Webhooks:
    """Open what the API needs; raises Misconfigured where a setting cannot be understood."""
    return Webhooks(open_store(settings, retries=1), policy_of(settings), _limits(settings))


def open_announcer(settings: WebhookSettings, ledger: Ledger) -> Announcer:
    """Open the subscriber of the outbox; raises as `open_webhooks`."""
    return Announcer(open_store(settings), ledger.job, _limits(settings))


def open_store(settings: WebhookSettings, retries: int = 6) -> WebhookStore:
    """Open the endpoints and deliveries in Redis."""
    return WebhookStore(client(settings.redis_url, retries), settings.key_prefix)


def policy_of(settings: WebhookSettings) -> Policy:
    """Return which addresses may be endpoints; raises Misconfigured for a pattern that is none."""
    return Policy.of(settings, patterns(settings.webhooks_hosts) or None)


def _limits(settings: WebhookSettings) -> Limits:
    return Limits(settings.webhooks_max_deliveries, Schedule.parse(settings.webhooks_schedule_s).attempts)
