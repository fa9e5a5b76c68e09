"""Finds out which hints are missing: lost by the broker, by a worker that died, or never sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from services.shared import telemetry
from services.shared.tasks import SERVICES, Hint

# Sent in one look; the next one, a second later, sends more if they are still missing.
_MOST: Final = 1000


class MissingHints:
    """Compares the units that wait for a worker with the hints that wait in the broker.

    Between the step that makes a unit ready and the sending of its hint, and between the taking of a hint
    and the claim, the two differ for a moment. So only what is missing at two looks in a row counts as lost,
    and a long queue causes no storm of hints: as long as its hints are there, none is sent.

    Args:
        waiting: Returns per service how many units wait for a worker.
        queued: Returns per service how many hints wait in its queue.
    """

    def __init__(
        self, waiting: Callable[[], Mapping[str, int]], queued: Callable[[], Mapping[str, int]]
    ) -> None:
        self._waiting = waiting
        self._queued = queued
        self._missing: dict[str, int] = {}

    def look(self) -> list[Hint]:
        """Return the hints to send."""
        hints: list[Hint] = []
        # The queue first: a unit that becomes ready in between is then missing at this look only.
        queued, waiting = self._queued(), self._waiting()
        for service in SERVICES:
            missing = max(0, waiting.get(service, 0) - queued[service])
            lost = min(missing, self._missing.get(service, 0), _MOST)
            self._missing[service] = missing - lost
            telemetry.RESENT_HINTS.labels(service).inc(lost)
            hints += [Hint(service)] * lost
        return hints
