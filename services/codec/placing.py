"""When each region's speech begins: decided for all channels of a call at once, so that turns stay turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from services.shared.turns import answered_from_ms


@dataclass(frozen=True, slots=True)
class Spoken:
    """A region of the recording, and how long its translated speech is.

    Attributes:
        channel: Where it lies; the regions of a channel are disjoint.
        start_ms: Where it begins, 0 or more.
        end_ms: Where it ends.
        duration_ms: Of the translated speech.
    """

    channel: int
    start_ms: int
    end_ms: int
    duration_ms: int


def starts_ms(regions: Sequence[Spoken], *, allow_overlap: bool = False) -> list[int]:
    """Return when the speech of each region begins: as early as these rules let it, in O(n log n).

    It begins with its region; later where the speech before it on its channel is not over, and, unless
    `allow_overlap`, where that of a region which it answers is not (`answered_from_ms`). What was said at the
    same time may be spoken at the same time. Each silence takes up the delay that came before it.

    Args:
        regions: Of all channels, in any order.
        allow_overlap: Whether speech may reach into the reply to it.
    """
    starts = [0] * len(regions)
    channel_free_ms: dict[int, int] = {}
    # Of what is placed: from when on it is answered, and when its speech is over.
    unanswered: list[tuple[int, int]] = []
    turn_ms = 0
    for index in sorted(range(len(regions)), key=lambda index: _order(regions[index])):
        region = regions[index]
        while unanswered and unanswered[0][0] <= region.start_ms:
            # Of its own channel too: for that it has to wait anyway.
            turn_ms = max(turn_ms, heappop(unanswered)[1])
        free_ms = channel_free_ms.get(region.channel, 0)
        starts[index] = max(region.start_ms, free_ms, 0 if allow_overlap else turn_ms)
        end_ms = starts[index] + region.duration_ms
        channel_free_ms[region.channel] = end_ms
        heappush(unanswered, (answered_from_ms(region.start_ms, region.end_ms), end_ms))
    return starts


def _order(region: Spoken) -> tuple[int, int, int]:
    return region.start_ms, region.end_ms, region.channel
