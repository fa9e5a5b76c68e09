"""From spans of speech to regions: units that can be translated, none longer than the model hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from services.asr.engines.base import SAMPLE_RATE_HZ, Span
from services.asr.sounds.base import free

# Less than this of a span beside a sound is where the VAD let go of the sound; it is the least that the VAD
# itself takes for speech.
_EDGE: Final = int(0.1 * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a region may look like; all in samples at SAMPLE_RATE_HZ.

    Attributes:
        pause: A longer pause always ends a region.
        comfortable: A region longer than this is parted at its best pause of `breath` or more,
            so that translation and speech start early and stay near the original's timing.
        breath: Shortest pause that a sentence may end with.
        longest: No region is longer, padding included.
        padding: Audio kept before and after the speech, where the neighbour leaves room.
    """

    pause: int = int(0.6 * SAMPLE_RATE_HZ)
    comfortable: int = 15 * SAMPLE_RATE_HZ
    breath: int = int(0.4 * SAMPLE_RATE_HZ)
    longest: int = 28 * SAMPLE_RATE_HZ
    padding: int = int(0.3 * SAMPLE_RATE_HZ)


# Given a span, returns the sample inside it where it is quietest.
Quietest = Callable[[Span], int]


def regions(
    spans: Sequence[Span], length: int, shape: Shape, quietest: Quietest, taken: Sequence[Span] = ()
) -> list[Span]:
    """Return regions that cover every span but for what is taken: in order, disjoint, none over `longest`.

    Args:
        spans: Speech, in order and disjoint.
        length: Of the audio in samples, which no region leaves.
        shape: What a region may look like.
        quietest: Where to cut speech that has no pause to cut at.
        taken: Where nobody speaks, in order and disjoint; no region touches it.
    """
    found = []
    for room in free(Span(0, length), taken):
        inside = (_inside(span, room) for span in spans if span.start < room.end and room.start < span.end)
        found += _regions([part for part in inside if part], room, shape, quietest)
    return found


def _inside(span: Span, room: Span) -> Span | None:
    """Return the part of a span in a room; none where only an edge of what was cut off is left."""
    part = Span(max(span.start, room.start), min(span.end, room.end))
    return None if part != span and part.end - part.start < _EDGE else part


def _regions(spans: Sequence[Span], room: Span, shape: Shape, quietest: Quietest) -> list[Span]:
    most = shape.longest - 2 * shape.padding
    whole = [part for span in spans for part in _shortened(span, most, quietest)]
    groups = [part for group in _grouped(whole, shape.pause) for part in _parted(group, most, shape)]
    return _padded([Span(group[0].start, group[-1].end) for group in groups], room, shape.padding)


def _shortened(span: Span, room: int, quietest: Quietest) -> list[Span]:
    """Cut a span that is longer than `room` in the second half of what fits, at its quietest."""
    parts = []
    while span.end - span.start > room:
        cut = quietest(Span(span.start + room // 2, span.start + room))
        parts.append(Span(span.start, cut))
        span = Span(cut, span.end)
    return [*parts, span]


def _grouped(spans: Sequence[Span], pause: int) -> list[list[Span]]:
    groups: list[list[Span]] = []
    for span in spans:
        if groups and span.start - groups[-1][-1].end <= pause:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _parted(group: list[Span], room: int, shape: Shape) -> list[list[Span]]:
    """Part a group at its best pause, and the parts again, until all are short enough."""
    waiting, done = [group], []
    while waiting:
        group = waiting.pop()
        at, pause = _best_pause(group, shape)
        length = group[-1].end - group[0].start
        if length > room or (length > shape.comfortable and pause >= shape.breath):
            waiting += [group[at:], group[:at]]
        else:
            done.append(group)
    return done


def _best_pause(group: Sequence[Span], shape: Shape) -> tuple[int, int]:
    """Return the index of the span after the best pause, and that pause's length.

    The widest is best, unless it would leave a fragment: near the ends a pause counts for less.
    """
    best, at, found = -1, 0, -1
    for index, (before, after) in enumerate(pairwise(group), start=1):
        pause = after.start - before.end
        smaller = min(before.end - group[0].start, group[-1].end - after.start)
        worth = pause * min(smaller, shape.comfortable // 3)
        if worth > best:
            best, at, found = worth, index, pause
    return at, found


def _padded(cores: Sequence[Span], room: Span, padding: int) -> list[Span]:
    """Widen each region by `padding`, or to the middle of a narrower gap."""
    starts = [core.start - padding for core in cores]
    ends = [core.end + padding for core in cores]
    for index, (before, after) in enumerate(pairwise(cores)):
        middle = (before.end + after.start) // 2
        ends[index] = min(ends[index], middle)
        starts[index + 1] = max(starts[index + 1], middle)
    return [Span(max(start, room.start), min(end, room.end)) for start, end in zip(starts, ends, strict=True)]
