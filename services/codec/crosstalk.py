"""Finds cross-talk: stretches in which a channel carries nobody but, faintly, the speaker of another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from operator import itemgetter
from typing import Final

import numpy as np

from services.codec.engines.base import Samples
from services.codec.leakage import FRAME, HOP, LONGEST_DELAY_S, Flags, Leakage, Numbers, leakage

# It is looked for at 8 to 16 kHz: telephones carry no more.
_RATE_HZ: Final = 8_000
_PIECE_S: Final = 60
_SHORTEST_S: Final = 0.3
# Where nobody is heard for so long, one stretch ends and another begins.
_PAUSE_S: Final = 1.0
# What recognition pads its regions with belongs to a stretch if nobody is heard there.
_PADDING_S: Final = 0.35


@dataclass(frozen=True, slots=True)
class Crosstalk:
    """A stretch of a channel, in milliseconds, and the channel whose speaker is heard there."""

    channel: int
    of: int
    start_ms: int
    end_ms: int


def crosstalk(
    channels: Sequence[Samples], rate_hz: int, check: Callable[[], None] = lambda: None
) -> list[Crosstalk]:
    """Return the cross-talk of a recording by channel and start; that of one channel is disjoint.

    Memory is that of a minute of all channels, and a few bytes for a second.

    Args:
        channels: All of one length.
        rate_hz: Of the samples.
        check: Called now and then; it may raise to end the work.
    """
    step = max(rate_hz // _RATE_HZ, 1)
    reduced_hz = rate_hz / step
    pairs = list(permutations(range(len(channels)), 2))
    found: dict[tuple[int, int], list[Leakage]] = {pair: [] for pair in pairs}
    for pieces in _pieces(channels, step, reduced_hz) if pairs else ():
        for to, of in pairs:
            check()
            found[to, of].append(leakage(pieces[to], pieces[of], reduced_hz))
    duration_ms = len(channels[0]) * 1000 // rate_hz if channels else 0
    return [
        Crosstalk(to, of, start, min(end, duration_ms))
        for to in range(len(channels))
        for of, start, end in _of_channel(
            {of: leaks for (one, of), leaks in found.items() if one == to}, HOP / reduced_hz
        )
    ]


def _pieces(channels: Sequence[Samples], step: int, rate_hz: float) -> Iterator[list[Numbers]]:
    """Yield a minute of every channel, with what a delay may reach at both ends."""
    margin, length = round(LONGEST_DELAY_S * rate_hz), round(_PIECE_S * rate_hz) // HOP * HOP
    for start in range(0, max(len(channels[0]) // step, 1), length):
        end = start + length + FRAME + margin
        yield [_reduced(channel, start - margin, end, step) for channel in channels]


def _reduced(channel: Samples, start: int, end: int, step: int) -> Numbers:
    """Return samples of a channel at a lower rate, in [-1, 1]; zeros where it has none."""
    part = channel[max(start, 0) * step : end * step]
    whole = part[: len(part) // step * step].reshape(-1, step).mean(axis=1, dtype=np.float32)
    before = max(-start, 0)
    padded: Numbers = np.pad(whole / np.float32(32768), (before, end - start - before - len(whole)))
    return padded


def _of_channel(found: Mapping[int, Sequence[Leakage]], frame_s: float) -> list[tuple[int, int, int]]:
    """Return (of, start, end) of a channel's stretches; what two others explain is the first one's."""
    stretches: list[tuple[int, int, int]] = []
    for of, leaks in found.items():
        other = np.concatenate([leak.other for leak in leaks])
        nobody = np.concatenate([leak.nobody for leak in leaks])
        for _, start, end in stretches:
            other[start:end] = nobody[start:end] = False
        stretches += [(of, start, end) for start, end in _runs_of(other, nobody, frame_s)]
    half_s = FRAME / HOP / 2 * frame_s
    return [
        (of, round((start * frame_s + half_s) * 1000), round((end * frame_s + half_s) * 1000))
        for of, start, end in sorted(stretches, key=itemgetter(1))
    ]


def _runs_of(other: Flags, nobody: Flags, frame_s: float) -> Iterator[tuple[int, int]]:
    """Yield the runs of frames in which the other is heard, with pauses and padding in which nobody is."""
    padding = round(_PADDING_S / frame_s)
    for first, after in _runs(other | nobody):
        for start, end in _runs(other[first:after], round(_PAUSE_S / frame_s)):
            if np.count_nonzero(other[first + start : first + end]) * frame_s >= _SHORTEST_S:
                yield max(first + start - padding, first), min(first + end + padding, after)


def _runs(flags: Flags, bridged: int = 0) -> list[tuple[int, int]]:
    """Return the runs of flags that are set, as one where the gap is short."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    bounds = edges.reshape(-1, 2)
    parted = np.flatnonzero(bounds[1:, 0] - bounds[:-1, 1] > bridged) + 1
    return [(int(part[0, 0]), int(part[-1, 1])) for part in np.split(bounds, parted) if len(part)]
