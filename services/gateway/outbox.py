"""Tells the world which jobs have ended: what the ledger put into its outbox, at least once each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from services.shared import telemetry
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Event

Subscriber = Callable[[Event], None]

_BATCH: Final = 200


class Outbox:
    """Delivers events to subscribers.

    Args:
        ledger: Keeps an event until it has been delivered.
        subscribers: Each hears every event at least once, perhaps twice and out of order; `Event.id` tells
            a repetition. One that raises hears it again after `Policy.hold_ms`, and so do the others.
    """

    def __init__(self, ledger: Ledger, subscribers: Sequence[Subscriber]) -> None:
        self._ledger = ledger
        self._subscribers = subscribers

    def deliver(self) -> None:
        """Deliver what is due."""
        for event in self._ledger.take_events(_BATCH):
            try:
                for subscriber in self._subscribers:
                    subscriber(event)
            except Exception as error:  # noqa: BLE001 - this event comes again; the others must not wait
                telemetry.logger().exception(
                    "event not delivered", event_id=event.id, error=type(error).__name__
                )
            else:
                self._ledger.delivered(event)


def measure(event: Event) -> None:
    """Count a job that has ended, and how long it took."""
    seconds = (event.finished_ms - event.created_ms) / 1000
    telemetry.JOB_SECONDS.labels(event.kind, event.state).observe(seconds)
    telemetry.logger().info(
        "job ended", job=event.job, tenant=event.tenant, kind=event.kind, state=event.state, seconds=seconds
    )
