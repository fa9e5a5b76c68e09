"""The `.ecdc` container: what is written is read, and nothing that a stranger writes is believed."""

from __future__ import annotations

import io
import json
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.engines import ecdc
from services.shared.errors import DragomanError, InvalidMedia, Unsupported


def codes(codebooks: int, frames: int, seed: int = 1) -> ecdc.Codes:
    return np.random.default_rng(seed).integers(0, 1024, (codebooks, frames)).astype(np.int16)


def file(meta: object, payload: bytes = b"", version: int = 0, magic: bytes = b"ECDC") -> io.BytesIO:
    text = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    return io.BytesIO(struct.pack("!4sBI", magic, version, len(text)) + text + payload)


GOOD: dict[str, Any] = {"m": "encodec_24khz", "al": 3200, "nc": 8, "lm": False}


@given(codebooks=st.integers(1, 32), frames=st.integers(1, 40), seed=st.integers(0, 9))
def test_codes_come_back_from_their_bits(codebooks: int, frames: int, seed: int) -> None:
    made = codes(codebooks, frames, seed)
    data = ecdc.pack(made)
    assert len(data) == -(-codebooks * frames * 10 // 8)
    assert np.array_equal(ecdc.unpack(data, codebooks)[:, :frames], made)


def test_a_file_comes_back() -> None:
    made = codes(8, 10)
    sink = io.BytesIO()
    header = ecdc.Header(3200, 8, modelled=False, checksum=ecdc.checksum(made))
    ecdc.write_header(sink, header)
    sink.write(ecdc.pack(made))
    sink.seek(0)
    assert ecdc.read_header(sink) == header
    assert np.array_equal(ecdc.read_codes(sink, header), made)


def test_a_file_of_the_package_has_no_checksum() -> None:
    assert ecdc.read_header(file(GOOD)) == ecdc.Header(3200, 8, modelled=False)


def test_one_other_bit_is_found() -> None:
    made = codes(2, 10)
    header = ecdc.Header(3200, 2, modelled=False, checksum=ecdc.checksum(made))
    data = bytearray(ecdc.pack(made))
    data[7] ^= 4
    with pytest.raises(InvalidMedia) as caught:
        ecdc.read_codes(io.BytesIO(bytes(data)), header)
    assert caught.value.code == "damaged_media"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"m": "encodec_48khz"}, "unsupported_codec"),
    ({"m": 5}, "unsupported_codec"),
    ({"al": 0}, "damaged_media"),
    ({"al": -5}, "damaged_media"),
    ({"al": 1 << 50}, "damaged_media"),
    ({"al": 3200.5}, "damaged_media"),
    ({"al": True}, "damaged_media"),
    ({"nc": 33}, "damaged_media"),
    ({"nc": "8"}, "damaged_media"),
    ({"lm": 0}, "damaged_media"),
    ({"lm": None}, "damaged_media"),
    ({"crc32": -1}, "damaged_media"),
    ({"crc32": "x"}, "damaged_media"),
]


@pytest.mark.parametrize(("change", "code"), BAD)
def test_a_header_that_makes_no_sense_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(DragomanError) as caught:
        ecdc.read_header(file(GOOD | change))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (file(GOOD, version=1), "unsupported_codec"),
        (file(GOOD, magic=b"ECDX"), "damaged_media"),
        (file([1, 2]), "damaged_media"),
        (file(b"{"), "damaged_media"),
        (file(b"[" * 4000), "damaged_media"),
        (file(b" " * 5000), "damaged_media"),
        (io.BytesIO(file(GOOD).getvalue()[:20]), "truncated_media"),
        (io.BytesIO(b"ECDC"), "truncated_media"),
    ],
)
def test_what_is_no_header_is_refused(source: io.BytesIO, code: str) -> None:
    with pytest.raises(DragomanError) as caught:
        ecdc.read_header(source)
    assert caught.value.code == code


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_an_error_with_a_code(data: bytes) -> None:
    source = io.BytesIO(b"ECDC" + data)
    # Whatever else it may raise is a fault.
    with suppress(InvalidMedia, Unsupported):
        ecdc.read_codes(source, ecdc.read_header(source))


def test_a_cut_file_is_truncated() -> None:
    header = ecdc.Header(3200, 8, modelled=False)
    with pytest.raises(InvalidMedia) as caught:
        ecdc.read_codes(io.BytesIO(ecdc.pack(codes(8, 10))[:-1]), header)
    assert caught.value.code == "truncated_media"


def test_the_frame_that_the_packages_writer_leaves_out_is_not_missed() -> None:
    # 21 frames are 6720 samples, for which the package's reader asks for 22.
    header = ecdc.Header(6720, 8, modelled=False)
    assert header.frame_count == 22
    assert ecdc.read_codes(io.BytesIO(ecdc.pack(codes(8, 21))), header).shape == (8, 21)
    assert ecdc.read_codes(io.BytesIO(ecdc.pack(codes(8, 22))), header).shape == (8, 22)
