"""The `.ecdc` container of the encodec package: a header in JSON, then the codes, plain or compressed.

Beside what the package writes, the header gets a checksum of the codes, which the package's reader ignores.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from services.codec.completeness import damaged, truncated
from services.shared.errors import Unsupported

# Shape (codebooks, frames), numbers from 0 to 1023.
Codes = NDArray[np.int16]

MODEL: Final = "encodec_24khz"
RATE_HZ: Final = 24_000
FRAME_SAMPLES: Final = 320
FRAMES_PER_S: Final = 75
CODE_BITS: Final = 10
_HEAD: Final = struct.Struct("!4sBI")
_MAGIC: Final = b"ECDC"
_MAX_META_BYTES: Final = 4096
_MAX_CODEBOOKS: Final = 32


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Attributes:
        sample_count: Of the audio, at RATE_HZ.
        codebooks: 1 to 32.
        modelled: Whether the codes are compressed with the language model.
        checksum: Of the codes; None in a file of another writer.
    """

    sample_count: int
    codebooks: int
    modelled: bool
    checksum: int | None = None

    @property
    def frame_count(self) -> int:
        """Frames that the package's reader asks for, by its very formula.

        Its rounding makes that one too many for every 19th length that is a multiple of a frame; the
        package's own writer leaves that one out, and then its reader cannot read the file.
        """
        return math.ceil(self.sample_count / RATE_HZ * FRAMES_PER_S)

    @property
    def sounding_frames(self) -> int:
        """Frames that hold audio."""
        return -(-self.sample_count // FRAME_SAMPLES)


def frames_of(sample_count: int) -> int:
    """Return how many frames a file of so many samples must have."""
    return Header(sample_count, 1, modelled=False).frame_count


def checksum(codes: Codes) -> int:
    """Return the CRC-32 of codes, frame after frame, 16 bits each, little-endian."""
    return zlib.crc32(np.ascontiguousarray(codes.T).astype("<u2").tobytes())


def write_header(sink: BinaryIO, header: Header) -> None:
    """Write everything before the codes."""
    meta = {
        "m": MODEL,
        "al": header.sample_count,
        "nc": header.codebooks,
        "lm": header.modelled,
        "crc32": header.checksum,
    }
    text = json.dumps(meta).encode()
    sink.write(_HEAD.pack(_MAGIC, 0, len(text)) + text)


def read_header(source: BinaryIO) -> Header:
    """Read everything before the codes; believe nothing.

    Raises:
        InvalidMedia: codes truncated_media, damaged_media.
        Unsupported: code unsupported_codec, another version or model.
    """
    magic, version, length = _HEAD.unpack(_exactly(source, _HEAD.size))
    if magic != _MAGIC or length > _MAX_META_BYTES:
        raise damaged("Its header is not EnCodec's.")
    if version != 0:
        raise Unsupported("The file is of a later version of EnCodec.", code="unsupported_codec")
    try:
        meta = json.loads(_exactly(source, length))
    except (ValueError, RecursionError):
        raise damaged("Its header is not JSON.") from None
    if not isinstance(meta, dict):
        raise damaged("Its header is not an object.")
    if meta.get("m") != MODEL:
        raise Unsupported(f"Of EnCodec's models only {MODEL} is supported.", code="unsupported_codec")
    return Header(
        _number(meta, "al", 1 << 40),
        _number(meta, "nc", _MAX_CODEBOOKS),
        _flag(meta, "lm"),
        _number(meta, "crc32", 1 << 32, least=0) if meta.get("crc32") is not None else None,
    )


def _exactly(source: BinaryIO, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise truncated()
    return data


def _number(meta: dict[str, Any], name: str, most: int, least: int = 1) -> int:
    value = meta.get(name)
    if type(value) is not int or not least <= value <= most:
        raise damaged(f"Its header has no good `{name}`.")
    return value


def _flag(meta: dict[str, Any], name: str) -> bool:
    value = meta.get(name)
    if type(value) is not bool:
        raise damaged(f"Its header has no good `{name}`.")
    return value


def pack(codes: Codes) -> bytes:
    """Return codes as bits, frame after frame, each code's lowest bit first."""
    bits = (codes.T.reshape(-1, 1) >> np.arange(CODE_BITS)) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes()


def unpack(data: bytes, codebooks: int) -> Codes:
    """Return the whole frames in `data`."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    frame_count = len(bits) // (CODE_BITS * codebooks)
    numbers = bits[: frame_count * codebooks * CODE_BITS].reshape(-1, CODE_BITS)
    codes = numbers.astype(np.int16) @ (1 << np.arange(CODE_BITS, dtype=np.int16))
    return codes.astype(np.int16).reshape(frame_count, codebooks).T


def read_codes(source: BinaryIO, header: Header) -> Codes:
    """Read codes that are not modelled.

    Raises:
        InvalidMedia: codes truncated_media, damaged_media.
    """
    wanted = header.frame_count
    data = source.read(-(-wanted * header.codebooks * CODE_BITS // 8))
    codes = unpack(data, header.codebooks)[:, :wanted]
    # The frame that the package's writer may leave out holds no audio.
    if codes.shape[1] < header.sounding_frames:
        raise truncated()
    check(codes, header)
    return codes


def check(codes: Codes, header: Header) -> None:
    """Compare codes with the header's checksum, where it has one.

    Raises:
        InvalidMedia: code damaged_media.
    """
    if header.checksum is not None and checksum(codes) != header.checksum:
        raise damaged("Its codes do not add up to its checksum.")
