"""What goes into the codec's use cases and comes out of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Final, Self

from services.codec.crosstalk import Crosstalk
from services.codec.engines.base import CodecDescription, Decoded, Samples, Target
from services.codec.sniff import RawFormat

MIXED: Final = "mixed"
MULTICHANNEL: Final = "multichannel"


@dataclass(frozen=True, slots=True)
class Caps:
    """What one call may ask for.

    Attributes:
        max_duration_ms: Of a recording and of a timeline.
        max_decoded_bytes: PCM of one recording, all channels together.
    """

    max_duration_ms: int = 7_200_000
    max_decoded_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What is wanted of a file.

    Attributes:
        raw: For a file without a header.
        sample_rate_hz: Of the channels; 0 keeps the source's.
        max_duration_ms: 0 means the server's own cap.
    """

    raw: RawFormat | None = None
    sample_rate_hz: int = 0
    max_duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A file taken apart. Use it in a `with`: its channels are open files.

    Attributes:
        container: Such as "wav".
        media: Codec, rates and one file of s16le samples per channel.
        identical_to: Per channel the first one with the same audio, itself if unique.
        crosstalk: By channel and start.
    """

    container: str
    media: Decoded
    identical_to: tuple[int, ...]
    crosstalk: tuple[Crosstalk, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Length, rounded."""
        return to_ms(self.media.sample_count, self.media.sample_rate_hz)

    def __enter__(self) -> Self:
        """Hand out itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channels."""
        for channel in self.media.channels:
            channel.close()


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio to be placed.

    Attributes:
        channel: Of the timeline, from 0.
        start_ms: Where it is asked to begin.
        sample_rate_hz: Of its samples.
        samples: One channel.
        kept: Whether it is a sound of the recording itself: it stays where it was and as loud as it was, and
            is silent where other clips of its channel lie over it.
    """

    channel: int
    start_ms: int
    sample_rate_hz: int
    samples: Samples
    kept: bool = False


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """The file wanted of clips.

    Attributes:
        codec: A name in `CodecCore.codecs`.
        bitrate_kbps: Of the whole file; 0 means the codec's default for each channel.
        sample_rate_hz: 0 means the codec's default.
        layout: MULTICHANNEL keeps the channels apart in the file, MIXED sums them into one.
        channel_count: Of the timeline.
        duration_ms: Of the timeline; 0 means to the end of the last clip. Clips that run over extend it.
        level: Bring each clip's speech to a common loudness, but for those that are kept.
    """

    codec: str
    bitrate_kbps: float = 0
    sample_rate_hz: int = 0
    layout: str = MULTICHANNEL
    channel_count: int = 1
    duration_ms: int = 0
    level: bool = False


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The stream of packets wanted, or sent.

    Attributes:
        codec: A name in `CodecCore.codecs`, of one that has a packet_ms.
        bitrate_kbps: 0 means the codec's default.
        sample_rate_hz: 0 means the codec's default.
    """

    codec: str
    bitrate_kbps: float = 0
    sample_rate_hz: int = 0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file made of clips.

    Attributes:
        file: At its start; the caller closes it.
        codec: What it was made with; another than was asked for where that could not take this audio.
        target: The rate and bitrate chosen.
        duration_ms: Of the timeline.
        placements: Per clip (start, end) in milliseconds.
    """

    file: BinaryIO
    codec: CodecDescription
    target: Target
    duration_ms: int
    placements: tuple[tuple[int, int], ...]


def to_ms(sample_count: int, sample_rate_hz: int) -> int:
    """Return a length in milliseconds, rounded."""
    return round(sample_count * 1000 / sample_rate_hz)
