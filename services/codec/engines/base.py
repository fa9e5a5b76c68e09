"""What a codec engine does: takes media apart into PCM channels, and makes files of PCM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from services.codec.sniff import Container
from services.shared.engines import Model

# Signed 16-bit, shape (samples,) for one channel or (samples, channels).
Samples = NDArray[np.int16]
Cancelled = Callable[[], bool]


def never() -> bool:
    """Say that nobody goes away."""
    return False


@dataclass(frozen=True, slots=True)
class DecodeOrder:
    """What is wanted of a file.

    Attributes:
        sample_rate_hz: Of the streams; 0 keeps the source's.
        max_duration_ms: Longer audio is refused.
        max_output_bytes: Over all channels.
    """

    sample_rate_hz: int
    max_duration_ms: int
    max_output_bytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file taken apart.

    Attributes:
        codec: Such as "pcm_mulaw".
        source_sample_rate_hz: Of the file.
        sample_rate_hz: Of the channels.
        sample_count: Per channel.
        channels: One file of s16le samples each, in the source's order; the caller closes them.
    """

    codec: str
    source_sample_rate_hz: int
    sample_rate_hz: int
    sample_count: int
    channels: tuple[BinaryIO, ...]


@dataclass(frozen=True, slots=True)
class CodecDescription:
    """A codec that can be written.

    Attributes:
        name: What a job asks for.
        media_type: IANA media type of the file.
        file_extension: Without the dot.
        bitrates_kbps: Lowest and highest of a whole file; more than two are all there are; empty when not
            adjustable.
        default_bitrate_kbps: For one channel; 0 when not adjustable.
        sample_rates_hz: The first is the default.
        max_channels: In one file.
        slack_samples: By how many samples of the target's rate a file may be longer than its timeline.
        packet_ms: Audio in one packet of a stream; 0 where the codec cannot be streamed.
        model: Whose weights it needs; None where it needs none.
    """

    name: str
    media_type: str
    file_extension: str
    bitrates_kbps: tuple[float, ...]
    default_bitrate_kbps: float
    sample_rates_hz: tuple[int, ...]
    max_channels: int
    slack_samples: int = 1
    packet_ms: int = 0
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The file to be written, or the stream, which has one channel.

    Attributes:
        codec: Name of a CodecDescription.
        sample_rate_hz: One of the description's.
        channel_count: 1 to the description's most.
        bitrate_kbps: Within the description's; 0 when not adjustable.
    """

    codec: str
    sample_rate_hz: int
    channel_count: int
    bitrate_kbps: float


class PacketEncoder(Protocol):
    """Compresses one stream; one call at a time."""

    def push(self, samples: Samples) -> list[bytes]:
        """Take audio of any length, shape (samples,); return the packets that it filled."""
        ...

    def finish(self) -> list[bytes]:
        """Return the packets of what is left, filled up with silence."""
        ...


class PacketDecoder(Protocol):
    """Does the other way round; one call at a time."""

    def push(self, packet: bytes) -> Samples:
        """Take the next packet; return what can be heard now, shape (samples,).

        Raises:
            InvalidMedia: code damaged_packet.
        """
        ...

    def finish(self) -> Samples:
        """Return what is left."""
        ...


class CodecEngine(Protocol):
    """Decodes, encodes, resamples. Safe to use from several threads at once."""

    @property
    def model(self) -> Model:
        """Its weights, or its library where it has none."""
        ...

    @property
    def codecs(self) -> Mapping[str, CodecDescription]:
        """What `encode` writes, by name."""
        ...

    @property
    def containers(self) -> tuple[str, ...]:
        """What `decode` opens, by the names that `sniff` gives."""
        ...

    def decode(
        self, source: BinaryIO, container: Container, order: DecodeOrder, cancelled: Cancelled
    ) -> Decoded:
        """Take a file apart; `source` is a real file, seekable.

        Raises:
            InvalidMedia: codes empty_file, no_audio, truncated_media, damaged_media, too_many_channels,
                unsupported_sample_rate, format_changes, decoder_crashed.
            Unsupported: codes unsupported_codec, several_audio_tracks.
            TooLarge: codes media_too_long, decoder_limit.
            Timeout: code decoder_timeout.
            StorageFailure: code spool_failed.
            Cancelled: `cancelled()` turned true.
        """
        ...

    def encode(
        self, blocks: Iterable[Samples], target: Target, sink: BinaryIO, cancelled: Cancelled = never
    ) -> str:
        """Write blocks of shape (samples, channels) at the target's rate to a seekable file.

        Returns:
            The codec it was written with: the target's, or a plainer one of this engine where the target's
            cannot take this audio.

        Raises:
            Cancelled: `cancelled()` turned true.
        """
        ...

    def measure(self, source: BinaryIO, target: Target, cancelled: Cancelled) -> float:
        """Read back all of a file that `encode` wrote for `target`; return its length in seconds.

        Raises:
            InvalidMedia: it cannot be read.
            Cancelled: `cancelled()` turned true.
        """
        ...

    def packet_encoder(self, target: Target) -> PacketEncoder:
        """Begin a stream of a codec that has a `packet_ms`."""
        ...

    def packet_decoder(self, target: Target) -> PacketDecoder:
        """Begin to decode such a stream."""
        ...

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Convert blocks of one channel to another rate, keeping time: no delay, no loss at the ends."""
        ...

    def close(self) -> None:
        """Free what only it can free; it is not used again."""
        ...
