"""What a codec engine does: takes media apart into PCM channels, and makes files of PCM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from services.codec.sniff import Container

# Signed 16-bit, shape (samples,) for one channel or (samples, channels).
Samples = NDArray[np.int16]
Cancelled = Callable[[], bool]


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
        bitrates_kbps: Lowest and highest of a whole file; empty when not adjustable.
        default_bitrate_kbps: For one channel; 0 when not adjustable.
        sample_rates_hz: The first is the default.
        max_channels: In one file.
    """

    name: str
    media_type: str
    file_extension: str
    bitrates_kbps: tuple[int, ...]
    default_bitrate_kbps: int
    sample_rates_hz: tuple[int, ...]
    max_channels: int


@dataclass(frozen=True, slots=True)
class Target:
    """The file to be written.

    Attributes:
        codec: Name of a CodecDescription.
        sample_rate_hz: One of the description's.
        channel_count: 1 to the description's most.
        bitrate_kbps: Within the description's; 0 when not adjustable.
    """

    codec: str
    sample_rate_hz: int
    channel_count: int
    bitrate_kbps: int


class CodecEngine(Protocol):
    """Decodes, encodes, resamples. Safe to use from several threads at once."""

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

    def encode(self, blocks: Iterable[Samples], target: Target, sink: BinaryIO) -> None:
        """Write blocks of shape (samples, channels) at the target's rate to a seekable file."""
        ...

    def resample(self, blocks: Iterable[Samples], source_hz: int, target_hz: int) -> Iterator[Samples]:
        """Convert blocks of one channel to another rate, keeping time: no delay, no loss at the ends."""
        ...
