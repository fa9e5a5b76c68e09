"""Audio for recognition: recorded prompts, and sounds that are no speech; int16 mono at 16 kHz."""

from __future__ import annotations

import wave
from functools import cache
from pathlib import Path

import jiwer
import numpy as np

from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ, AsrEngine, Task
from services.asr.engines.registry import create as create_asr
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.engines import Reference
from services.tts.engines import base as engine_base
from services.tts.engines.base import Audio, TtsEngine
from services.tts.engines.registry import create
from services.tts.settings import TtsSettings
from tests.support.recordings import tone as sines
from tests.support.recordings import voice

_BAND_HZ = (300, 3_400)
FOLDER = Path(__file__).parents[1] / "data"

# What is said in each prompt, in lower case without punctuation.
PROMPTS = {
    "en-press-9": "press 9 for more entries",
    "en-phone-number": "please enter your phone number starting with the area code",
    "es-marque-1": "marque número 1 para llamar a este número",
}


def prompt(name: str) -> Samples:
    """Return a prompt of 8 kHz telephone speech, resampled."""
    with wave.open(str(FOLDER / f"{name}.wav")) as file:
        narrow = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    wide = np.fft.irfft(np.fft.rfft(narrow), 2 * len(narrow)) * 2
    return wide.round().clip(-32768, 32767).astype(np.int16)


@cache
def telephone(text: str, voice: str) -> Samples:
    """Return a text as Kokoro speaks it, in the band of a telephone and coded as G.711 does."""
    wide = _kokoro().synthesize(text, voice, 1.0)
    spectrum = np.fft.rfft(wide[: wide.size // 3 * 3])
    pitch_hz = np.fft.rfftfreq(wide.size // 3 * 3, 1 / engine_base.SAMPLE_RATE_HZ)
    spectrum[(pitch_hz < _BAND_HZ[0]) | (pitch_hz > _BAND_HZ[1])] = 0
    narrow = np.fft.irfft(spectrum, wide.size // 3 * 2)
    level = np.sign(narrow) * np.log1p(255 * np.abs(narrow / np.abs(narrow).max() / 2)) / np.log1p(255)
    coded = np.round(level * 127) / 127
    samples: Samples = (32767 * np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(255)) / 255).astype(
        np.int16
    )
    samples.flags.writeable = False
    return samples


@cache
def _kokoro() -> TtsEngine:
    return create(Reference("kokoro"), load(TtsSettings))


def heard(speech: Audio, language: str) -> str:
    """Return what Whisper understands of what a speech engine spoke."""
    whole = speech[: speech.size // 3 * 3]
    spectrum = np.fft.rfft(whole)[: whole.size // 3 + 1]
    narrow = (np.fft.irfft(spectrum) * 2 / 3).astype(np.float32)
    return _whisper().transcribe(narrow, language, Task.TRANSCRIBE).text


@cache
def _whisper() -> AsrEngine:
    return create_asr(Reference("faster-whisper"), load(AsrSettings))


def silence(seconds: float) -> Samples:
    """Return zeros."""
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.int16)


def tone(seconds: float, pitch_hz: float = 440, level: float = 0.3) -> Samples:
    """Return a pitch that wavers as a voice does: to the fake engine it is speech."""
    return voice(seconds, SAMPLE_RATE_HZ, pitch_hz, 32767 * level)


def beep(seconds: float, *pitches_hz: float, level: float = 0.3) -> Samples:
    """Return steady sines, each at that level; 440 Hz if none is given."""
    summed: Samples = np.sum(
        sines(seconds, SAMPLE_RATE_HZ, *pitches_hz, amplitude=32767 * level), axis=1, dtype=np.int16
    )
    return summed


def noise(seconds: float, level: float = 0.05) -> Samples:
    """Return white noise, the same every time."""
    rng = np.random.default_rng(0)
    return (
        (32767 * level * rng.standard_normal(round(seconds * SAMPLE_RATE_HZ)))
        .clip(-32768, 32767)
        .astype(np.int16)
    )


def dial_tones(seconds: float) -> Samples:
    """Return the key 1 pressed again and again: two pitches, a quarter of a second on and off."""
    keys = beep(seconds, 697, 1209, level=0.2)
    off = np.arange(len(keys)) // (SAMPLE_RATE_HZ // 4) % 2 == 1
    return np.where(off, np.int16(0), keys)


def plain(text: str) -> str:
    """Return a text in lower case without punctuation."""
    return " ".join("".join(mark if mark.isalnum() else " " for mark in text.lower()).split())


def wrong_words(said: str, heard: str) -> int:
    """Return how many words of what was said are missing, wrong or too many in what was heard."""
    return round(jiwer.wer(said, plain(heard) or "-") * len(said.split()))
