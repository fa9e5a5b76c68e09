"""The spectrum over time that tones and music are found in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from services.asr.engines.base import SAMPLE_RATE_HZ
from services.asr.sounds.base import Numbers, Samples, batches, samples_of

# Long enough to part the tones of a ring, which are 40 Hz apart.
WINDOW: Final = 2_048
HOP: Final = samples_of(0.02)
BIN_HZ: Final = SAMPLE_RATE_HZ / WINDOW
# Without mains hum and what a telephone line does not carry.
LOWEST_HZ: Final = 200.0
HIGHEST_HZ: Final = 3_800.0
_FIRST: Final = round(LOWEST_HZ / BIN_HZ)
_AFTER: Final = round(HIGHEST_HZ / BIN_HZ) + 1
_HANN: Final = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
# A sine at full scale has the power 1/2, all of it in its peak.
_SCALE: Final = np.float32(2 / (WINDOW * np.sum(np.square(_HANN))))


def spectra(samples: Samples) -> Iterator[Numbers]:
    """Yield power spectra of batches of frames, shape (frames, bins); a frame's sum is its mean square."""
    for frames in batches(samples, WINDOW, HOP):
        bins = np.fft.rfft(frames * _HANN, axis=1)[:, _FIRST:_AFTER]
        yield (np.square(bins.real) + np.square(bins.imag)) * _SCALE


def pitch_hz(at: Numbers) -> Numbers:
    """Return the pitch of a place among the bins."""
    return (at + _FIRST) * BIN_HZ


def middle(frame: int) -> int:
    """Return the sample in the middle of a frame."""
    return frame * HOP + WINDOW // 2


def extent(first: int, after: int, count: int) -> tuple[int, int]:
    """Return the samples that some of `count` frames stand for, `after` excluded; they all stand for all."""
    start = middle(first) if first else 0
    return start, middle(after) if after < count else (count - 1) * HOP + WINDOW
