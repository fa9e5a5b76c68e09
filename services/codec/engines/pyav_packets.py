"""FFmpeg's codecs without a container: packets of a stream, and the length of a file that we wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Final, cast

import av
import av.error
import numpy as np

from services.codec.engines.base import Cancelled, Samples, Target
from services.shared import errors

# No packet of 20 ms is larger; an empty one would tell FFmpeg that the stream is over.
_MAX_PACKET_BYTES: Final = 4096
_OPUS_RATE_HZ: Final = 48_000


class PyavPackets:
    """Compresses a stream.

    Args:
        encoder: FFmpeg's name.
        target: One channel.
        packet_ms: Audio in one packet.
        options: For the encoder.
    """

    def __init__(self, encoder: str, target: Target, packet_ms: int, options: Mapping[str, str]) -> None:
        self._context = cast("av.AudioCodecContext", av.CodecContext.create(encoder, "w"))
        self._context.sample_rate = self._rate_hz = target.sample_rate_hz
        self._context.layout, self._context.format = "mono", "s16"
        self._context.options = dict(options)
        if target.bitrate_kbps:
            self._context.bit_rate = round(target.bitrate_kbps * 1000)
        self._packet_samples = target.sample_rate_hz * packet_ms // 1000
        self._waiting: Samples = np.zeros(0, np.int16)

    def push(self, samples: Samples) -> list[bytes]:
        """Return the packets that are full."""
        waiting = np.concatenate([self._waiting, samples])
        count = len(waiting) // self._packet_samples
        full, self._waiting = np.split(waiting, [count * self._packet_samples])
        return [packet for part in full.reshape(-1, self._packet_samples) for packet in self._encode(part)]

    def finish(self) -> list[bytes]:
        """Return the rest, filled up with silence."""
        silence = np.zeros(-len(self._waiting) % self._packet_samples, np.int16)
        return self.push(silence) + [bytes(packet) for packet in self._context.encode(None)]

    def _encode(self, part: Samples) -> list[bytes]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part)[None], "s16", "mono")
        frame.sample_rate = self._rate_hz
        return [bytes(packet) for packet in self._context.encode(frame)]


class PyavAudio:
    """Does the other way round.

    Args:
        decoder: FFmpeg's name.
        rate_hz: Of the stream.
    """

    def __init__(self, decoder: str, rate_hz: int) -> None:
        self._context = cast("av.AudioCodecContext", av.CodecContext.create(decoder, "r"))
        self._context.layout = "mono"
        self._context.sample_rate = _OPUS_RATE_HZ if decoder == "libopus" else rate_hz
        self._resampler: Any = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)

    def push(self, packet: bytes) -> Samples:
        """Decode the next packet."""
        if not 0 < len(packet) <= _MAX_PACKET_BYTES:
            raise _damaged()
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.error.FFmpegError:
            raise _damaged() from None
        return self._resampled(frames)

    def finish(self) -> Samples:
        """Return what decoder and resampler hold back."""
        return self._resampled([*self._context.decode(None), None])

    def _resampled(self, frames: list[Any]) -> Samples:
        parts = [done.to_ndarray()[0] for frame in frames for done in self._resampler.resample(frame)]
        return np.concatenate([np.zeros(0, np.int16), *parts])


def measured_s(source: BinaryIO, demuxer: str, options: dict[str, str], cancelled: Cancelled) -> float:
    """Decode a file of our own and return its length in seconds.

    Raises:
        FFmpegError: it cannot be decoded.
        Cancelled: `cancelled()` turned true.
    """
    seconds = 0.0
    source.seek(0)
    with av.open(source, "r", demuxer, options=options) as container:
        for frame in container.decode(audio=0):
            seconds += frame.samples / frame.sample_rate
            if cancelled():
                raise errors.Cancelled("The caller went away while its file was read back.")
    return seconds


def _damaged() -> errors.InvalidMedia:
    return errors.InvalidMedia("A packet is not of this codec.", code="damaged_packet")
