"""Every codec there and back: as long, as loud and as like as its kind allows."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from services.codec.core import CodecCore
from services.codec.engines.base import CodecEngine, Samples
from services.codec.engines.gsm import GsmEngine
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.trade import given
from services.codec.media import Caps, Clip, DecodeRequest, EncodeRequest
from services.codec.sniff import RawFormat
from services.shared.engines import Reference
from tests.support import recordings

# Least signal-to-noise ratio in dB at the codec's default bitrate, of a sound with a voice's harmonics.
SNR_DB: Final = {
    "wav": 90,
    "flac": 90,
    "mulaw": 30,
    "alaw": 30,
    "g722": 15,
    "mp3": 15,
    "aac": 15,
    "opus": 3,
    "amr": 0.5,
    "gsm": 6,
    "wav49": 6,
}
RAW: Final = {"g722": RawFormat("g722", 16_000, 1), "gsm": RawFormat("gsm", 8_000, 1)}
SECONDS: Final = 2


ENGINES: Final[dict[Reference, CodecEngine]] = {
    Reference("pyav"): PyavEngine(PyavSettings()),
    Reference("gsm"): GsmEngine(),
}
CORE: Final = CodecCore(given(ENGINES), Caps())


def voice(rate_hz: int) -> Samples:
    """Return harmonics of 120 Hz up to 3 kHz that fade in and out four times a second."""
    moments = np.arange(SECONDS * rate_hz) / rate_hz
    tones = sum(np.sin(2 * np.pi * 120 * number * moments + number) / number for number in range(1, 25))
    made: Samples = (5000 * tones * (1.1 + np.sin(7.3 * np.pi * moments))).astype(np.int16)
    return made


def snr_db(source: Samples, heard: Samples) -> float:
    """Return the ratio after the codec's delay and its gain are taken out."""
    one, other = (each[: len(source)].astype(float) for each in (source, heard))
    likeness = np.fft.irfft(np.fft.rfft(other) * np.conj(np.fft.rfft(one)), len(one))
    other = np.roll(other, -int(likeness.argmax()))
    middle = slice(len(one) // 10, -len(one) // 10)
    one, other = one[middle], other[middle]
    other *= np.dot(one, other) / np.dot(other, other)
    return float(10 * np.log10(np.sum(one**2) / max(1e-9, np.sum((one - other) ** 2))))


@pytest.mark.parametrize("name", SNR_DB)
def test_what_comes_back_is_what_went_in(name: str) -> None:
    codec = CORE.codecs[name]
    rate_hz = codec.sample_rates_hz[0]
    source = voice(rate_hz)
    made = CORE.encode([Clip(0, 0, rate_hz, source)], EncodeRequest(name), lambda: False)
    request = DecodeRequest(RAW.get(name), sample_rate_hz=rate_hz)
    with made.file, CORE.decode(made.file, request, lambda: False) as recording:
        heard = np.frombuffer(recording.media.channels[0].read(), np.int16)
    assert -1 <= len(heard) - len(source) <= codec.slack_samples + 1
    assert recordings.pitch_hz(heard, rate_hz) == pytest.approx(120, abs=1)
    level_db = 20 * np.log10(np.std(heard.astype(float)) / np.std(source.astype(float)))
    assert abs(level_db) < 1.5
    assert snr_db(source, heard) > SNR_DB[name]


def test_every_codec_is_in_the_matrix() -> None:
    assert set(CORE.codecs) == set(SNR_DB)
