"""The nouns of webhooks: an endpoint, what is delivered to it, and how each attempt went."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

JOB_EVENTS: Final = ("job.succeeded", "job.partially_succeeded", "job.failed", "job.cancelled")
TEST_EVENT: Final = "webhook.test"
WEBHOOK_ID: Final = re.compile(r"whk_[0-9a-f]{32}")
DELIVERY_ID: Final = re.compile(r"dlv_[0-9a-f]{32}")


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Disabled(StrEnum):
    """Why nothing is sent to an endpoint any more."""

    REQUESTED = "requested"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An URL that hears of a tenant's jobs.

    Attributes:
        id: "whk_" and a UUIDv7 in hex.
        tenant: Whose it is.
        url: Where to send.
        description: The owner's own words.
        events: Which of JOB_EVENTS it hears.
        all_jobs: Whether it hears of every job, or only of those whose spec names its URL.
        created_at: When it was made (UTC).
        enabled: Whether anything is sent.
        disabled_reason: Why not.
    """

    id: str
    tenant: str
    url: str
    description: str
    events: tuple[str, ...]
    all_jobs: bool
    created_at: datetime
    enabled: bool = True
    disabled_reason: Disabled | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of a delivery.

    Attributes:
        at: When it began (UTC).
        duration_ms: Until its answer, or until it failed.
        status_code: Of the answer; None without one.
        error: Stable code of what went wrong; None when it was taken.
    """

    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for one endpoint.

    Attributes:
        id: "dlv_" and 32 hex digits that begin with its time; the webhook-id of each of its requests.
        webhook: The endpoint.
        type: One of JOB_EVENTS, or TEST_EVENT.
        job: The job that it tells of; None for a test.
        state: Where it stands.
        created_at: When it was made (UTC).
        next_attempt_at: When it is sent next, while pending.
        attempts: So far; of very many only the last ones.
    """

    id: str
    webhook: str
    type: str
    job: str | None
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be delivered.

    Attributes:
        id: Of the delivery.
        type: As of a delivery.
        job: As of a delivery.
        body: The JSON that is sent: ids and states, never what was said.
        attempts: Most requests until it failed.
    """

    id: str
    type: str
    job: str | None
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one courier holds for a while.

    Attributes:
        tenant: Whose endpoint it is for.
        webhook: The endpoint.
        message: What to send.
        url: Where to.
        secrets: To sign with: the current one, and the one before while it still counts.
        tried: Requests so far that failed.
        token: Shows that the delivery is still held.
        at: When it was claimed (UTC), by the clock of Redis.
    """

    tenant: str
    webhook: str
    message: Message
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    tried: int
    token: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery after an attempt.

    Attributes:
        state: Where it stands now.
        delay_ms: Until the next attempt, while it is pending.
        hold_ms: For how long the whole endpoint is left alone.
        gone: Whether the endpoint asked never to be called again.
    """

    state: DeliveryState
    delay_ms: int = 0
    hold_ms: int = 0
    gone: bool = False


def delivery_id(event: str, webhook: str, at_ms: int) -> str:
    """Return the id of the delivery of an event to an endpoint: the same one each time it is asked for.

    It has the form of a UUIDv7 in hex, so deliveries sort by the time of their events.
    """
    digest = hashlib.sha256(f"{event} {webhook}".encode()).hexdigest()
    return f"dlv_{at_ms:012x}7{digest[:3]}{'89ab'[int(digest[3], 16) % 4]}{digest[4:19]}"
