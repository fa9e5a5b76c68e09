"""Minutes of what is no speech on a line: hold music, noise, the tones of networks and machines, silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ
from tests.bench import asr_quality

# Debian's package asterisk-moh-opsound-wav.
MUSIC: Final = Path("/usr/share/asterisk/moh")
_PIECE_S: Final = 30.0
# Seconds of each, of ten minutes in all.
SECONDS: Final = {"music": 240.0, "noise": 120.0, "tones": 150.0, "silence": 90.0}

Waves = NDArray[np.float64]
# What networks send: pitches, then seconds on and off.
_CADENCES: Final = {
    "ring, North America": ((440, 480), 2.0, 4.0),
    "ring, Brazil": ((425,), 1.0, 4.0),
    "ring, Spain": ((425,), 1.5, 3.0),
    "busy, North America": ((480, 620), 0.5, 0.5),
    "busy, Brazil": ((425,), 0.25, 0.25),
    "busy, Italy": ((425,), 0.5, 0.5),
    "no line": ((480, 620), 0.25, 0.25),
    "dial tone": ((350, 440), 8.0, 0.2),
    "fax calls": ((1100,), 0.5, 3.0),
    "fax answers": ((2100,), 3.0, 1.0),
    "beep": ((1000,), 0.4, 4.0),
}
_KEYS: Final = dict(
    zip(
        "123456789*0#",
        ((low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)),
        strict=True,
    )
)
_INFORMATION_HZ: Final = (950, 1400, 1800)
_ROUND: Final = 12.0


def pieces(kind: str, seconds: float) -> Iterator[tuple[str, Samples]]:
    """Yield recordings with their names, as long as asked together.

    Args:
        kind: One of SECONDS.
        seconds: More than 0.
    """
    makers: dict[str, Callable[[], Iterator[tuple[str, Waves]]]] = {
        "music": lambda: _music(seconds),
        "noise": _noises,
        "tones": _tones,
        "silence": _silences,
    }
    left = round(seconds * SAMPLE_RATE_HZ)
    for name, waves in makers[kind]():
        part = waves[:left]
        yield name, (32767 * part.clip(-1, 1)).astype(np.int16)
        left -= len(part)
        if left <= 0:
            return


def _music(seconds: float) -> Iterator[tuple[str, Waves]]:
    """Yield stretches of every piece by turns, from later and later in it; without the package, chords."""
    tracks = {file.stem: asr_quality.samples_of(file) / 32768 for file in sorted(MUSIC.glob("*.wav"))}
    length = round(_PIECE_S * SAMPLE_RATE_HZ)
    for number in range(round(seconds / _PIECE_S) + 1):
        if tracks:
            name = list(tracks)[number % len(tracks)]
            turn = number // len(tracks)
            start = min((1 + turn) * length, max(len(tracks[name]) - length, 0))
            yield f"{name} {start / SAMPLE_RATE_HZ:.0f} s", tracks[name][start : start + length]
        else:
            yield f"chords {number}", _chords(number)


def _chords(number: int) -> Waves:
    """Return a slow progression of chords with overtones that fade."""
    random = np.random.default_rng(number)
    bars = []
    for root_hz in random.choice((131, 147, 165, 175, 196, 220), round(_PIECE_S)):
        moments = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        notes = [root_hz * ratio * over for ratio in (1, 1.26, 1.5) for over in (1, 2, 3)]
        bars.append(np.exp(-1.5 * moments) * sum(np.sin(2 * np.pi * hz * moments) / hz for hz in notes) * 12)
    return np.concatenate(bars)


def _noises() -> Iterator[tuple[str, Waves]]:
    """Yield hisses of three colours, and bursts as of a keyboard or of a hand on the microphone."""
    for number, level in cycle(enumerate((0.003, 0.02, 0.1))):
        for name, slope in (("white", 0.0), ("pink", 0.5), ("brown", 1.0)):
            yield f"{name} {level}", _noise(slope, level, number)
        yield f"bursts {level}", _noise(0.5, level, number) * _bursts(number)


def _noise(slope: float, level: float, seed: int) -> Waves:
    """Return noise whose power falls by twice `slope` per doubling of the pitch, of an RMS of `level`."""
    size = round(_ROUND * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=size))
    waves = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 50) ** slope, size)
    return np.asarray(waves * level / np.sqrt(np.mean(waves**2)))


def _bursts(seed: int) -> Waves:
    gates = np.random.default_rng(seed).random(round(_ROUND * 10)) < 0.3
    return np.repeat(gates.astype(float), SAMPLE_RATE_HZ // 10)


def _tones() -> Iterator[tuple[str, Waves]]:
    for name, (pitches, on_s, off_s) in cycle(_CADENCES.items()):
        yield name, _rounds([(pitches, on_s), ((), off_s)])
        if name == "no line":
            yield "special information", _rounds([*(((hz,), 0.33) for hz in _INFORMATION_HZ), ((), 3.0)])
        if name == "beep":
            keys = "5551234#0987*6"
            yield f"keys {keys}", _rounds([step for key in keys for step in ((_KEYS[key], 0.12), ((), 0.18))])


def _rounds(steps: Sequence[tuple[tuple[int, ...], float]]) -> Waves:
    """Repeat tones and pauses for _ROUND seconds."""
    once = np.concatenate([_tone(pitches, seconds) for pitches, seconds in steps])
    return np.resize(once, round(_ROUND * SAMPLE_RATE_HZ))


def _tone(pitches: Sequence[int], seconds: float) -> Waves:
    moments = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone: Waves = sum((0.2 * np.sin(2 * np.pi * hz * moments) for hz in pitches), np.zeros_like(moments))
    return tone


def _silences() -> Iterator[tuple[str, Waves]]:
    """Yield digital silence, and the faint noise of a line on which nobody speaks."""
    for number in cycle(range(2)):
        yield ("faint noise", _noise(0.5, 0.0005, number)) if number else ("zeros", 0 * _noise(0, 1, 0))
