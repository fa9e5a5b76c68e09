"""Finds music: notes stay where they are for a third of a second, the pitches of a voice never do.

The idea is that of continuous frequency activation (Seyerlehner, Pohle, Schedl, Widmer: Automatic music
detection in television productions, 2007): count what stands out of the spectrum and stays in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.asr.sounds.base import Flags, Kind, Numbers, Samples, Sound, runs, samples_of
from services.asr.sounds.spectrum import extent, spectra

# What stands out of its surroundings of 164 Hz by 6 dB is a peak.
_AROUND: Final = 21
_PEAK_DB: Final = 6.0
# Of full scale, in one bin: what G.711 can still tell from silence. Hold music may be very quiet.
_QUIET_DB: Final = -80.0
# A note lasts 15 frames: 0.3 s, and the window.
_NOTE: Final = 15
# Evidence is the share of all peaks that are parts of notes, over 2.5 s. Of 13 minutes of recorded speech
# it was 0.01 in the middle, and 0.07 at most; of 18 minutes of hold music 0.27 in the middle.
_OVER: Final = 125
_SURE: Final = 0.12
_PERHAPS: Final = 0.08
# Of 1,200 voices under hold music as loud as they are, or 10 dB louder, it was 0.32 at most.
_DROWNED: Final = 0.35
# So many peaks a frame are the least to judge by.
_FEWEST: Final = 3.0
_SHORTEST: Final = samples_of(4)
# What is there in the quietest fifth, too, is the line's hum.
_CALM: Final = 0.2
_HUM: Final = 0.6


@dataclass(frozen=True, slots=True)
class Notes:
    """How many peaks there are in each frame, and how many of them are parts of notes."""

    peaks: Numbers
    held: Numbers

    @classmethod
    def of(cls, spectrum: Numbers, without: Flags) -> Notes:
        """Look at spectra of shape (frames, bins), but for frames in which a key is heard."""
        peaks = _peaks(spectrum)
        peaks[without] = False
        peaks &= ~_hum(peaks, spectrum.sum(axis=1))
        return cls(peaks.sum(axis=1, dtype=np.float32), _held(peaks).sum(axis=1, dtype=np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Notes]) -> Notes:
        """Return the notes of batches as one."""
        nothing = np.empty(0, np.float32)
        every = [*parts, Notes(nothing, nothing)]
        return cls(
            np.concatenate([part.peaks for part in every]), np.concatenate([part.held for part in every])
        )


def music(notes: Notes) -> list[Sound]:
    """Return the stretches of music that last for 4 s or more."""
    peaks, held = _mean(notes.peaks), _mean(notes.held)
    share = np.where(peaks > _FEWEST, held / np.maximum(peaks, _FEWEST), 0)
    found = []
    for first, after in runs(share > _PERHAPS):
        # The mean reaches beyond the first and the last note.
        sounding = first + np.flatnonzero(notes.held[first:after])
        if len(sounding) and share[first:after].max() > _SURE:
            found.append(extent(int(sounding[0]), int(sounding[-1]) + 1, len(share)))
    return [Sound(Kind.MUSIC, start, end) for start, end in found if end - start >= _SHORTEST]


def drowned(samples: Samples) -> bool:
    """Return whether a stretch of music, which may be short, is so full of notes that nobody speaks in it."""
    parts = [Notes.of(spectrum, np.zeros(len(spectrum), np.bool_)) for spectrum in spectra(samples)]
    notes = Notes.joined(parts)
    return bool(notes.held.sum() > notes.peaks.sum() * _DROWNED)


def _peaks(spectrum: Numbers) -> Flags:
    levels = 10 * np.log10(spectrum + np.float32(1e-10))
    padded = np.pad(levels, ((0, 0), (_AROUND // 2 + 1, _AROUND // 2)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    around = ((sums[:, _AROUND:] - sums[:, :-_AROUND]) / _AROUND).astype(np.float32)
    found: Flags = (levels - around > _PEAK_DB) & (levels > _QUIET_DB)
    return found


def _hum(peaks: Flags, powers: Numbers) -> Flags:
    """Return the bins that stand out when it is quiet, too."""
    calm = powers <= np.quantile(powers, _CALM)
    found: Flags = peaks[calm].mean(axis=0) > _HUM
    return found


def _held(peaks: Flags) -> Flags:
    """Return the peaks that stay for _NOTE frames."""
    if len(peaks) < _NOTE:
        return np.zeros_like(peaks)
    stacked = np.lib.stride_tricks.sliding_window_view(peaks, _NOTE, axis=0)
    begun: Flags = np.all(stacked, axis=2)
    padded = np.pad(begun, ((_NOTE - 1, _NOTE - 1), (0, 0)))
    found: Flags = np.any(np.lib.stride_tricks.sliding_window_view(padded, _NOTE, axis=0), axis=2)
    return found


def _mean(counts: Numbers) -> Numbers:
    """Return the mean over _OVER frames around each."""
    sums = np.cumsum(np.concatenate(([0.0], counts)))
    at = np.arange(len(counts))
    first, after = np.maximum(at - _OVER // 2, 0), np.minimum(at + _OVER // 2 + 1, len(counts))
    found: Numbers = ((sums[after] - sums[first]) / (after - first)).astype(np.float32)
    return found
