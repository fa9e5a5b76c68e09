"""A container that announces more than it has is a cut file."""

from __future__ import annotations

import io
import struct

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec import completeness
from services.codec.engines.base import Target
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.shared.errors import InvalidMedia
from tests.support import recordings

TONE = recordings.tone(1, 8000)
WHOLE_WAV = recordings.wav(TONE, 8000)


def verdict(data: bytes, container: str) -> str:
    """Return "whole", or the error's code."""
    try:
        completeness.check(io.BytesIO(data), container)
    except InvalidMedia as error:
        return error.code
    return "whole"


def encoded(codec: str, rate_hz: int, bitrate_kbps: int = 0) -> bytes:
    """Return a second of tone."""
    file = io.BytesIO()
    target = Target(codec, rate_hz, 1, bitrate_kbps)
    PyavEngine(PyavSettings()).encode([recordings.tone(1, rate_hz)], target, file)
    return file.getvalue()


def matroska() -> bytes:
    """Return a second of PCM in Matroska."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(TONE.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    return file.getvalue()


FILES = {
    "wav": WHOLE_WAV,
    "mp4": encoded("aac", 24_000, 48),
    "ogg": encoded("opus", 24_000, 24),
    "mp3": encoded("mp3", 24_000, 48),
    "matroska": matroska(),
}


@pytest.mark.parametrize("container", FILES)
def test_a_whole_file_passes_and_is_rewound(container: str) -> None:
    file = io.BytesIO(FILES[container])
    completeness.check(file, container)
    assert file.tell() == 0


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("container", FILES)
def test_a_cut_file_is_truncated(container: str, kept: float) -> None:
    data = FILES[container]
    assert verdict(data[: int(len(data) * kept)], container) == "truncated_media"


@pytest.mark.parametrize("announced", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_a_writer_that_could_not_seek_back_is_whole(announced: int) -> None:
    assert verdict(recordings.wav_with_data_size(TONE, 8000, announced), "wav") == "whole"


def test_a_wav_that_announces_one_byte_too_many_is_truncated() -> None:
    size = TONE.nbytes
    assert verdict(recordings.wav_with_data_size(TONE, 8000, size), "wav") == "whole"
    assert verdict(recordings.wav_with_data_size(TONE, 8000, size + 1), "wav") == "truncated_media"


def test_chunks_before_and_after_the_audio_are_stepped_over() -> None:
    chunks = [
        (b"JUNK", bytes(29)),
        (b"fmt ", recordings.format_chunk()),
        (b"LIST", b"INFOISFT" + bytes(11)),
        (b"data", TONE.tobytes()),
        (b"id3 ", bytes(33)),
    ]
    data = recordings.riff(chunks)
    assert verdict(data, "wav") == "whole"
    assert verdict(data[: len(data) // 2], "wav") == "truncated_media"


@pytest.mark.parametrize("missing", [0, 1])
def test_rf64_takes_its_size_from_the_ds64_chunk(missing: int) -> None:
    audio = TONE.tobytes()
    ds64 = struct.pack("<QQQI", 0, len(audio) + missing, 0, 0)
    data = recordings.riff([(b"ds64", ds64), (b"fmt ", recordings.format_chunk())], b"RF64")
    data += b"data\xff\xff\xff\xff" + audio
    assert verdict(data, "wav") == ("truncated_media" if missing else "whole")


def test_a_wav_without_audio_ends_before_it() -> None:
    assert verdict(recordings.riff([(b"fmt ", recordings.format_chunk())]), "wav") == "truncated_media"


def test_endless_chunks_do_not_hold_anybody_up() -> None:
    assert verdict(recordings.riff([(b"JUNK", b"")] * 20_000), "wav") == "damaged_media"
    assert verdict(struct.pack(">I4s", 8, b"free") * 20_000, "mp4") == "truncated_media"


def test_an_mp4_without_its_index_is_truncated() -> None:
    data = struct.pack(">I4s", 16, b"ftyp") + b"M4A \0\0\0\0" + struct.pack(">I4s", 0, b"mdat") + bytes(100)
    assert verdict(data, "mp4") == "truncated_media"


def test_an_mp4_box_of_64_bit_size_is_understood() -> None:
    ftyp = struct.pack(">I4s", 16, b"ftyp") + b"M4A \0\0\0\0"
    moov = struct.pack(">I4s", 8, b"moov")
    mdat = struct.pack(">I4sQ", 1, b"mdat", 116) + bytes(100)
    assert verdict(ftyp + mdat + moov, "mp4") == "whole"
    assert verdict(ftyp + moov + mdat[:-1], "mp4") == "truncated_media"


def test_an_mp4_box_of_impossible_size_is_damage() -> None:
    assert verdict(struct.pack(">I4s", 7, b"ftyp") + bytes(50), "mp4") == "damaged_media"


EBML = b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01"
SEGMENT = b"\x18\x53\x80\x67"


def test_a_live_matroska_without_a_length_is_whole() -> None:
    assert verdict(EBML + SEGMENT + b"\x01" + b"\xff" * 7 + bytes(50), "matroska") == "whole"
    assert verdict(EBML + SEGMENT + b"\xff" + bytes(50), "matroska") == "whole"


def test_a_matroska_segment_may_not_be_longer_than_the_file() -> None:
    assert verdict(EBML + SEGMENT + b"\xb2" + bytes(50), "matroska") == "whole"
    assert verdict(EBML + SEGMENT + b"\xb3" + bytes(50), "matroska") == "truncated_media"


@pytest.mark.parametrize("data", [EBML + b"\0" * 20, b"\x1a\x45\xdf\xa3\0" + bytes(20)])
def test_a_matroska_without_a_segment_is_damage(data: bytes) -> None:
    assert verdict(data, "matroska") == "damaged_media"


def test_an_ogg_that_lacks_its_last_page_is_truncated() -> None:
    data = FILES["ogg"]
    assert verdict(data[: data.rindex(b"OggS")], "ogg") == "truncated_media"


def test_an_mp3_without_a_byte_count_cannot_be_judged() -> None:
    data = bytearray(FILES["mp3"])
    at = max(data.find(b"Info"), data.find(b"Xing"))
    data[at : at + 4] = b"\0\0\0\0"
    assert verdict(bytes(data[: len(data) // 2]), "mp3") == "whole"


@pytest.mark.parametrize("container", ["flac", "aac", "amr", "au", "aiff", "mulaw"])
def test_containers_without_bookkeeping_in_bytes_pass(container: str) -> None:
    assert verdict(b"anything", container) == "whole"


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=300))
def test_any_bytes_are_whole_truncated_or_damaged(container: str, data: bytes) -> None:
    assert verdict(data, container) in {"whole", "truncated_media", "damaged_media"}


@given(st.sampled_from(sorted(FILES)), st.data())
def test_broken_bookkeeping_is_whole_truncated_or_damaged(container: str, data: st.DataObject) -> None:
    broken = bytearray(FILES[container])
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, min(len(broken), 400) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    assert verdict(bytes(broken[:cut]), container) in {"whole", "truncated_media", "damaged_media"}
