"""Finds the tones of telephone networks: one or two steady pitches, on and off (ITU-T E.180, Q.35)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from services.asr.engines.base import SAMPLE_RATE_HZ
from services.asr.sounds.base import Flags, Kind, Numbers, Samples, Sound, runs, samples_of
from services.asr.sounds.spectrum import WINDOW, middle, pitch_hz

# Of all power, in the peaks of two pitches. A vowel has a third of it in other harmonics.
_SHARE: Final = 0.85
# A peak is five bins wide in a Hann window.
_HALF_PEAK: Final = 2
# No network sends a lower pitch than 350 Hz; most voices do.
_LOWEST_HZ: Final = 330.0
# Voices waver by more than this within 0.2 s; generators do not, but codecs add a little.
_STEADY_HZ: Final = 2.0
_DRIFT_HZ: Final = 3.0
_SAME_HZ: Final = 8.0
_SHORTEST_S: Final = 0.18
# Frames at both ends that hold less than half of a tone.
_ENTRY: Final = 2
# -55 dB of full scale.
_QUIET: Final = 3e-6
# A second tone that is weaker than this is none.
_ONE: Final = 0.02
# A burst that is longer than this is no ring and no busy signal, whatever its pitch.
_LONGEST_RING_S: Final = 3.0
# E.180, supplement 2: rings are 400 to 480 Hz and pause for 1.6 to 6 s, busy signals reach 620 Hz and pause
# for 0.2 to 0.75 s. Beeps and faxes are higher.
_HIGHEST_RING_HZ: Final = 490.0
_HIGHEST_CALL_HZ: Final = 640.0
_RING_GAP_S: Final = (1.5, 6.5)
_BUSY_GAP_S: Final = 0.8
_UNEVEN_S: Final = 0.1
# Special information has three pitches; a busy signal is on for half of the time, an uneven one for less.
_MOST_PITCHES: Final = 3
_LEAST_SOUNDING: Final = 0.35
# Edges are looked for in frames of 20 ms; the sum of two tones beats, 10 dB up and down.
_EDGE: Final = samples_of(0.02)
_EDGE_LEVEL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Peaks:
    """The two strongest pitches of each frame, the lower first; one alone stands in both places."""

    low_hz: Numbers
    high_hz: Numbers
    steady: Flags

    @classmethod
    def of(cls, spectrum: Numbers) -> Peaks:
        """Look at spectra of shape (frames, bins)."""
        total = spectrum.sum(axis=1)
        first, first_power, rest = _strongest(spectrum)
        second, second_power, _ = _strongest(rest)
        second = np.where(second_power < first_power * _ONE, first, second)
        low, high = np.minimum(first, second), np.maximum(first, second)
        pure = (first_power + second_power > total * _SHARE) & (total > _QUIET) & (low > _LOWEST_HZ)
        return cls(low, high, pure)

    @classmethod
    def joined(cls, parts: Sequence[Peaks]) -> Peaks:
        """Return the peaks of batches as one."""
        none = Peaks(np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.bool_))
        every = [*parts, none]
        return cls(
            np.concatenate([part.low_hz for part in every]),
            np.concatenate([part.high_hz for part in every]),
            np.concatenate([part.steady for part in every]),
        )


@dataclass(frozen=True, slots=True)
class Burst:
    """A tone that is on, in samples, with its lower and higher pitch."""

    start: int
    end: int
    low_hz: float
    high_hz: float

    @property
    def seconds(self) -> float:
        """How long it is on."""
        return (self.end - self.start) / SAMPLE_RATE_HZ

    def same(self, other: Burst) -> bool:
        """Return whether another one has its pitches."""
        apart_hz = max(abs(self.low_hz - other.low_hz), abs(self.high_hz - other.high_hz))
        return apart_hz < _SAME_HZ


def bursts(samples: Samples, peaks: Peaks) -> list[Burst]:
    """Return every burst of a steady tone in a recording, in order."""
    still = np.concatenate(
        (
            [True],
            (np.abs(np.diff(peaks.low_hz)) < _STEADY_HZ) & (np.abs(np.diff(peaks.high_hz)) < _STEADY_HZ),
        )
    )[: len(peaks.steady)]
    found: list[Burst] = []
    for first, after in runs(peaks.steady & still):
        if after - first <= 2 * _ENTRY:
            continue
        inner = slice(first + _ENTRY, after - _ENTRY)
        low, high = peaks.low_hz[inner], peaks.high_hz[inner]
        if np.ptp(low) > _DRIFT_HZ or np.ptp(high) > _DRIFT_HZ:
            continue
        pitches = float(np.median(low)), float(np.median(high))
        start, end = _edges(samples, middle(first), middle(after - 1), pitches)
        start = max(start, found[-1].end if found else 0)
        if end - start >= samples_of(_SHORTEST_S):
            found.append(Burst(start, end, *pitches))
    return found


def named(bursts: Sequence[Burst]) -> list[Sound]:
    """Return bursts, in order, as sounds, each named after its pitches and its place among the others."""
    return [
        Sound(
            _kind(burst, [near for near in bursts[max(at - 2, 0) : at + 3] if near.same(burst)]),
            burst.start,
            burst.end,
        )
        for at, burst in enumerate(bursts)
    ]


def are_melody(bursts: Sequence[Burst], length: int) -> bool:
    """Return whether the bursts in a stretch of so many samples are notes, which a network's signals are not.

    Signals have few pitches, and there is nothing beside them.
    """
    pitches: list[Burst] = []
    for burst in bursts:
        if not any(burst.same(other) for other in pitches):
            pitches.append(burst)
    sounding = sum(burst.end - burst.start for burst in bursts)
    return len(pitches) > _MOST_PITCHES or sounding < length * _LEAST_SOUNDING


def _strongest(spectrum: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return each frame's strongest pitch, the power of its peak, and the spectrum without it."""
    every = np.arange(len(spectrum))
    at = np.clip(spectrum.argmax(axis=1), 1, spectrum.shape[1] - 2)
    left, top, right = (np.log(spectrum[every, at + step] + 1e-20) for step in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0.0).clip(-0.5, 0.5)
    rest = spectrum.copy()
    power = np.zeros(len(spectrum), np.float32)
    for step in range(-_HALF_PEAK, _HALF_PEAK + 1):
        place = np.clip(at + step, 0, spectrum.shape[1] - 1)
        power += rest[every, place]
        rest[every, place] = 0
    return pitch_hz(at + shift).astype(np.float32), power, rest


