"""From spans of speech to regions: units that can be translated, none longer than the model hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.asr.engines.base import SAMPLE_RATE_HZ, Span


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


def regions(spans: Sequence[Span], length: int, shape: Shape, quietest: Quietest) -> list[Span]:
    """Return regions that cover every span: in order, disjoint, inside the audio, none over `longest`.

    Args:
        spans: Speech, in order and disjoint.
        length: Of the audio in samples.
        shape: What a region may look like.
        quietest: Where to cut speech that has no pause to cut at.
    """
    room = shape.longest - 2 * shape.padding
    whole = [part for span in spans for part in _shortened(span, room, quietest)]
    groups = [part for group in _grouped(whole, shape.pause) for part in _parted(group, room, shape)]
    return _padded([Span(group[0].start, group[-1].end) for group in groups], length, shape.padding)


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


def _padded(cores: Sequence[Span], length: int, padding: int) -> list[Span]:
    """Widen each region by `padding`, or to the middle of a narrower gap."""
    starts = [core.start - padding for core in cores]
    ends = [core.end + padding for core in cores]
    for index, (before, after) in enumerate(pairwise(cores)):
        middle = (before.end + after.start) // 2
        ends[index] = min(ends[index], middle)
        starts[index + 1] = max(starts[index + 1], middle)
    return [Span(max(start, 0), min(end, length)) for start, end in zip(starts, ends, strict=True)]
