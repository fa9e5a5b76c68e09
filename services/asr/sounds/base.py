"""What a sound is that is no speech, and the frames that all of them are found in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.asr.engines.base import SAMPLE_RATE_HZ, Span

Samples = NDArray[np.int16]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

# Frames of one batch: what is computed of them at once stays below 20 MB.
_BATCH: Final = 1_500


class Kind(StrEnum):
    """What there is besides speech."""

    DTMF = "dtmf"  # keys
    RING = "ring"  # it rings at the other end
    BUSY = "busy"  # engaged, or no line is free
    TONE = "tone"  # any other: dial tone, fax, special information, beep
    MUSIC = "music"
    SILENCE = "silence"  # for long


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of a recording that is no speech.

    Attributes:
        kind: What it is.
        start: First sample, at SAMPLE_RATE_HZ.
        end: The sample after the last.
        digits: Of DTMF: the keys, 0-9, A-D, * and #. They may be a card's number, so no repr tells them.
    """

    kind: Kind
    start: int
    end: int
    digits: str = field(default="", repr=False)

    @property
    def span(self) -> Span:
        """Where it is."""
        return Span(self.start, self.end)


def floats(samples: Samples) -> Numbers:
    """Return samples in [-1, 1]."""
    return samples.astype(np.float32) / np.float32(32768)


def batches(samples: Samples, window: int, hop: int) -> Iterator[Numbers]:
    """Yield the frames of a recording in [-1, 1], shape (frames, window); one begins every `hop`."""
    if len(samples) < window:
        return
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    for start in range(0, len(frames), _BATCH):
        yield floats(frames[start : start + _BATCH])


def runs(flags: Flags, *, bridged: int = 0) -> list[tuple[int, int]]:
    """Return the stretches where flags are set as (first, after the last).

    Args:
        flags: One for each frame.
        bridged: A gap of at most so many frames parts nothing.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and start - found[-1][1] <= bridged:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def free(span: Span, taken: Sequence[Span]) -> list[Span]:
    """Return the parts of a span that none of the others covers, which are in order and disjoint."""
    found = []
    at = span.start
    for other in taken:
        if at < other.start < span.end:
            found.append(Span(at, other.start))
        if other.start < span.end:
            at = max(at, other.end)
    return [*found, Span(at, span.end)] if at < span.end else found


def samples_of(seconds: float) -> int:
    """Return a length in samples."""
    return round(seconds * SAMPLE_RATE_HZ)
