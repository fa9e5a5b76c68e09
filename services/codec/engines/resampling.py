"""Other sample rates, through FFmpeg's swresample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import av
import numpy as np

from services.codec.engines.base import Samples


def resample(blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
    """Convert blocks of one channel to another rate; swresample's own delay is compensated."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=target_hz)
    for frame in chain(frames(blocks, "mono", source_hz), (None,)):
        for done in resampler.resample(frame):
            yield np.frombuffer(memoryview(done.planes[0])[: 2 * done.samples], np.int16)


def frames(blocks: Iterable[Samples], layout: str, rate_hz: int) -> Iterator[av.AudioFrame]:
    """Yield blocks of shape (samples, channels) as FFmpeg's frames, with times that count from 0."""
    position = 0
    for block in blocks:
        if not len(block):  # FFmpeg calls a frame without samples an error.
            continue
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), "s16", layout)
        frame.sample_rate, frame.pts = rate_hz, position
        position += frame.samples
        yield frame
