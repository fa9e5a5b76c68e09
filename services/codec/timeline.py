"""The timeline: where clips lie, and the samples of all channels on disk, never all in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.codec.engines.base import Samples
from services.codec.loudness import FULL_SCALE, PEAK_DB, from_db
from services.codec.media import Clip
from services.codec.spool import spool, storing

BLOCK_SAMPLES: Final = 1 << 16
_INT16: Final = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a clip really lies, in samples of the timeline; `end` is the first sample after it."""

    start: int
    end: int


def place(clips: Sequence[Clip], sample_rate_hz: int) -> list[Placement]:
    """Lay clips out in the order given.

    A clip starts where it was asked to, or at the end of the clip before it on its channel if that
    runs over: translated speech is delayed rather than cut or talked over. A sound that is kept waits for
    nobody, and nobody waits for it.
    """
    ends: dict[int, int] = {}
    placements = []
    for clip in clips:
        free = 0 if clip.kept else ends.get(clip.channel, 0)
        start = max(round(clip.start_ms * sample_rate_hz / 1000), free)
        end = start + round(len(clip.samples) * sample_rate_hz / clip.sample_rate_hz)
        if not clip.kept:
            ends[clip.channel] = end
        placements.append(Placement(start, end))
    return placements


class Timeline:
    """Samples of every channel, exact zeros until something is written. Closing is left to the collector.

    Args:
        sample_count: Length, at least 1.
        channel_count: At least 1.

    Raises:
        StorageFailure: there is no room for it.
    """

    def __init__(self, sample_count: int, channel_count: int) -> None:
        # A file, so that pages of an hour's call can leave memory; its room is taken now, because a mapped
        # page that finds the disk full later kills the process.
        with spool() as file, storing():
            os.posix_fallocate(file.fileno(), 0, sample_count * channel_count * _INT16.bits // 8)
            self._samples: Samples = np.memmap(file, np.int16, "w+", shape=(sample_count, channel_count))

    def write(self, channel: int, placement: Placement, blocks: Iterable[Samples], gain: float = 1.0) -> None:
        """Write a clip, cut or filled up with zeros by the sample or two that resampling rounds off."""
        position = placement.start
        for block in blocks:
            fitting = block[: placement.end - position]
            self._samples[position : position + len(fitting), channel] = _scaled(fitting, gain)
            position += len(fitting)

    def soften(self, channel: int, placement: Placement, fade: int) -> None:
        """Let what lies there begin and end within `fade` samples: a sound that is cut off clicks."""
        self._ramp(channel, placement.start, placement.start + fade, (0, 1))
        self._ramp(channel, placement.end - fade, placement.end, (1, 0))

    def clear(self, channel: int, placement: Placement, fade: int) -> None:
        """Make room: silence there, and within `fade` samples on both sides what lay there goes and comes."""
        self._ramp(channel, placement.start - fade, placement.start, (1, 0))
        self._samples[placement.start : placement.end, channel] = 0
        self._ramp(channel, placement.end, placement.end + fade, (0, 1))

    def _ramp(self, channel: int, start: int, end: int, factors: tuple[int, int]) -> None:
        lasting = self._samples[max(start, 0) : max(end, 0), channel]
        lasting[:] = np.rint(lasting * np.linspace(*factors, len(lasting)))

    def multichannel(self) -> Iterator[Samples]:
        """Yield blocks of shape (samples, channels)."""
        for start in range(0, len(self._samples), BLOCK_SAMPLES):
            yield self._samples[start : start + BLOCK_SAMPLES]

    def mixed(self, check: Callable[[], None] = lambda: None) -> Iterator[Samples]:
        """Yield blocks of shape (samples, 1): the sum of all channels.

        Where the sum would pass -1 dB of full scale anywhere, all of it is turned down by one factor:
        nothing clips, and no limiter pumps.

        Args:
            check: Called often while all blocks are heard before the first is yielded; may raise.
        """
        peak = 0
        for block in self.multichannel():
            check()
            peak = max(peak, int(np.abs(block.sum(axis=1, dtype=np.int32)).max()))
        ceiling = from_db(PEAK_DB) * FULL_SCALE
        factor = min(1.0, ceiling / peak) if peak else 1.0
        for block in self.multichannel():
            yield _scaled(block.sum(axis=1, dtype=np.int32, keepdims=True), factor)


def _scaled(samples: np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]], factor: float) -> Samples:
    if factor == 1.0:
        return samples.astype(np.int16)
    scaled: Samples = np.rint(samples * factor).clip(_INT16.min, _INT16.max).astype(np.int16)
    return scaled
