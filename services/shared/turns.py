"""The turns of a call: from when on a region of another channel is the answer to a region."""

from __future__ import annotations

from typing import Final

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
