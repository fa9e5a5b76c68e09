"""Receives what callers stream in, into files without a name, up to a cap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from protos.v1 import codec_pb2
from services.codec.engines.base import Samples
from services.codec.media import Clip
from services.shared.errors import InvalidRequest, TooLarge


class Upload:
    """Writes to a file until the cap.

    Args:
        file: Takes the bytes.
        max_bytes: Most that it takes.
        setting: Name of the setting to raise for more.
    """

    def __init__(self, file: BinaryIO, max_bytes: int, setting: str) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._setting = setting
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            TooLarge: code file_too_large.
        """
        self.size_bytes += len(data)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(
                f"More than {self._max_bytes} bytes were sent; compress a recording (FLAC keeps all), cut it "
                f"into parts, or have {self._setting} raised.",
                code="file_too_large",
            )
        self._file.write(data)


@dataclass(frozen=True, slots=True)
class _Start:
    """A clip whose audio begins at a byte of the upload."""

    clip: codec_pb2.ClipStart
    offset_bytes: int


async def receive_file(
    requests: AsyncIterator[codec_pb2.DecodeRequest], file: BinaryIO, max_bytes: int
) -> codec_pb2.DecodeConfig:
    """Read a Decode stream to its end.

    Raises:
        InvalidRequest: code config_first, the stream is out of order.
        TooLarge: code file_too_large.
    """
    upload = Upload(file, max_bytes, "codec_max_file_bytes")
    config: codec_pb2.DecodeConfig | None = None
    async for request in requests:
        if config is None and request.HasField("config"):
            config = request.config
        elif config is not None and request.HasField("file"):
            upload.write(request.file)
        else:
            raise _out_of_order()
    file.flush()
    if config is None:
        raise _out_of_order()
    return config


async def receive_clips(
    requests: AsyncIterator[codec_pb2.EncodeRequest], file: BinaryIO, max_bytes: int
) -> tuple[codec_pb2.EncodeConfig, list[Clip]]:
    """Read an Encode stream to its end; the clips' samples stay in `file`, mapped into memory.

    Raises:
        InvalidRequest: codes config_first, invalid_audio.
        TooLarge: code file_too_large.
    """
    upload = Upload(file, max_bytes, "codec_max_decoded_bytes")
    config: codec_pb2.EncodeConfig | None = None
    starts: list[_Start] = []
    async for request in requests:
        if config is None and request.HasField("config"):
            config = request.config
        elif config is not None and request.HasField("clip"):
            starts.append(_Start(request.clip, upload.size_bytes))
        elif starts and request.HasField("audio"):
            upload.write(request.audio)
        else:
            raise _out_of_order()
    file.flush()
    if config is None:
        raise _out_of_order()
    return config, _clips(starts, file, upload.size_bytes)


def _clips(starts: list[_Start], file: BinaryIO, size_bytes: int) -> list[Clip]:
    ends = [start.offset_bytes for start in starts[1:]] + [size_bytes]
    spans = [(start.offset_bytes, end) for start, end in zip(starts, ends, strict=False)]
    if any((end - begin) % 2 for begin, end in spans):
        raise InvalidRequest("A clip's audio must be whole 16-bit samples.", code="invalid_audio")
    if any(start.clip.format.channel_count > 1 for start in starts):
        raise InvalidRequest("A clip has one channel.", code="invalid_audio")
    samples: Samples = np.memmap(file, np.int16, "r") if size_bytes else np.zeros(0, np.int16)
    return [
        Clip(
            channel=start.clip.channel,
            start_ms=start.clip.start_ms,
            sample_rate_hz=start.clip.format.sample_rate_hertz,
            samples=samples[begin // 2 : end // 2],
            kept=start.clip.kept,
        )
        for start, (begin, end) in zip(starts, spans, strict=True)
    ]


def _out_of_order() -> InvalidRequest:
    return InvalidRequest(
        "The first message of the stream must carry `config`, later ones must not; audio follows its clip.",
        code="config_first",
    )
