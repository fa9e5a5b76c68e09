"""The turns of a call before one of its regions, as far as they have been written down."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from collections.abc import Iterator
from itertools import count, takewhile
from typing import Any, Final

from services.shared.errors import NotFound
from services.shared.ledger.records import Unit
from services.shared.stage import Work
from services.shared.tasks import SEGMENT, TRANSCRIBE

Turn = dict[str, Any]

# More regions than a channel can have: a day of them, one each second.
_MOST_REGIONS: Final = 1 << 17


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

    def found(number: int) -> Unit | None:
        return work.ledger.unit(f"{work.claim.job}:{TRANSCRIBE}:c{channel}r{number}")

    def begins_ms(number: int) -> int:
        unit = found(number)
        return sys.maxsize if unit is None else int(unit.payload["start_ms"])

    # Regions are numbered in the order of their times: a few look-ups, however long the call.
    after = bisect_left(range(_MOST_REGIONS), start_ms, key=begins_ms)
    for number in range(max(0, after - most), after):
        unit = found(number)
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
