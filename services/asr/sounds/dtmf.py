"""Finds keys pressed on a telephone: two tones, one of a row and one of a column (ITU-T Q.23, Q.24)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.asr.engines.base import SAMPLE_RATE_HZ
from services.asr.sounds.base import Flags, Kind, Numbers, Samples, Sound, batches, runs, samples_of

Codes = NDArray[np.int8]
Tones = NDArray[np.complex64]


_ROWS_HZ: Final = (697.0, 770.0, 852.0, 941.0)
_COLUMNS_HZ: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS: Final = np.array(list("123A456B789C*0#D"))
_WINDOW: Final = samples_of(0.02)
_HOP: Final = samples_of(0.005)
# Q.24 accepts keys of 40 ms, refuses some of 23 ms, and takes a pause of 40 ms for a new press.
_SHORTEST: Final = 7
_GAP: Final = 3
# Of all power: two tones with noise 10 dB below them, 1.5 % beside their pitch, have 0.83.
_SHARE: Final = 0.75
# Q.24 asks for 4 to 8 dB between the tones; codecs of low rates add some.
_TWIST: Final = 10 ** (10 / 10)
# A row and a column 3.5 % away are refused, 1.5 % are accepted.
_OFF_PITCH: Final = 0.025
# -50 dB of full scale.
_QUIET: Final = 1e-5
_LEVEL: Final = 10 ** (-4 / 10)


def dtmf(samples: Samples, check: Callable[[], None] = lambda: None) -> list[Sound]:
    """Return the keys of a recording, one sound for each press.

    Args:
        samples: The recording, of any length.
        check: Called now and then; it may raise to end the work.
    """
    keys, powers = _heard(samples, check)
    found = []
    for first, after in runs(keys >= 0, bridged=_GAP - 1):
        for start, end in _presses(keys[first:after], powers[first:after]):
            middle = (first + start) * _HOP + _WINDOW // 2
            key = str(_KEYS[np.bincount(keys[first + start : first + end] + 1).argmax() - 1])
            found.append(Sound(Kind.DTMF, middle, middle + (end - start) * _HOP, key))
    return found


def _presses(keys: Codes, powers: Numbers) -> list[tuple[int, int]]:
    """Return the presses in a run of frames: parts with one key at its full level."""
    parts = np.flatnonzero(np.diff(np.where(keys < 0, _before(keys), keys))) + 1
    bounds = [0, *parts.tolist(), len(keys)]
    found = []
    for start, end in pairwise(bounds):
        # Half of a window at each edge hears less of the key than the rest.
        full = powers[start:end] > powers[start:end].max() * _LEVEL
        found += [(start + a, start + b) for a, b in runs(full, bridged=_GAP - 1) if b - a >= _SHORTEST]
    return found


def _before(keys: Codes) -> Codes:
    """Return for each frame the last key that was heard."""
    at = np.maximum.accumulate(np.where(keys >= 0, np.arange(len(keys)), 0))
    return keys[at]


def _heard(samples: Samples, check: Callable[[], None]) -> tuple[Codes, Numbers]:
    """Return the key of each frame, -1 for none, and the frame's power."""
    found: list[tuple[Codes, Numbers]] = [(np.empty(0, np.int8), np.empty(0, np.float32))]
    for frames in batches(samples, _WINDOW, _HOP):
        check()
        found.append(_keys(frames))
    return np.concatenate([keys for keys, _ in found]), np.concatenate([power for _, power in found])


def _waves() -> tuple[Numbers, Numbers]:
    """Return the window, and its product with the sines and cosines of all pitches."""
    window = np.hanning(_WINDOW + 2)[1:-1]
    phases = 2 * np.pi * np.outer(np.arange(_WINDOW), _ROWS_HZ + _COLUMNS_HZ) / SAMPLE_RATE_HZ
    waves = np.hstack([np.cos(phases), np.sin(phases)]) * window[:, None] / window.sum()
    return (window**2 / np.sum(window**2)).astype(np.float32), waves.astype(np.float32)


_WEIGHTS, _WAVES = _waves()


def _keys(frames: Numbers) -> tuple[Codes, Numbers]:
    power = np.square(frames) @ _WEIGHTS
    parts = frames @ _WAVES
    tones = parts[:, :8] - 1j * parts[:, 8:]
    powers = 2 * np.square(np.abs(tones))
    rows, columns = powers[:, :4].argmax(axis=1), powers[:, 4:].argmax(axis=1)
    every = np.arange(len(frames))
    row, column = powers[every, rows], powers[every, 4 + columns]
    fits = (
        (power > _QUIET)
        & (row + column > power * _SHARE)
        & (row < column * _TWIST)
        & (column < row * _TWIST)
        & _in_tune(tones, rows, np.array(_ROWS_HZ))
        & _in_tune(tones, 4 + columns, np.array(_ROWS_HZ + _COLUMNS_HZ))
    )
    return np.where(fits, rows * 4 + columns, -1).astype(np.int8), power


def _in_tune(tones: Tones, at: NDArray[np.intp], pitches_hz: NDArray[np.float64]) -> Flags:
    """Return whether each frame's tone turns from frame to frame as its pitch does."""
    every = np.arange(len(at))
    mine = pitches_hz[at]
    here, before = tones[every, at], tones[np.maximum(every - 1, 0), at]
    after = tones[np.minimum(every + 1, len(at) - 1), at]
    step_s = _HOP / SAMPLE_RATE_HZ
    turned = 2 * np.pi * mine * step_s
    # Either neighbour will do: the first and the last frame of a press have only one.
    off_hz = [
        np.abs(np.angle(later * np.conj(sooner) * np.exp(-1j * turned))) / (2 * np.pi * step_s)
        for sooner, later in ((before, here), (here, after))
    ]
    fits: Flags = np.minimum(*off_hz) <= mine * _OFF_PITCH
    return fits
