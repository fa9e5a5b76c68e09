"""Brings speech to a common loudness, since each voice and each caller is as loud as they like."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.codec.engines.base import Samples

FULL_SCALE: Final = 32768.0

# EBU R 128: programme loudness of -23, true peak of at most -1 dB.
TARGET_DB: Final = -23.0
PEAK_DB: Final = -1.0
# More gain would raise a bad line's noise instead of its voice.
MOST_GAIN_DB: Final = 12.0

# ITU-R BS.1770 gating: blocks of 400 ms every 100 ms; those under -70 dB are silence, and then those
# 10 dB under the rest are pauses. Its K-weighting is left out: over the telephone band it is nearly flat.
_HOP_S: Final = 0.1
_HOPS_PER_BLOCK: Final = 4
_SILENCE_DB: Final = -70.0
_PAUSE_DB: Final = 10.0


def gain(samples: Samples, sample_rate_hz: int) -> float:
    """Return the factor that brings a clip's speech to TARGET_DB.

    Args:
        samples: One channel.
        sample_rate_hz: Of the samples.

    Returns:
        At most MOST_GAIN_DB, less where the peak would pass PEAK_DB; 1.0 for silence.
    """
    level = _active_power(samples, sample_rate_hz)
    if level is None:
        return 1.0
    factor: float = min(from_db(TARGET_DB) / level**0.5, from_db(MOST_GAIN_DB))
    peak = max(-int(samples.min()), int(samples.max())) / FULL_SCALE
    return min(factor, from_db(PEAK_DB) / peak)


def from_db(decibels: float) -> float:
    """Return the amplitude factor of a level."""
    return float(10 ** (decibels / 20))


def _active_power(samples: Samples, sample_rate_hz: int) -> float | None:
    """Mean square of what is not silence or pause, re full scale; None if all is silence."""
    hop = max(1, int(sample_rate_hz * _HOP_S))
    hops = np.array([_power(samples[start : start + hop]) for start in range(0, len(samples), hop)])
    if not len(hops):
        return None
    width = min(_HOPS_PER_BLOCK, len(hops))
    blocks = np.convolve(hops, np.full(width, 1 / width), "valid")
    blocks = blocks[blocks > from_db(_SILENCE_DB) ** 2]
    if not len(blocks):
        return None
    return float(blocks[blocks >= blocks.mean() * from_db(-_PAUSE_DB) ** 2].mean())


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) / FULL_SCALE**2
