"""Frame headers of MPEG layer III and AAC ADTS: what sniffing and completeness checks need of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ID3_HEADER_BYTES: Final = 10

# ISO/IEC 11172-3 table 3-B.2 and ISO/IEC 13818-3, layer III, in kbit/s; index 0 is "free", 15 is forbidden.
_KBPS_MPEG1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_MPEG2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# By the header's version bits: MPEG-2.5, reserved, MPEG-2, MPEG-1.
_RATES_HZ: Final[tuple[tuple[int, ...], ...]] = (
    (11025, 12000, 8000),
    (),
    (22050, 24000, 16000),
    (44100, 48000, 32000),
)
_MPEG1: Final = 3
_LAYER3: Final = 1
_MONO: Final = 3
_ADTS_HEADER_BYTES: Final = 7
_ADTS_RATES: Final = 13


@dataclass(frozen=True, slots=True)
class Layer3Frame:
    """One MPEG layer III frame.

    Attributes:
        size_bytes: Length, header included.
        tag_offset_bytes: Where a Xing or Info tag stands in it, from the frame's start.
    """

    size_bytes: int
    tag_offset_bytes: int


def id3_size_bytes(head: bytes) -> int:
    """Return the length of a leading ID3v2 tag, 0 if there is none."""
    if len(head) < ID3_HEADER_BYTES or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:  # Four times seven bits.
        size = size << 7 | byte & 0x7F
    return ID3_HEADER_BYTES + size


def layer3_frame(header: bytes) -> Layer3Frame | None:
    """Read a layer III frame header of 4 bytes; None if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - the sync word
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    mpeg1, mono = version == _MPEG1, header[3] >> 6 == _MONO
    table = _KBPS_MPEG1 if mpeg1 else _KBPS_MPEG2
    if layer != _LAYER3 or rate >= len(_RATES_HZ[version]) or not 1 <= bitrate <= len(table):
        return None
    samples_per_8_bits = 144 if mpeg1 else 72
    size = samples_per_8_bits * table[bitrate - 1] * 1000 // _RATES_HZ[version][rate] + padding
    side_info = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    return Layer3Frame(size, 4 + side_info)


def adts_frame_bytes(header: bytes) -> int | None:
    """Return the length of the ADTS frame that a header of 7 bytes starts; None if it is none."""
    if len(header) < _ADTS_HEADER_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:  # noqa: PLR2004 - the sync word
        return None
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size >= _ADTS_HEADER_BYTES and header[2] >> 2 & 0xF < _ADTS_RATES else None
