"""A file's first bytes decide which demuxer may open it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.limits import MAX_CHANNELS
from services.codec.sniff import CONTAINERS, HEADERLESS, RawFormat, sniff
from services.shared.errors import InvalidMedia, InvalidRequest
from tests.support import recordings

MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes
ADTS_FRAME = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)  # 16 bytes


def id3(size: int) -> bytes:
    """Return an ID3v2 tag with `size` bytes of content."""
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + digits + bytes(size)


HEADS = [
    ("wav", recordings.wav(recordings.tone(0.01, 8000), 8000)),
    ("wav", recordings.wav49(1)),
    ("wav", recordings.riff([(b"fmt ", recordings.format_chunk(0xFFFE))])),
    ("wav", recordings.riff([(b"ds64", bytes(28))], b"RF64")),
    ("wav", recordings.riff([(b"ds64", bytes(28))], b"BW64")),
    ("flac", b"fLaC\0\0\0\x22"),
    ("flac", id3(100) + b"fLaC\0\0\0\x22"),
    ("ogg", b"OggS\0\x02"),
    ("mp4", struct.pack(">I", 24) + b"ftypM4A \0\0\0\0"),
    ("mp4", struct.pack(">I", 20) + b"ftypisom\0\0\0\0"),
    ("matroska", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81"),
    ("amr", b"#!AMR\n\x3c"),
    ("amr", b"#!AMR-WB\n\x04"),
    ("aiff", b"FORM\0\0\0\x10AIFFCOMM"),
    ("aiff", b"FORM\0\0\0\x10AIFCCOMM"),
    ("au", b".snd\0\0\0\x18"),
    ("aac", ADTS_FRAME * 2),
    ("aac", id3(40) + ADTS_FRAME * 2),
    ("mp3", MP3_FRAME * 2),
    ("mp3", MP3_FRAME[:300]),
    ("mp3", id3(1000) + MP3_FRAME * 2),
    ("mp3", id3(200_000)[: 64 * 1024]),
]


@pytest.mark.parametrize(("container", "head"), HEADS)
def test_a_known_container_is_recognised(container: str, head: bytes) -> None:
    assert sniff(head).name == container


STRANGERS = {
    "text": b"Dear customer, this is not audio.\n",
    "an ffconcat play list": b"ffconcat version 1.0\nfile victim.wav\n",
    "an HLS play list": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "an SDP description": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
    "a DASH manifest": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
    "a JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "a PNG": b"\x89PNG\r\n\x1a\n",
    "a GIF": b"GIF89a",
    "an AVIF": struct.pack(">I", 28) + b"ftypavif\0\0\0\0",
    "a HEIC": struct.pack(">I", 28) + b"ftypheic\0\0\0\0",
    "a PDF": b"%PDF-1.7\n",
    "a ZIP": b"PK\x03\x04",
    "an ELF": b"\x7fELF\x02\x01",
    "an AVI": b"RIFF\0\0\0\0AVI LIST",
    "a WebP": b"RIFF\0\0\0\0WEBPVP8 ",
    "a tag and then text": id3(10) + b"ffconcat version 1.0",
    "UTF-16 text": "ffconcat version 1.0".encode("utf-16"),
    "one MP3 header by chance": b"\xff\xfb\x90\x00" + b"file" * 200,
    "one ADTS header by chance": ADTS_FRAME[:7] + b"file" * 200,
    "MPEG layer II": b"\xff\xfd\x90\x00" + bytes(500),
    "raw samples": bytes(1000),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_recording_is_refused_with_what_would_be(name: str) -> None:
    with pytest.raises(InvalidMedia) as caught:
        sniff(STRANGERS[name])
    assert caught.value.code == "unknown_media"
    for container in CONTAINERS:
        assert container in caught.value.detail


def test_an_empty_file_says_so() -> None:
    with pytest.raises(InvalidMedia) as caught:
        sniff(b"")
    assert caught.value.code == "empty_file"


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "s16le"])
def test_a_headerless_file_is_opened_as_declared(encoding: str) -> None:
    container = sniff(b"ffconcat version 1.0", RawFormat(encoding, 16_000, 2))
    assert (container.name, container.demuxer) == (encoding, encoding)
    assert dict(container.options) == {"sample_rate": "16000", "ch_layout": "2c"}


@pytest.mark.parametrize(("encoding", "rate_hz"), [("gsm", 8_000), ("g722", 16_000)])
def test_an_encoding_with_one_rate_takes_only_that(encoding: str, rate_hz: int) -> None:
    assert sniff(b"\xd0", RawFormat(encoding, rate_hz, 1)).demuxer == encoding
    for wrong in (RawFormat(encoding, 44_100, 1), RawFormat(encoding, rate_hz, 2)):
        with pytest.raises(InvalidRequest) as caught:
            sniff(b"\xd0", wrong)
        assert caught.value.code == "invalid_raw_format"
        assert str(rate_hz) in caught.value.detail


WRONG_DECLARATIONS = [
    RawFormat("concat", 8_000, 1),
    RawFormat("wav", 8_000, 1),
    RawFormat("mulaw", 0, 1),
    RawFormat("mulaw", 192_001, 1),
    RawFormat("mulaw", 8_000, 0),
    RawFormat("mulaw", 8_000, MAX_CHANNELS + 1),
    RawFormat("mulaw", -8_000, -1),
]


@pytest.mark.parametrize("raw", WRONG_DECLARATIONS)
def test_a_declaration_without_sense_is_refused(raw: RawFormat) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sniff(b"\xff" * 100, raw)
    assert caught.value.code == "invalid_raw_format"


def test_a_wrong_encoding_names_the_right_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        sniff(b"\xff", RawFormat("opus", 8_000, 1))
    for encoding in HEADERLESS:
        assert encoding in caught.value.detail


def outcome(head: bytes, raw: RawFormat | None = None) -> str:
    """Return the container's name or the error's code."""
    try:
        return sniff(head, raw).name
    except InvalidRequest as error:
        return error.code


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_known_container_or_an_error(head: bytes) -> None:
    assert outcome(head) in {*CONTAINERS, "empty_file", "unknown_media"}


@given(st.sampled_from([head for _, head in HEADS]), st.data())
def test_a_known_head_with_broken_bytes_stays_within_the_list(head: bytes, data: st.DataObject) -> None:
    broken = bytearray(head)
    for index in data.draw(st.lists(st.integers(0, len(head) - 1), max_size=5)):
        broken[index] = data.draw(st.integers(0, 255))
    assert outcome(bytes(broken)) in {*CONTAINERS, "unknown_media"}


@given(st.builds(RawFormat, st.text(max_size=10), st.integers(), st.integers()))
def test_any_declaration_is_accepted_or_an_error(raw: RawFormat) -> None:
    assert outcome(b"\0", raw) in {*HEADERLESS, "invalid_raw_format"}


def test_no_play_list_demuxer_can_be_chosen() -> None:
    demuxers = {sniff(head).demuxer for _, head in HEADS}
    assert demuxers.isdisjoint({"concat", "hls", "sdp", "dash", "image2", "lavfi"})
