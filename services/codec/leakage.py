"""Tells where a channel carries another one: how late, through which filter, and what that does not explain.

The delay is where the whitened cross-correlation peaks (GCC-PHAT; Knapp and Carter 1976). If it has a peak,
one filter from the other channel is fitted to this one. It does not explain somebody who speaks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Spectra = NDArray[np.complex64]
Flags = NDArray[np.bool_]

# Of the frames that a filter is fitted in: long enough for a room, short enough to tell words.
FRAME: Final = 1_024
HOP: Final = 256
LONGEST_DELAY_S: Final = 0.3
_BAND_HZ: Final = (200, 3_600)
# A peak that stands so far out of the correlation, in standard deviations, is no chance: the highest of 5,000
# random values is 4.
_PEAK: Final = 8.0
# Cross-talk is at least 6 dB below what it comes from.
_FAINT: Final = 10 ** (-6 / 10)
# A speaker is 10 dB above what a channel has in its quietest tenth, and above -55 dB of full scale.
_ABOVE: Final = 10.0
_CALMEST: Final = 0.1
_SPEAKING: Final = 10 ** (-55 / 10)
# Fainter than 5 dB above the line, or than -75 dB, there is nothing to hear.
_AUDIBLE: Final = 10 ** (5 / 10)
_NOTHING: Final = 10 ** (-75 / 10)
# Of a stretch's power; of two that speak at once, as loud as each other, a half stays unexplained.
_UNEXPLAINED: Final = 0.3
# A filter is fitted to this much of a speaker at least; one for less of it would fit anything.
_LEAST_S: Final = 1.5
_OVER_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Leakage:
    """One value for each frame: whether nothing but the other channel is heard, and whether nobody is."""

    other: Flags
    nobody: Flags

    @classmethod
    def none(cls, frames: int) -> Leakage:
        """Return that there is none."""
        return cls(np.zeros(frames, np.bool_), np.zeros(frames, np.bool_))


def leakage(to: Numbers, of: Numbers, rate_hz: float) -> Leakage:
    """Compare a channel with another one that may be heard in it.

    Args:
        to: The channel, in [-1, 1], with LONGEST_DELAY_S more at both ends, and FRAME samples at the end.
        of: The other one, the same.
        rate_hz: Of both.
    """
    margin = round(LONGEST_DELAY_S * rate_hz)
    count = (len(to) - 2 * margin - FRAME) // HOP
    late = _delay(to, of, rate_hz, margin)
    if late is None:
        return Leakage.none(count)
    mine, theirs = _spectra(to, margin, count, rate_hz), _spectra(of, margin - late, count, rate_hz)
    return _explained(mine, theirs, rate_hz / HOP)


def _delay(to: Numbers, of: Numbers, rate_hz: float, margin: int) -> int | None:
    """Return how many samples the channel is behind the other; None where they have nothing in common."""
    length = round(rate_hz)
    frames, others = (_framed(part, length, length // 2) for part in (to, of))
    heard, spoken = (np.square(part).mean(axis=1) for part in (frames, others))
    chosen = (spoken > _SPEAKING) & (heard < spoken * _FAINT) & (heard > _NOTHING)
    if np.count_nonzero(chosen) < _LEAST_S * 2:
        return None
    size = 1 << (2 * length - 1).bit_length()
    cross = np.zeros(size // 2 + 1, np.complex128)
    for frame, other in zip(frames[chosen], others[chosen], strict=True):
        product = np.fft.rfft(frame, size) * np.conj(np.fft.rfft(other, size))
        cross += product / np.maximum(np.abs(product), 1e-12)
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    cross[(hz < _BAND_HZ[0]) | (hz > _BAND_HZ[1])] = 0
    likeness = np.abs(np.roll(np.fft.irfft(cross), margin)[: 2 * margin + 1])
    return int(likeness.argmax()) - margin if likeness.max() > _PEAK * np.std(likeness) else None


def _framed(samples: Numbers, length: int, hop: int) -> Numbers:
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]


def _spectra(samples: Numbers, start: int, count: int, rate_hz: float) -> Spectra:
    """Return the spectra of frames in the band that matters; the power of one is its mean square."""
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    bins = np.fft.rfft(_framed(samples[start:], FRAME, HOP)[:count] * window, axis=1)
    first, after = (round(hz * FRAME / rate_hz) for hz in _BAND_HZ)
    scale = np.sqrt(2 / (FRAME * np.sum(np.square(window))))
    scaled: Spectra = (bins[:, first:after] * scale).astype(np.complex64)
    return scaled


def _explained(mine: Spectra, theirs: Spectra, frames_per_s: float) -> Leakage:
    heard, spoken = _power(mine), _power(theirs)
    line = max(float(np.quantile(heard, _CALMEST)), _NOTHING)
    threshold = max(float(np.quantile(spoken, _CALMEST)) * _ABOVE, _SPEAKING)
    fitted = (spoken > threshold) & (heard < spoken * _FAINT) & (heard > _NOTHING)
    over = round(_OVER_S * frames_per_s)
    rest = heard
    # The second fit leaves out where the first explained nothing.
    for _ in range(2):
        if np.count_nonzero(fitted) < _LEAST_S * frames_per_s:
            return Leakage.none(len(heard))
        rest = _power(mine - theirs * _filter(mine[fitted], theirs[fitted], heard[fitted]))
        fitted = fitted & (rest < heard / 2)
    heard, spoken, rest = (_smooth(power, over) for power in (heard, spoken, rest))
    nobody = rest < line * _AUDIBLE
    audible = heard > line * _AUDIBLE
    other = audible & (spoken > threshold) & (heard < spoken * _FAINT)
    return Leakage(other & (nobody | (rest < heard * _UNEXPLAINED)), nobody)


def _filter(mine: Spectra, theirs: Spectra, heard: Numbers) -> Spectra:
    """Return the filter that makes the most of one out of the other; each frame counts the same."""
    weights = (1 / heard)[:, None]
    both = np.sum(mine * np.conj(theirs) * weights, axis=0)
    power = np.sum(np.square(np.abs(theirs)) * weights, axis=0)
    found: Spectra = (both / np.maximum(power, 1e-12)).astype(np.complex64)
    return found


def _power(spectra: Spectra) -> Numbers:
    found: Numbers = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=1)
    return found


def _smooth(powers: Numbers, over: int) -> Numbers:
    return np.convolve(powers, np.full(over, 1 / over, np.float32), "same").astype(np.float32)
