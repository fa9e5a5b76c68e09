"""GSM 06.10, which FFmpeg reads and cannot write: libsndfile writes it, bare or as WAV49."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

import av.error
import numpy as np
import soundfile

from services.codec.completeness import damaged
from services.codec.engines.base import (
    Cancelled,
    CodecDescription,
    Decoded,
    DecodeOrder,
    Samples,
    Target,
    never,
)
from services.codec.engines.pyav_packets import PyavAudio, measured_s
from services.codec.engines.resampling import resample
from services.codec.settings import CodecSettings
from services.codec.sniff import Container
from services.shared.engines import Model
from services.shared.errors import Unsupported

_RATE_HZ: Final = 8_000
_FRAME_SAMPLES: Final = 160
_CODECS: Final = MappingProxyType(
    {
        "gsm": CodecDescription(
            "gsm", "audio/GSM", "gsm", (), 0, (_RATE_HZ,), 1, slack_samples=_FRAME_SAMPLES, packet_ms=20
        ),
        # Microsoft's kind: two frames in 65 bytes.
        "wav49": CodecDescription(
            "wav49", "audio/wav", "wav", (), 0, (_RATE_HZ,), 1, slack_samples=2 * _FRAME_SAMPLES
        ),
    }
)
# libsndfile's name of the file, then FFmpeg's and its options.
_FILES: Final = {"gsm": ("RAW", "gsm", {"sample_rate": str(_RATE_HZ)}), "wav49": ("WAV", "wav", {})}
_MODEL: Final = Model("libsndfile", soundfile.__libsndfile_version__)


class GsmEngine:
    """Writes GSM; files are opened by an engine that can contain them."""

    @property
    def model(self) -> Model:
        """The library has no weights."""
        return _MODEL

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """Bare and in a WAV."""
        return _CODECS

    @property
    def containers(self) -> tuple[str, ...]:
        """None: libsndfile shall not open a stranger's file in this process."""
        return ()

    def decode(
        self, source: BinaryIO, container: Container, order: DecodeOrder, cancelled: Cancelled
    ) -> Decoded:
        """Open nothing."""
        del source, order, cancelled
        raise Unsupported(f"The engine gsm opens no {container.name}.", code="unsupported_codec")

    def encode(
        self, blocks: Iterable[Samples], target: Target, sink: BinaryIO, _cancelled: Cancelled = never
    ) -> str:
        """Write a file; its last frame is filled up with silence."""
        with _writer(sink, _FILES[target.codec][0]) as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block))
        return target.codec

    def measure(self, source: BinaryIO, target: Target, cancelled: Cancelled) -> float:
        """Decode it with FFmpeg, which is who will read it."""
        _, demuxer, options = _FILES[target.codec]
        try:
            return measured_s(source, demuxer, options, cancelled)
        except av.error.FFmpegError:
            raise damaged("It was written wrongly.") from None

    def packet_encoder(self, _target: Target) -> GsmPackets:
        """Begin a stream of frames of 33 bytes."""
        return GsmPackets()

    def packet_decoder(self, _target: Target) -> PyavAudio:
        """Begin to decode one."""
        return PyavAudio("gsm", _RATE_HZ)

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Convert with swresample."""
        return resample(blocks, source_hz, target_hz)

    def close(self) -> None:
        """Hold nothing."""


class GsmPackets:
    """Compresses a stream: libsndfile writes a frame as soon as it has its 160 samples."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._writer = _writer(self._file, "RAW")
        self._pending = 0

    def push(self, samples: Samples) -> list[bytes]:
        """Return the frames that are full."""
        self._writer.write(np.ascontiguousarray(samples))
        self._pending = (self._pending + len(samples)) % _FRAME_SAMPLES
        written = self._file.getvalue()
        # Emptied, for a stream may last for hours; libsndfile only ever appends.
        self._file.seek(0)
        self._file.truncate()
        return [written[start : start + 33] for start in range(0, len(written), 33)]

    def finish(self) -> list[bytes]:
        """Return the rest, filled up with silence."""
        return self.push(np.zeros(-self._pending % _FRAME_SAMPLES, np.int16))


def _writer(sink: BinaryIO, form: str) -> soundfile.SoundFile:
    return soundfile.SoundFile(sink, "w", _RATE_HZ, 1, "GSM610", format=form, closefd=False)


def load(_settings: CodecSettings, _model: str = "") -> GsmEngine:
    """Make the engine; it has no settings."""
    return GsmEngine()
