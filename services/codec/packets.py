"""Streams of packets: one recording that is compressed, or heard, while it comes."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from services.codec import limits
from services.codec.engines.base import CodecDescription, PacketDecoder, PacketEncoder, Samples, Target
from services.shared.errors import InvalidRequest


class _Stream:
    """Holds its engine until it is closed. Use it in a `with`.

    Args:
        codec: What it is made with.
        target: Rate and bitrate.
        held: Lets the engine go.
    """

    def __init__(self, codec: CodecDescription, target: Target, held: ExitStack) -> None:
        self.codec = codec
        self.target = target
        self._held = held

    def __enter__(self) -> Self:
        """Hand out itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the engine go."""
        self._held.close()


class EncodingStream(_Stream):
    """Compresses; one call at a time.

    Args:
        codec: What it is made with.
        target: Rate and bitrate.
        held: Lets the engine go.
        encoder: Does the work.
        max_duration_ms: Most audio.
    """

    def __init__(
        self,
        codec: CodecDescription,
        target: Target,
        held: ExitStack,
        encoder: PacketEncoder,
        max_duration_ms: int,
    ) -> None:
        super().__init__(codec, target, held)
        self._encoder = encoder
        self._max_duration_ms = max_duration_ms
        self._taken = 0

    def push(self, audio: bytes) -> list[bytes]:
        """Take s16le audio of any length; return the packets that it filled.

        Raises:
            InvalidRequest: code invalid_audio, half a sample.
            TooLarge: code media_too_long.
        """
        if len(audio) % 2:
            raise InvalidRequest("Audio must be whole 16-bit samples.", code="invalid_audio")
        samples: Samples = np.frombuffer(audio, "<i2")
        self._taken += len(samples)
        limits.check_duration(self._taken, self.target.sample_rate_hz, self._max_duration_ms)
        return self._encoder.push(samples)

    def finish(self) -> list[bytes]:
        """Return the packets of what is left, filled up with silence."""
        return self._encoder.finish()


class DecodingStream(_Stream):
    """Decompresses; one call at a time.

    Args:
        codec: What it was made with.
        target: Rate and bitrate.
        held: Lets the engine go.
        decoder: Does the work.
        max_duration_ms: Most audio.
    """

    def __init__(
        self,
        codec: CodecDescription,
        target: Target,
        held: ExitStack,
        decoder: PacketDecoder,
        max_duration_ms: int,
    ) -> None:
        super().__init__(codec, target, held)
        self._decoder = decoder
        self._max_duration_ms = max_duration_ms
        self._given = 0

    def push(self, packet: bytes) -> bytes:
        """Take the next packet; return s16le audio, perhaps none yet.

        Raises:
            InvalidMedia: code damaged_packet.
            TooLarge: code media_too_long.
        """
        return self._counted(self._decoder.push(packet))

    def finish(self) -> bytes:
        """Return what is left."""
        return self._counted(self._decoder.finish())

    def _counted(self, samples: Samples) -> bytes:
        self._given += len(samples)
        limits.check_duration(self._given, self.target.sample_rate_hz, self._max_duration_ms)
        return samples.astype("<i2").tobytes()
