"""The turns of a call before one of its regions, as far as they have been written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count, takewhile
from typing import Any

from services.shared.errors import NotFound
from services.shared.ledger.records import Unit
from services.shared.stage import Work
from services.shared.tasks import SEGMENT
from services.shared.turns import first_since, region

Turn = dict[str, Any]


def turns_before(work: Work, most: int) -> list[Turn]:
    """Return what was said before the unit's region on all channels, the oldest first.

    Regions are transcribed side by side, so what is not done yet is left out: two runs of a job may give
    different turns.

    Args:
        work: A unit of a region.
        most: Most turns.

    Returns:
        Each {"role", "text", "language_code"}.
    """
    if most == 0:
        return []
    start_ms = work.claim.payload["start_ms"]
    units = [unit for channel in _channels(work) for unit in _units_before(work, channel, start_ms, most)]
    units.sort(key=lambda unit: unit.payload["start_ms"])
    return [turn for unit in units[-most:] if (turn := _turn(work, unit))]


def _channels(work: Work) -> list[int]:
    """Return the channels that a job declares, or all those of its recording."""
    if declared := work.claim.spec.get("channels"):
        return [each["index"] for each in declared]
    job = work.claim.job
    return list(takewhile(lambda channel: work.ledger.unit(f"{job}:{SEGMENT}:c{channel}"), count()))


def _units_before(work: Work, channel: int, start_ms: int, most: int) -> Iterator[Unit]:
    """Yield the transcribed ones of a channel's last regions that begin before `start_ms`."""
    after = first_since(work.ledger, work.claim.job, channel, start_ms)
    for number in range(max(0, after - most), after):
        unit = region(work.ledger, work.claim.job, channel, number)
        if unit is not None and unit.output and not unit.output.get("empty"):
            yield unit


def _turn(work: Work, unit: Unit) -> Turn | None:
    try:
        transcript = json.loads(work.artifacts.get((unit.output or {})["transcript"]))
    except NotFound:  # erased meanwhile
        return None
    return {
        "role": unit.payload.get("role") or "",
        "text": transcript["text"],
        "language_code": transcript["language"],
    }
