"""Says from a file's first bytes which demuxer may open it, so that nothing is ever left to guessing.

FFmpeg's own detection follows play lists: a `.wav` that holds `ffconcat version 1.0` makes it read other
files. So the demuxer is chosen here, from a short list, and FFmpeg is told to use that one alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.codec import mpeg
from services.codec.limits import MAX_CHANNELS, RATES_HZ
from services.shared.errors import InvalidMedia, InvalidRequest

# More than any magic needs; also what Probe accepts.
HEAD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What the caller declares of a file without a header.

    Attributes:
        encoding: A key of HEADERLESS.
        sample_rate_hz: 4,000 to 192,000; the encoding's own where it has only one.
        channel_count: 1 to 8, interleaved.
    """

    encoding: str
    sample_rate_hz: int
    channel_count: int


@dataclass(frozen=True, slots=True)
class Container:
    """How to open a file.

    Attributes:
        name: Our name, such as "wav".
        demuxer: FFmpeg's name, the only one allowed; empty where FFmpeg cannot open it.
        options: For the demuxer.
    """

    name: str
    demuxer: str
    options: tuple[tuple[str, str], ...] = ()


# Encodings that Asterisk and FreeSWITCH write bare, with (rate, channels) where only one is possible.
HEADERLESS: Final[dict[str, tuple[int, int] | None]] = {
    "mulaw": None,
    "alaw": None,
    "s16le": None,
    "gsm": (8_000, 1),
    "g722": (16_000, 1),
}

# ISO media brands of still and moving images: same boxes, no call.
_IMAGE_BRANDS: Final = {
    b"avif",
    b"avis",
    b"heic",
    b"heix",
    b"hevc",
    b"hevx",
    b"mif1",
    b"msf1",
    b"jxl ",
    b"crx ",
}


def _is_wav(head: bytes) -> bool:
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def _is_aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] not in _IMAGE_BRANDS


def _is_mp3(head: bytes) -> bool:
    frame = mpeg.layer3_frame(head[:4])
    if frame is None:
        return False
    following = head[frame.size_bytes : frame.size_bytes + 4]
    # Two headers in a row: one alone is too easily met by chance.
    return len(following) < 4 or mpeg.layer3_frame(following) is not None  # noqa: PLR2004 - a header's size


def _is_adts(head: bytes) -> bool:
    size = mpeg.adts_frame_bytes(head)
    if size is None:
        return False
    following = head[size:]
    return len(following) < 7 or mpeg.adts_frame_bytes(following) is not None  # noqa: PLR2004 - a header's size


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


_TESTS: Final[tuple[tuple[Container, Callable[[bytes], bool]], ...]] = (
    # Larger packets than the default 4 KiB halve the time to decode PCM; one of them tells whether it is
    # something else in disguise, such as DTS, and FFmpeg would look at 32.
    (Container("wav", "wav", (("max_size", "65536"), ("max_probe_packets", "1"))), _is_wav),
    (Container("flac", "flac"), _starts(b"fLaC")),
    (Container("ogg", "ogg"), _starts(b"OggS")),
    (Container("mp4", "mov,mp4,m4a,3gp,3g2,mj2"), _is_mp4),
    (Container("matroska", "matroska,webm"), _starts(b"\x1a\x45\xdf\xa3")),
    (Container("amr", "amr"), _starts(b"#!AMR\n", b"#!AMR-WB\n")),
    (Container("aiff", "aiff"), _is_aiff),
    (Container("au", "au"), _starts(b".snd")),
    (Container("ecdc", ""), _starts(b"ECDC")),
    (Container("aac", "aac"), _is_adts),
    (Container("mp3", "mp3"), _is_mp3),
)
_MP3: Final = next(container for container, _ in _TESTS if container.name == "mp3")

CONTAINERS: Final = tuple(container.name for container, _ in _TESTS) + tuple(HEADERLESS)
FFMPEG_CONTAINERS: Final = tuple(each.name for each, _ in _TESTS if each.demuxer) + tuple(HEADERLESS)


def sniff(head: bytes, raw: RawFormat | None = None) -> Container:
    """Say how to open a file.

    Args:
        head: The file's first bytes, up to HEAD_BYTES.
        raw: What the caller declared, for a file without a header; then `head` decides nothing.

    Raises:
        InvalidMedia: code empty_file or unknown_media.
        InvalidRequest: code invalid_raw_format, the declaration makes no sense.
    """
    if not head:
        raise InvalidMedia("The file is empty; send a recording.", code="empty_file")
    if raw is not None:
        return _declared(raw)
    tag_bytes = mpeg.id3_size_bytes(head)
    body = head[tag_bytes:]
    found = next((container for container, fits in _TESTS if fits(body)), None)
    # A tag with a picture can be longer than the head; then what follows is almost surely MP3.
    if found is None and tag_bytes and not body:
        found = _MP3
    if found is None:
        raise InvalidMedia(
            f"This is not a recording that Dragoman knows. Accepted: {', '.join(CONTAINERS)}; "
            f"of these {', '.join(HEADERLESS)} have no header and must be declared with "
            "encoding, sample rate and channel count.",
            code="unknown_media",
        )
    return found


def _declared(raw: RawFormat) -> Container:
    if raw.encoding not in HEADERLESS:
        raise InvalidRequest(
            f"Raw encoding must be one of {', '.join(HEADERLESS)}.", code="invalid_raw_format"
        )
    only = HEADERLESS[raw.encoding]
    if only is not None and (raw.sample_rate_hz, raw.channel_count) != only:
        raise InvalidRequest(
            f"Raw {raw.encoding} is always {only[0]} Hz with {only[1]} channel.", code="invalid_raw_format"
        )
    if raw.sample_rate_hz not in RATES_HZ or not 1 <= raw.channel_count <= MAX_CHANNELS:
        raise InvalidRequest(
            "A raw file needs its sample rate (4000 to 192000 Hz) and channel count (1 to 8).",
            code="invalid_raw_format",
        )
    options: tuple[tuple[str, str], ...] = (("sample_rate", str(raw.sample_rate_hz)),)
    if only is None:
        options += (("ch_layout", f"{raw.channel_count}c"),)
    return Container(raw.encoding, raw.encoding, options)
