"""The real decoder on everything that recorders write, and on everything that attackers write."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.codec.core import CodecCore
from services.codec.engines.base import Samples, Target
from services.codec.engines.pyav import FORMATS, PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, DecodeRequest
from services.codec.sniff import RawFormat
from services.shared.errors import DragomanError, TooLarge
from tests.support import recordings

ENGINE = PyavEngine(PyavSettings())
TONE = recordings.tone(2, 8000, 440)
STEREO = recordings.tone(2, 8000, 440, 700)


def code_of(data: bytes, raw: RawFormat | None = None, caps: Caps | None = None) -> str:
    """Return the code of the error that decoding ends in, or "decoded"."""
    core = CodecCore(alone(ENGINE), caps or Caps(max_duration_ms=60_000))
    try:
        with recordings.spooled(data) as file, core.decode(file, DecodeRequest(raw), lambda: False) as whole:
            assert whole.media.sample_count
            return "decoded"
    except DragomanError as error:
        return error.code


def muxed(codec: str, muxer: str, samples: Samples = TONE, rate_hz: int = 8000) -> bytes:
    """Return a file of a kind that the product itself does not write."""
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(file, "w", format=muxer) as container:
        stream = cast("av.AudioStream", container.add_stream(codec, rate=rate_hz, layout=layout))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


FOREIGN = [
    ("wav", "pcm_u8", "wav", "pcm_u8"),
    ("wav", "pcm_s24le", "wav", "pcm_s24le"),
    ("wav", "pcm_f32le", "wav", "pcm_f32le"),
    ("wav", "adpcm_ms", "wav", "adpcm_ms"),
    ("wav", "adpcm_ima_wav", "wav", "adpcm_ima_wav"),
    ("aiff", "pcm_s16be", "aiff", "pcm_s16be"),
    ("au", "pcm_mulaw", "au", "pcm_mulaw"),
    ("matroska", "libopus", "webm", "opus"),
    ("matroska", "pcm_s16le", "matroska", "pcm_s16le"),
    ("mp4", "alac", "ipod", "alac"),
    ("mp4", "aac", "mov", "aac"),
    ("aac", "aac", "adts", "aac"),
]


@pytest.mark.parametrize(("container", "encoder", "muxer", "codec"), FOREIGN)
def test_what_recorders_write_is_read(container: str, encoder: str, muxer: str, codec: str) -> None:
    media = recordings.opened(ENGINE, muxed(encoder, muxer))
    assert (media.container, media.codec) == (container, codec)
    assert media.duration_ms == pytest.approx(2000, abs=300)
    middle = media.channels[0][media.sample_rate_hz // 2 : media.sample_rate_hz * 3 // 2]
    assert recordings.pitch_hz(middle, media.sample_rate_hz) == pytest.approx(440, abs=3)


def test_vorbis_of_asterisk_is_read() -> None:
    wide = recordings.tone(2, 48_000, 440, 700)
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("vorbis", rate=48_000, layout="stereo", options={"strict": "-2"})
        frame = av.AudioFrame.from_ndarray(wide.reshape(1, -1), "s16", "stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    media = recordings.opened(ENGINE, file.getvalue())
    assert (media.container, media.codec) == ("ogg", "vorbis")
    assert media.duration_ms == pytest.approx(2000, abs=50)


def test_wav49_of_asterisk_is_read() -> None:
    media = recordings.opened(ENGINE, recordings.wav49(50))
    assert (media.container, media.codec) == ("wav", "gsm_ms")
    assert media.duration_ms == 50 * 40


def test_an_extensible_header_is_read() -> None:
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    fmt = recordings.format_chunk(0xFFFE, 2) + struct.pack("<HHI", 22, 16, 3) + guid
    media = recordings.opened(ENGINE, recordings.riff([(b"fmt ", fmt), (b"data", STEREO.tobytes())]))
    assert np.array_equal(np.stack(media.channels, 1), STEREO)


@pytest.mark.parametrize("announced", [0, 0xFFFFFFFF])
def test_a_header_that_was_never_finished_is_read(announced: int) -> None:
    media = recordings.opened(ENGINE, recordings.wav_with_data_size(TONE, 8000, announced))
    assert np.array_equal(media.channels[0], TONE[:, 0])


def test_headerless_samples_are_read_as_declared() -> None:
    media = recordings.opened(ENGINE, STEREO.tobytes(), RawFormat("s16le", 8000, 2))
    assert np.array_equal(np.stack(media.channels, 1), STEREO)
    assert (media.container, media.codec, media.sample_rate_hz) == ("s16le", "pcm_s16le", 8000)


@pytest.mark.parametrize(("encoding", "encoder"), [("mulaw", "pcm_mulaw"), ("alaw", "pcm_alaw")])
@pytest.mark.parametrize("samples", [TONE, STEREO], ids=["mono", "stereo"])
def test_headerless_g711_is_read_as_declared(encoding: str, encoder: str, samples: Samples) -> None:
    data = muxed(encoder, encoding, samples)
    media = recordings.opened(ENGINE, data, RawFormat(encoding, 8000, samples.shape[1]))
    assert media.duration_ms == 2000
    for index, channel in enumerate(media.channels):
        assert np.abs(channel - samples[:, index].astype(np.int32)).max() < 300


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_headerless_samples_may_have_any_number_of_channels(channels: int) -> None:
    samples = recordings.tone(0.1, 8000, *range(300, 300 + 100 * channels, 100))
    media = recordings.opened(ENGINE, samples.tobytes(), RawFormat("s16le", 8000, channels))
    assert np.array_equal(np.stack(media.channels, 1), samples)


def test_headerless_gsm_and_g722_are_read_as_declared() -> None:
    assert (
        recordings.opened(ENGINE, (b"\xd0" + bytes(32)) * 50, RawFormat("gsm", 8000, 1)).duration_ms == 1000
    )
    g722 = recordings.encoded(ENGINE, recordings.tone(1, 16_000), Target("g722", 16_000, 1, 0))
    media = recordings.opened(ENGINE, g722, RawFormat("g722", 16_000, 1))
    assert media.duration_ms == 1000
    assert recordings.pitch_hz(media.channels[0], 16_000) == pytest.approx(440, abs=2)


WRITTEN = {each.description.name: each.description for each in FORMATS}


def written(name: str, seconds: float = 2) -> bytes:
    """Return a file of one of the product's own codecs."""
    codec = WRITTEN[name]
    rate_hz = codec.sample_rates_hz[0]
    target = Target(name, rate_hz, 1, codec.default_bitrate_kbps)
    return recordings.encoded(ENGINE, recordings.tone(seconds, rate_hz), target)