def _edges(samples: Samples, start: int, end: int, pitches_hz: tuple[float, float]) -> tuple[int, int]:
    """Return where a tone begins and ends, to 0.01 s, from the middles of the frames that it is heard in."""
    near, far = start + WINDOW // 2, end - WINDOW // 2
    return (
        min(_sounding(samples, start - WINDOW // 2, near, pitches_hz), default=start),
        max(_sounding(samples, far, end + WINDOW // 2, pitches_hz), default=end),
    )


def _sounding(samples: Samples, start: int, end: int, pitches_hz: tuple[float, float]) -> list[int]:
    """Return the moments from start to end at which there is nothing but pitches, at their full level."""
    places = np.arange(max(start, _EDGE // 2), min(end, len(samples) - _EDGE // 2), _EDGE // 4)
    if not len(places):
        return []
    frames = np.lib.stride_tricks.sliding_window_view(samples, _EDGE)[places - _EDGE // 2].astype(np.float32)
    phases = 2 * np.pi * np.outer(np.arange(_EDGE), sorted({*pitches_hz})) / SAMPLE_RATE_HZ
    basis, _ = np.linalg.qr(np.hstack([np.cos(phases), np.sin(phases)]))
    heard = np.square(frames @ basis.astype(np.float32)).sum(axis=1)
    whole = np.square(frames).sum(axis=1)
    full = (heard > whole * _SHARE) & (heard > heard.max() * _EDGE_LEVEL) & (whole > 0)
    return [int(place) for place in places[full]]


def _kind(burst: Burst, alike: Sequence[Burst]) -> Kind:
    """Name a burst after its pitches and its cadence among those around it that have the same ones."""
    if burst.seconds > _LONGEST_RING_S or burst.high_hz > _HIGHEST_CALL_HZ:
        return Kind.TONE
    gaps_s = [(after.start - before.end) / SAMPLE_RATE_HZ for before, after in pairwise(alike)]
    rings = burst.high_hz < _HIGHEST_RING_HZ
    if any(_RING_GAP_S[0] < gap_s < _RING_GAP_S[1] for gap_s in gaps_s):
        return Kind.RING if rings else Kind.TONE
    regular = gaps_s and max(gaps_s) < _BUSY_GAP_S and np.ptp([each.seconds for each in alike]) < _UNEVEN_S
    if regular and burst.seconds < _BUSY_GAP_S:
        return Kind.BUSY
    return Kind.RING if rings and not gaps_s and burst.seconds > _BUSY_GAP_S else Kind.TONE
