"""Finds cut files by their own bookkeeping: a container that announces more bytes than it has.

FFmpeg decodes what is there and stays silent about the rest; half a call must not pass for a whole one.
Containers that announce samples instead (FLAC, AIFF, AU, Ogg) are checked after decoding.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import BinaryIO, Final

from services.codec import mpeg
from services.shared.errors import InvalidMedia

_MAX_CHUNKS: Final = 10_000
# Writers that cannot seek back leave "unknown": 0, 0xFFFFFFFF, or SoX's 0x7FFFF000 and what comes above it.
_UNKNOWN_WAV_SIZE: Final = 0x7FFFF000
_OGG_MAX_PAGE_BYTES: Final = 27 + 255 + 255 * 255
_OGG_LAST_PAGE: Final = 0x04


def truncated() -> InvalidMedia:
    """Return the error for a file that ends too early."""
    return InvalidMedia(
        "The file ends before its audio does: it was cut short. Send the whole recording.",
        code="truncated_media",
    )


def damaged(detail: str = "A part of the file cannot be read.") -> InvalidMedia:
    """Return the error for a file whose content is broken."""
    return InvalidMedia(f"The file is damaged: {detail} Export it again.", code="damaged_media")


def check(file: BinaryIO, container: str) -> None:
    """Check a file against its container's bookkeeping, and seek back to its start.

    Args:
        file: Seekable, at any position.
        container: A name from `sniff.CONTAINERS`; those without bookkeeping in bytes pass.

    Raises:
        InvalidMedia: code truncated_media or damaged_media.
    """
    size = file.seek(0, os.SEEK_END)
    if container in _CHECKS:
        _CHECKS[container](file, size)
    file.seek(0)


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    data = file.read(count)
    if len(data) < count:
        raise truncated()
    return data


def _wav(file: BinaryIO, size: int) -> None:
    position, long_size = 12, 0
    for _ in range(_MAX_CHUNKS):
        name, length = struct.unpack("<4sI", _read(file, position, 8))
        if name == b"ds64":
            long_size = struct.unpack("<8xQ", _read(file, position + 8, 16))[0]
        if name == b"data":
            known = 0 < length < _UNKNOWN_WAV_SIZE
            if position + 8 + (length if known else long_size) > size:
                raise truncated()
            return
        position += 8 + length + length % 2
    raise damaged("It has no audio chunk.")


def _mp4(file: BinaryIO, size: int) -> None:
    position, has_index = 0, False
    for _ in range(_MAX_CHUNKS):
        if position == size:
            break
        length, name = struct.unpack(">I4s", _read(file, position, 8))
        if length == 1:
            length = struct.unpack(">Q", _read(file, position + 8, 8))[0]
        if length == 0:
            length = size - position
        if length < 8:  # noqa: PLR2004 - a box's own header
            raise damaged("A box of it has an impossible size.")
        has_index |= name == b"moov"
        position += length
        if position > size:
            raise truncated()
    if not has_index:
        raise truncated()


def _matroska(file: BinaryIO, size: int) -> None:
    header_bytes, start = _ebml_size(file, 4)
    position = start + (header_bytes or 0)
    if _read(file, position, 4) != b"\x18\x53\x80\x67":
        raise damaged("Its segment is missing.")
    length, start = _ebml_size(file, position + 4)
    # A live recorder does not know the length and says so.
    if length is not None and start + length > size:
        raise truncated()


def _ebml_size(file: BinaryIO, position: int) -> tuple[int | None, int]:
    """Read an element's size; None means unknown. Also return where its content begins."""
    first = _read(file, position, 1)[0]
    width = 9 - first.bit_length()
    if width > 8:  # noqa: PLR2004 - RFC 8794: at most 8 bytes
        raise damaged("An element of it has an impossible size.")
    value = int.from_bytes(_read(file, position, width)) & (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), position + width


def _ogg(file: BinaryIO, size: int) -> None:
    tail = _read(file, max(0, size - _OGG_MAX_PAGE_BYTES), min(size, _OGG_MAX_PAGE_BYTES))
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 27 else b""  # noqa: PLR2004 - RFC 3533 page header
    whole = len(page) == 27 + len(segments) + sum(segments)
    if not whole or not page[5] & _OGG_LAST_PAGE:
        raise truncated()


def _mp3(file: BinaryIO, size: int) -> None:
    """Compare with the byte count of a Xing or Info tag, which LAME and FFmpeg write."""
    file.seek(0)
    start = mpeg.id3_size_bytes(file.read(mpeg.ID3_HEADER_BYTES))
    file.seek(start)
    head = file.read(64)
    frame = mpeg.layer3_frame(head[:4])
    if frame is None:
        return
    tag = head[frame.tag_offset_bytes :][:16]
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 16:  # noqa: PLR2004 - tag, flags, frames, bytes
        return
    flags, _frames, announced = struct.unpack(">III", tag[4:])
    if flags & 3 == 3 and start + announced > size:  # noqa: PLR2004 - both counts are present
        raise truncated()


_CHECKS: Final[dict[str, Callable[[BinaryIO, int], None]]] = {
    "wav": _wav,
    "mp4": _mp4,
    "matroska": _matroska,
    "ogg": _ogg,
    "mp3": _mp3,
}