CUT = ["wav", "mulaw", "flac", "opus", "mp3", "aac", "amr"]


@pytest.mark.parametrize("kept", [0.4, 0.97])
@pytest.mark.parametrize("name", CUT)
def test_half_a_call_never_passes_for_a_whole_one(name: str, kept: float) -> None:
    data = written(name)
    assert code_of(data) == "decoded"
    assert code_of(data[: int(len(data) * kept) - 1]) == "truncated_media"


@pytest.mark.parametrize(("encoder", "muxer"), [("pcm_s16be", "aiff"), ("pcm_mulaw", "au"), ("aac", "adts")])
def test_other_containers_notice_a_cut_too(encoder: str, muxer: str) -> None:
    data = muxed(encoder, muxer)
    assert code_of(data[: len(data) // 2 + 3]) == "truncated_media"


@pytest.mark.parametrize("name", ["flac", "opus", "amr"])
def test_damage_in_the_middle_is_told_from_a_cut(name: str) -> None:
    data = bytearray(written(name, 5))
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(byte ^ 0x5A for byte in data[middle : middle + 60])
    assert code_of(bytes(data)) == "damaged_media"


def test_a_file_without_audio_says_so() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5, width=16, height=16)
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    assert code_of(file.getvalue()) == "no_audio"


@pytest.mark.parametrize(
    ("encoder", "muxer"), [("pcm_s16le", "matroska"), ("aac", "mp4"), ("libopus", "ogg")]
)
def test_a_second_audio_track_is_never_dropped(encoder: str, muxer: str) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        tracks = [container.add_stream(encoder, rate=8000, layout="mono") for _ in range(2)]
        for track in cast("list[av.AudioStream]", tracks):
            frame = av.AudioFrame.from_ndarray(TONE.reshape(1, -1), "s16", "mono")
            frame.sample_rate = 8000
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    assert code_of(file.getvalue()) == "several_audio_tracks"


def test_two_files_glued_together_are_not_taken_for_one() -> None:
    low, high = (muxed("aac", "adts", recordings.tone(1, rate), rate) for rate in (24_000, 48_000))
    assert code_of(low + high) == "format_changes"


def test_an_exotic_codec_is_refused() -> None:
    assert code_of(muxed("ac3", "matroska", recordings.tone(1, 48_000), 48_000)) == "unsupported_codec"


@pytest.mark.parametrize("channels", [9, 255])
def test_more_than_eight_channels_are_refused(channels: int) -> None:
    fmt = recordings.format_chunk(channels=channels)
    assert code_of(recordings.riff([(b"fmt ", fmt), (b"data", bytes(channels * 200))])) == "too_many_channels"


def test_a_header_of_four_gigahertz_is_refused() -> None:
    fmt = struct.pack("<HHIIHH", 1, 1, 4_000_000_000, 0, 2, 16)
    assert code_of(recordings.riff([(b"fmt ", fmt), (b"data", bytes(2000))])) in {
        "unsupported_sample_rate",
        "damaged_media",
    }


@pytest.mark.timeout(120)
def test_two_hours_of_silence_in_a_small_file_stop_at_the_cap() -> None:
    silence = np.zeros((48_000, 1), np.int16)
    file = io.BytesIO()
    ENGINE.encode((silence for _ in range(7200)), Target("flac", 48_000, 1, 0), file)
    bomb = file.getvalue()
    assert len(bomb) < 2_000_000
    core = CodecCore(alone(ENGINE), Caps(max_duration_ms=600_000))
    with recordings.spooled(bomb) as spooled, pytest.raises(TooLarge) as caught:
        core.decode(spooled, DecodeRequest(), lambda: False)
    assert caught.value.code == "media_too_long"


def test_the_callers_own_cap_is_kept_too() -> None:
    core = CodecCore(alone(ENGINE), Caps())
    with recordings.spooled(recordings.wav(TONE, 8000)) as file, pytest.raises(TooLarge):
        core.decode(file, DecodeRequest(max_duration_ms=1000), lambda: False)


def test_decoded_bytes_are_bounded_over_all_channels() -> None:
    data = recordings.wav(recordings.tone(2, 8000, *[440] * 8), 8000)
    assert code_of(data, caps=Caps(max_decoded_bytes=8 * 2 * 16_000)) == "decoded"
    assert code_of(data, caps=Caps(max_decoded_bytes=8 * 2 * 16_000 - 1)) == "media_too_long"


PLAY_LISTS = {
    "ffconcat": b"ffconcat version 1.0\nfile victim.wav\n",
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nvictim.wav\n#EXT-X-ENDLIST\n",
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
}


@pytest.mark.parametrize("name", PLAY_LISTS)
def test_a_play_list_never_reads_another_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("victim.wav").write_bytes(recordings.wav(TONE, 8000))
    assert code_of(PLAY_LISTS[name]) == "unknown_media"


@pytest.mark.parametrize("name", PLAY_LISTS)
def test_a_play_list_behind_a_magic_never_reads_another_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("victim.wav").write_bytes(recordings.wav(TONE, 8000))
    for magic in (b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"#!AMR\n", b".snd"):
        assert code_of(magic + PLAY_LISTS[name]) in {"truncated_media", "damaged_media"}


ORDERLY = {
    "decoded", "empty_file", "unknown_media", "truncated_media", "damaged_media", "no_audio",
    "too_many_channels", "unsupported_sample_rate", "unsupported_codec", "media_too_long", "format_changes",
}  # fmt: skip
FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


SHORT, LONG = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


@FUZZ
@given(st.tuples(SHORT, SHORT, LONG, LONG, SHORT, SHORT), LONG)
def test_any_wav_header_is_decoded_or_refused(fields: tuple[int, ...], announced: int) -> None:
    data = recordings.riff([(b"fmt ", struct.pack("<HHIIHH", *fields)), (b"data", bytes(4000))])
    at = data.index(b"data") + 4
    assert code_of(data[:at] + struct.pack("<I", announced) + data[at + 4 :]) in ORDERLY


@FUZZ
@given(st.sampled_from([1, 3, 6, 7, 0x11, 2, 0x31]), st.integers(1, 8), st.sampled_from([8, 16, 24, 32, 64]))
def test_any_likely_wav_header_is_decoded_or_refused(tag: int, channels: int, bits: int) -> None:
    fmt = recordings.format_chunk(tag, channels, 8000, bits)
    assert code_of(recordings.riff([(b"fmt ", fmt), (b"data", bytes(4800))])) in ORDERLY


FUZZED = {name: written(name, 0.5) for name in ("wav", "mp3", "opus", "flac", "aac", "amr")}


@FUZZ
@given(st.sampled_from(sorted(FUZZED)), st.data())
def test_any_broken_file_is_decoded_or_refused(name: str, data: st.DataObject) -> None:
    broken = bytearray(FUZZED[name])
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    assert code_of(bytes(broken[: data.draw(st.integers(1, len(broken)))])) in ORDERLY


@FUZZ
@given(st.binary(min_size=1, max_size=2000), st.sampled_from(["mulaw", "alaw", "s16le", "gsm", "g722"]))
def test_any_bytes_declared_as_raw_are_decoded_or_refused(data: bytes, encoding: str) -> None:
    rate_hz = 16_000 if encoding == "g722" else 8000
    assert code_of(data, RawFormat(encoding, rate_hz, 1)) in ORDERLY
