"""Sounds of a telephone line that are no speech, made up; int16 mono at 16 kHz."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ
from tests.support.speech import beep, silence

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def keys(digits: str, on_s: float = 0.07, off_s: float = 0.07, off_pitch: float = 1.0) -> Samples:
    """Return keys pressed one after another, a second of silence before and after."""
    parts = [silence(1)]
    for digit in digits:
        row, column = divmod(_KEYS.index(digit), 4)
        parts += [
            beep(on_s, _ROWS_HZ[row] * off_pitch, _COLUMNS_HZ[column] * off_pitch, level=0.1),
            silence(off_s),
        ]
    return np.concatenate([*parts, silence(1)])


def cadence(times: int, on_s: float, off_s: float, *pitches_hz: float) -> Samples:
    """Return a tone that is on and off."""
    return np.tile(np.concatenate([beep(on_s, *pitches_hz, level=0.1), silence(off_s)]), times)


def melody(seconds: float, seed: int = 0) -> Samples:
    """Return music: notes of a scale that fade away, over chords that change every two seconds."""
    rng = np.random.default_rng(seed)
    made = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    start = 0
    while start < len(made):
        length = min(round(rng.choice([0.25, 0.5, 1.0]) * SAMPLE_RATE_HZ), len(made) - start)
        made[start : start + length] += _note(length, 220 * 2 ** (rng.choice(_SCALE) / 12), 0.6)
        start += length
    for start in range(0, len(made), 2 * SAMPLE_RATE_HZ):
        length = min(2 * SAMPLE_RATE_HZ, len(made) - start)
        for step in rng.choice(_SCALE, 3, replace=False):
            made[start : start + length] += 0.4 * _note(length, 110 * 2 ** (step / 12), 4.0)
    scaled: Samples = (made / np.abs(made).max() * 9_000).astype(np.int16)
    return scaled


def _note(length: int, pitch_hz: float, fades_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    moments = np.arange(length) / SAMPLE_RATE_HZ
    harmonics = (np.sin(2 * np.pi * pitch_hz * number * moments) / number for number in range(1, 8))
    return np.asarray(sum(harmonics) * np.exp(-moments / fades_s))


def hum(seconds: float, level: float = 0.02) -> Samples:
    """Return what the mains leave on a line: 50 Hz and its harmonics."""
    numbers = range(1, 12)
    waves = [beep(seconds, 50 * number, level=level / number).astype(np.int32) for number in numbers]
    summed: Samples = np.sum(waves, axis=0).astype(np.int16)
    return summed


def hiss(samples: Samples, snr_db: float, level: float = 0.1) -> Samples:
    """Return samples with white noise, so far below what has a level."""
    noise = np.random.default_rng(0).standard_normal(len(samples))
    return (samples + 32767 * level * 10 ** (-snr_db / 20) * noise).clip(-32768, 32767).astype(np.int16)


def mobile(samples: Samples) -> Samples:
    """Return samples as a mobile telephone sends them, in GSM 06.10."""
    file = io.BytesIO()
    soundfile.write(file, samples[::2], SAMPLE_RATE_HZ // 2, subtype="GSM610", format="WAV")
    narrow = soundfile.read(io.BytesIO(file.getvalue()), dtype="int16")[0]
    wide: Samples = np.interp(np.arange(2 * len(narrow)) / 2, np.arange(len(narrow)), narrow).astype(np.int16)
    return wide
