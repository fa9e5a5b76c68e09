"""The turns of a call: which region comes next on a channel, and from when on one answers another."""

from __future__ import annotations

import sys
from bisect import bisect_left
from typing import Final

from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Unit
from services.shared.tasks import TRANSCRIBE

# Where there is no region.
NEVER_MS: Final = sys.maxsize
# More regions than a channel can have: a day of them, one each second.
_MOST_REGIONS: Final = 1 << 17
# Regions hold up to this much before and after what was said (services/asr/segmentation.py).
PADDING_MS: Final = 300


def answered_from_ms(start_ms: int, end_ms: int) -> int:
    """Return the earliest start of a region on another channel that answers this one.

    That is where the region ends, less the padding of both: people leave some 200 ms between turns, so that
    the regions of two turns mostly share a moment, though nobody spoke at the same time. What begins earlier
    was said at the same time.

    Args:
        start_ms: Of the region.
        end_ms: Of the region; however short it is, what answers it begins after it.
    """
    return max(start_ms + 1, end_ms - 2 * PADDING_MS)


def region(ledger: Ledger, job: str, channel: int, number: int) -> Unit | None:
    """Return the unit that transcribes a channel's region; None where there is none, or none is known yet."""
    return ledger.unit(f"{job}:{TRANSCRIBE}:c{channel}r{number}")


def begins_ms(unit: Unit | None) -> int:
    """Return when a region begins, NEVER_MS where there is none."""
    return int(unit.payload["start_ms"]) if unit else NEVER_MS


def first_since(ledger: Ledger, job: str, channel: int, time_ms: int) -> int:
    """Return the number of a channel's first region that does not begin before a time.

    Regions are numbered in the order of their times: a few look-ups, however long the call.
    """
    numbers = range(_MOST_REGIONS)
    return bisect_left(numbers, time_ms, key=lambda number: begins_ms(region(ledger, job, channel, number)))
