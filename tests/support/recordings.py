"""Small recordings for tests: tones, WAV files with any header, and reading the results back."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from services.codec.core import CodecCore
from services.codec.engines.base import CodecEngine, Samples, Target
from services.codec.engines.trade import alone
from services.codec.media import Caps, DecodeRequest
from services.codec.sniff import RawFormat
from services.codec.spool import spool


def tone(seconds: float, rate_hz: int, *pitches_hz: float, amplitude: float = 8000) -> Samples:
    """Return sines, one channel for each pitch; shape (samples, channels)."""
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    channels = [amplitude * np.sin(2 * np.pi * pitch * moments) for pitch in pitches_hz or (440,)]
    return np.stack(channels, axis=1).astype(np.int16)


def voice(seconds: float, rate_hz: int, pitch_hz: float, amplitude: float = 8000) -> Samples:
    """Return a pitch that wavers, which to recognition is no tone of the telephone network."""
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    phases = 2 * np.pi * pitch_hz * (moments + 0.1 * np.sin(2 * np.pi * 5 * moments) / (2 * np.pi * 5))
    return (amplitude * np.sin(phases)).astype(np.int16)


def wav(samples: Samples, rate_hz: int) -> bytes:
    """Return a 16-bit WAV of shape (samples,) or (samples, channels)."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()


def riff(chunks: list[tuple[bytes, bytes]], form: bytes = b"RIFF") -> bytes:
    """Return a RIFF file of chunks, correctly sized and padded."""
    body = b"".join(
        struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return form + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def format_chunk(tag: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16) -> bytes:
    """Return a `fmt ` chunk's body."""
    align = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align, align, bits)


def wav_with_data_size(samples: Samples, rate_hz: int, announced: int) -> bytes:
    """Return a WAV whose data chunk announces another size than it has."""
    whole = wav(samples, rate_hz)
    return whole[:40] + struct.pack("<I", announced) + whole[44:]


def wav49(frames: int) -> bytes:
    """Return a WAV49 (Microsoft GSM 06.10) of silent double frames of 65 bytes and 40 ms."""
    fmt = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    fact = struct.pack("<I", frames * 320)
    return riff([(b"fmt ", fmt), (b"fact", fact), (b"data", bytes(65 * frames))])


def spooled(data: bytes) -> BinaryIO:
    """Return a real file without a name that holds data."""
    file = spool()
    file.write(data)
    file.flush()
    file.seek(0)
    return file


@dataclass(frozen=True, slots=True)
class Opened:
    """A file taken apart, its channels in memory."""

    container: str
    codec: str
    source_sample_rate_hz: int
    sample_rate_hz: int
    channels: list[Samples]
    identical_to: tuple[int, ...]
    duration_ms: int


def opened(engine: CodecEngine, data: bytes, raw: RawFormat | None = None, sample_rate_hz: int = 0) -> Opened:
    """Take a file apart with an engine."""
    core = CodecCore(alone(engine), Caps(max_duration_ms=120_000))
    request = DecodeRequest(raw, sample_rate_hz)
    with spooled(data) as file, core.decode(file, request, lambda: False) as recording:
        media = recording.media
        channels = [np.frombuffer(channel.read(), np.int16) for channel in media.channels]
        assert {len(channel) for channel in channels} == {media.sample_count}
        rates_hz = (media.source_sample_rate_hz, media.sample_rate_hz)
        whole = (recording.identical_to, recording.duration_ms)
        return Opened(recording.container, media.codec, *rates_hz, channels, *whole)


def encoded(engine: CodecEngine, samples: Samples, target: Target) -> bytes:
    """Make a file of shape (samples, channels)."""
    file = io.BytesIO()
    engine.encode([samples[:5000], samples[5000:]], target, file)
    return file.getvalue()


def pitch_hz(samples: Samples, rate_hz: int) -> float:
    """Return the strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    return float(spectrum.argmax() * rate_hz / len(samples))


def onset_s(samples: Samples, rate_hz: int, threshold: int = 1000) -> float:
    """Return when the first loud sample comes."""
    return int(np.argmax(np.abs(samples.astype(np.int32)) > threshold)) / rate_hz
