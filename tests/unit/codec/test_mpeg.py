"""MPEG frame headers are read by the standard's tables."""

from __future__ import annotations

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec import mpeg
from services.codec.engines.base import Target
from services.codec.engines.pyav import PyavEngine, PyavSettings
from tests.support import recordings


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("bitrate_kbps", [32, 64, 160])
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_of_real_mp3_follow_one_another(rate_hz: int, bitrate_kbps: int, channels: int) -> None:
    file = io.BytesIO()
    samples = recordings.tone(0.5, rate_hz, *[440] * channels)
    PyavEngine(PyavSettings()).encode([samples], Target("mp3", rate_hz, channels, bitrate_kbps), file)
    data = file.getvalue()
    position, frames = mpeg.id3_size_bytes(data), 0
    while position < len(data):
        frame = mpeg.layer3_frame(data[position : position + 4])
        assert frame is not None, position
        if not frames:
            assert data[position + frame.tag_offset_bytes :][:4] in (b"Xing", b"Info")
        position, frames = position + frame.size_bytes, frames + 1
    assert position == len(data)
    assert frames > 5


def test_frames_of_real_adts_follow_one_another() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=24_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(recordings.tone(0.5, 24_000).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 24_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data, position = file.getvalue(), 0
    while position < len(data):
        size = mpeg.adts_frame_bytes(data[position:])
        assert size is not None
        position += size
    assert position == len(data)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff\xfb\x90",
        b"\xfe\xfb\x90\x00",  # no sync
        b"\xff\xeb\x90\x00",  # reserved version
        b"\xff\xfd\x90\x00",  # layer II
        b"\xff\xfb\x00\x00",  # free bitrate
        b"\xff\xfb\xf0\x00",  # forbidden bitrate
        b"\xff\xfb\x9c\x00",  # reserved sample rate
    ],
)
def test_what_is_no_layer_3_header_is_none(header: bytes) -> None:
    assert mpeg.layer3_frame(header) is None


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xf1\x50\x80\x02\x1f",  # short
        b"\xff\xf3\x50\x80\x02\x1f\xfc",  # layer bits set
        b"\xff\xf1\x7c\x80\x02\x1f\xfc",  # forbidden sample rate
        b"\xff\xf1\x50\x80\x00\x1f\xfc",  # shorter than its header
    ],
)
def test_what_is_no_adts_header_is_none(header: bytes) -> None:
    assert mpeg.adts_frame_bytes(header) is None


@given(st.binary(max_size=16))
def test_any_bytes_give_a_frame_that_moves_on_or_none(header: bytes) -> None:
    frame = mpeg.layer3_frame(header)
    assert frame is None or frame.size_bytes > 4
    size = mpeg.adts_frame_bytes(header)
    assert size is None or 7 <= size < 8192


@given(st.integers(0, 2**28 - 1))
def test_an_id3_tag_has_the_size_it_announces(size: int) -> None:
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    assert mpeg.id3_size_bytes(b"ID3\x03\x00\x00" + digits) == 10 + size
    assert mpeg.id3_size_bytes(b"TAG\x03\x00\x00" + digits) == 0
    assert mpeg.id3_size_bytes(b"ID3\x03\x00\x00") == 0
