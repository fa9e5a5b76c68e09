"""An engine without FFmpeg: 16-bit WAV in, 16-bit WAV out, the same bytes every time."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

import numpy as np

from services.codec import completeness, limits
from services.codec.engines.base import CodecDescription, Decoded, DecodeOrder, Samples, Target, never
from services.codec.settings import CodecSettings
from services.codec.sniff import Container
from services.codec.spool import spool
from services.shared.engines import Model
from services.shared.errors import Cancelled, InvalidMedia, Unsupported

_CODECS: Final = MappingProxyType(
    {
        "wav": CodecDescription(
            "wav", "audio/wav", "wav", (), 0, (24_000, 8_000, 16_000, 48_000), 8, packet_ms=20
        )
    }
)
_MODEL: Final = Model("fake", "1")


class FakeEngine:
    """Deterministic; keeps whole files in memory. A packet of its streams is bare PCM."""

    @property
    def model(self) -> Model:
        """There are no weights."""
        return _MODEL

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """Only WAV."""
        return _CODECS

    @property
    def containers(self) -> tuple[str, ...]:
        """Only WAV."""
        return ("wav",)

    def decode(
        self, source: BinaryIO, container: Container, order: DecodeOrder, cancelled: Callable[[], bool]
    ) -> Decoded:
        """Take a 16-bit PCM WAV apart."""
        if cancelled():
            raise Cancelled("The caller went away while its file was decoded.")
        if container.name != "wav":
            raise Unsupported("The fake codec engine only reads 16-bit WAV.", code="unsupported_codec")
        completeness.check(source, container.name)
        try:
            with wave.open(source, "rb") as file:
                rate_hz, channel_count, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
                data = file.readframes(file.getnframes())
        except (wave.Error, EOFError):
            raise completeness.damaged() from None
        if width != 2:  # noqa: PLR2004 - bytes of a 16-bit sample
            raise Unsupported("The fake codec engine only reads 16-bit WAV.", code="unsupported_codec")
        limits.check_layout(channel_count, rate_hz)
        samples = np.frombuffer(data[: len(data) // (2 * channel_count) * 2 * channel_count], np.int16)
        limits.check_duration(len(samples) // channel_count, rate_hz, order.max_duration_ms)
        if not len(samples):
            raise InvalidMedia("The file holds no audio; send a recording.", code="empty_file")
        target_hz = order.sample_rate_hz or rate_hz
        apart = [
            np.concatenate([*self.resample([samples[index::channel_count]], rate_hz, target_hz)])
            for index in range(channel_count)
        ]
        return Decoded("pcm_s16le", rate_hz, target_hz, len(apart[0]), tuple(map(_spooled, apart)))

    def encode(
        self,
        blocks: Iterable[Samples],
        target: Target,
        sink: BinaryIO,
        _cancelled: Callable[[], bool] = never,
    ) -> str:
        """Write a 16-bit PCM WAV."""
        with wave.open(sink, "wb") as file:
            file.setnchannels(target.channel_count)
            file.setsampwidth(2)
            file.setframerate(target.sample_rate_hz)
            for block in blocks:
                file.writeframes(np.ascontiguousarray(block).tobytes())
        return target.codec

    def measure(self, source: BinaryIO, _target: Target, _cancelled: Callable[[], bool]) -> float:
        """Believe the header."""
        source.seek(0)
        with wave.open(source, "rb") as file:
            return file.getnframes() / file.getframerate()

    def packet_encoder(self, target: Target) -> FakePackets:
        """Begin a stream."""
        return FakePackets(target.sample_rate_hz // 50)

    def packet_decoder(self, _target: Target) -> FakeAudio:
        """Begin to decode one."""
        return FakeAudio()

    def close(self) -> None:
        """Hold nothing."""

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Interpolate linearly."""
        samples = np.concatenate([np.zeros(0, np.int16), *blocks])
        if source_hz == target_hz or not len(samples):
            yield samples
            return
        moments = np.arange(round(len(samples) * target_hz / source_hz)) * source_hz / target_hz
        yield np.interp(moments, np.arange(len(samples)), samples).astype(np.int16)


class FakePackets:
    """Cuts audio into packets."""

    def __init__(self, packet_samples: int) -> None:
        self._packet_samples = packet_samples
        self._waiting: Samples = np.zeros(0, np.int16)

    def push(self, samples: Samples) -> list[bytes]:
        """Return full packets."""
        self._waiting = np.concatenate([self._waiting, samples])
        full = len(self._waiting) // self._packet_samples * self._packet_samples
        packets, self._waiting = np.split(self._waiting, [full])
        return [packet.tobytes() for packet in packets.reshape(-1, self._packet_samples)]

    def finish(self) -> list[bytes]:
        """Return the rest, filled up."""
        return self.push(np.zeros(-len(self._waiting) % self._packet_samples, np.int16))


class FakeAudio:
    """Puts packets together."""

    def push(self, packet: bytes) -> Samples:
        """Return its samples."""
        return np.frombuffer(packet[: len(packet) // 2 * 2], np.int16)

    def finish(self) -> Samples:
        """Return nothing."""
        return np.zeros(0, np.int16)


def _spooled(samples: Samples) -> BinaryIO:
    file = spool()
    file.write(samples.tobytes())
    file.flush()
    return file


def load(_settings: CodecSettings, _model: str = "") -> FakeEngine:
    """Make the engine; it has no settings."""
    return FakeEngine()
