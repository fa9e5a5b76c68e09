"""The codec's use cases, on an engine without FFmpeg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.codec.core import MOST_OVERRUN_MS, CodecCore
from services.codec.engines.base import Samples
from services.codec.engines.fake import FakeEngine
from services.codec.engines.trade import alone
from services.codec.loudness import FULL_SCALE, TARGET_DB, from_db
from services.codec.media import Caps, Clip, DecodeRequest, Encoded, EncodeRequest
from services.codec.sniff import RawFormat
from services.shared.errors import Cancelled, DragomanError, InvalidMedia, InvalidRequest, Unsupported
from tests.support import recordings

RATE_HZ = 24_000
CORE = CodecCore(alone(FakeEngine()), Caps(max_duration_ms=60_000))


def never() -> bool:
    return False


def speech(seconds: float, pitch_hz: float = 440, amplitude: int = 8000) -> Samples:
    return recordings.tone(seconds, RATE_HZ, pitch_hz, amplitude=amplitude)[:, 0]


def clip(start_ms: int, seconds: float, channel: int = 0, **tone: Any) -> Clip:
    return Clip(channel, start_ms, RATE_HZ, speech(seconds, **tone))


def encode(clips: list[Clip], **request: Any) -> tuple[Encoded, Samples]:
    """Encode to WAV; return the answer and the samples of shape (samples, channels)."""
    encoded = CORE.encode(clips, EncodeRequest("wav", **request), never)
    with encoded.file:
        media = recordings.opened(FakeEngine(), encoded.file.read())
    return encoded, np.stack(media.channels, axis=1)


def code_of(clips: list[Clip], **request: Any) -> str:
    """Return the code of the error that encoding ends in."""
    with pytest.raises(DragomanError) as caught:
        CORE.encode(clips, EncodeRequest(**({"codec": "wav"} | request)), never)
    return caught.value.code


# Probe and decode


def test_a_head_is_enough_to_say_what_a_file_is() -> None:
    assert CORE.probe(b"RIFF\0\0\0\0WAVE", 1_000_000) == "wav"
    with pytest.raises(Unsupported) as caught:
        CORE.probe(b"\xff" * 10, 10, RawFormat("mulaw", 8000, 1))
    assert caught.value.code == "unsupported_container"


@pytest.mark.parametrize(("head", "code"), [(b"", "empty_file"), (b"text", "unknown_media")])
def test_a_head_of_nothing_known_is_refused(head: bytes, code: str) -> None:
    with pytest.raises(InvalidMedia) as caught:
        CORE.probe(head, len(head))
    assert caught.value.code == code


def test_a_recording_describes_itself() -> None:
    data = recordings.wav(recordings.tone(1.5, 8000, 440, 700), 8000)
    with recordings.spooled(data) as file, CORE.decode(file, DecodeRequest(), never) as recording:
        assert recording.container == "wav"
        assert recording.duration_ms == 1500
        assert recording.identical_to == (0, 1)
        assert [channel.tell() for channel in recording.media.channels] == [0, 0]
    assert all(channel.closed for channel in recording.media.channels)


def test_a_mono_mix_saved_twice_is_found() -> None:
    tone = recordings.tone(1, 8000)
    media = recordings.opened(FakeEngine(), recordings.wav(np.hstack([tone, tone, tone * 0]), 8000))
    assert media.identical_to == (0, 0, 2)


@pytest.mark.parametrize("rate_hz", [-1, 1, 3999, 192_001])
def test_a_rate_out_of_range_is_refused(rate_hz: int) -> None:
    with recordings.spooled(b"RIFF") as file, pytest.raises(InvalidRequest) as caught:
        CORE.decode(file, DecodeRequest(sample_rate_hz=rate_hz), never)
    assert caught.value.code == "invalid_sample_rate"


def test_a_negative_duration_is_refused() -> None:
    with recordings.spooled(b"RIFF") as file, pytest.raises(InvalidRequest) as caught:
        CORE.decode(file, DecodeRequest(max_duration_ms=-1), never)
    assert caught.value.code == "invalid_time"


@pytest.mark.parametrize(("asked_ms", "fits"), [(0, True), (2000, True), (1999, False), (10**9, True)])
def test_the_smaller_of_two_caps_counts(asked_ms: int, fits: bool) -> None:
    data = recordings.wav(recordings.tone(2, 8000), 8000)
    with recordings.spooled(data) as file:
        request = DecodeRequest(max_duration_ms=asked_ms)
        if fits:
            with CORE.decode(file, request, never) as recording:
                assert recording.duration_ms == 2000
        else:
            with pytest.raises(DragomanError) as caught:
                CORE.decode(file, request, never)
            assert caught.value.code == "media_too_long"


def test_the_servers_cap_holds_whatever_is_asked() -> None:
    core = CodecCore(alone(FakeEngine()), Caps(max_duration_ms=1000))
    with recordings.spooled(recordings.wav(recordings.tone(2, 8000), 8000)) as file:
        with pytest.raises(DragomanError) as caught:
            core.decode(file, DecodeRequest(max_duration_ms=10**9), never)
        assert caught.value.code == "media_too_long"


# Encode


def test_clips_lie_on_the_timeline_and_silence_between_them() -> None:
    encoded, samples = encode([clip(1000, 0.5), clip(3000, 0.5)], duration_ms=5000)
    assert encoded.duration_ms == 5000
    assert encoded.placements == ((1000, 1500), (3000, 3500))
    assert samples.shape == (5 * RATE_HZ, 1)
    loud = np.flatnonzero(samples[:, 0])
    assert (loud[0], loud[-1]) == (pytest.approx(RATE_HZ, abs=1), pytest.approx(3.5 * RATE_HZ, abs=30))
    assert not samples[int(1.5 * RATE_HZ) : 3 * RATE_HZ].any()


def test_a_clip_that_runs_over_pushes_the_next_and_the_end() -> None:
    encoded, samples = encode([clip(0, 3), clip(1000, 2)], duration_ms=4000)
    assert encoded.placements == ((0, 3000), (3000, 5000))
    assert encoded.duration_ms == 5000
    assert len(samples) == 5 * RATE_HZ


def test_speech_may_run_over_the_end_of_the_longest_recording() -> None:
    encoded, samples = encode([clip(59_000, 3)], duration_ms=60_000, sample_rate_hz=8000)
    assert encoded.placements == ((59_000, 62_000),)
    assert encoded.duration_ms == 62_000
    assert len(samples) == 62 * 8000


def test_without_a_duration_the_last_clip_ends_the_timeline() -> None:
    assert encode([clip(500, 1)])[0].duration_ms == 1500


def test_a_timeline_of_silence_is_a_file() -> None:
    encoded, samples = encode([], duration_ms=1234)
    assert encoded.duration_ms == 1234
    assert not samples.any()


def test_channels_are_kept_apart() -> None:
    clips = [clip(0, 1, 0, pitch_hz=440), clip(0, 1, 2, pitch_hz=700)]
    _, samples = encode(clips, channel_count=3)
    assert samples.shape[1] == 3
    assert recordings.pitch_hz(samples[:, 0], RATE_HZ) == pytest.approx(440, abs=1)
    assert not samples[:, 1].any()
    assert recordings.pitch_hz(samples[:, 2], RATE_HZ) == pytest.approx(700, abs=1)


def test_a_mix_holds_every_channel_and_never_clips() -> None:
    clips = [clip(0, 1, channel, amplitude=30_000) for channel in range(4)]
    _, samples = encode(clips, channel_count=4, layout="mixed")
    assert samples.shape[1] == 1
    assert np.abs(samples.astype(np.int32)).max() <= from_db(-1) * FULL_SCALE + 1
    assert recordings.pitch_hz(samples[:, 0], RATE_HZ) == pytest.approx(440, abs=1)


def test_levelling_brings_voices_together_only_when_asked() -> None:
    clips = [clip(0, 1, amplitude=1500), clip(2000, 1, amplitude=15_000)]
    _, as_they_are = encode(clips)
    _, levelled = encode(clips, level=True)
    quiet, loud = (levelled[start : start + RATE_HZ] / FULL_SCALE for start in (0, 2 * RATE_HZ))
    for voice in (quiet, loud):
        assert 20 * np.log10(np.sqrt(np.mean(voice**2))) == pytest.approx(TARGET_DB, abs=0.5)
    assert as_they_are.max() == pytest.approx(15_000, abs=20)
    assert np.abs(as_they_are[:RATE_HZ]).max() == pytest.approx(1500, abs=5)


def test_another_rate_keeps_time() -> None:
    encoded, samples = encode([clip(1000, 1)], sample_rate_hz=8000)
    assert encoded.target.sample_rate_hz == 8000
    assert encoded.placements == ((1000, 2000),)
    assert len(samples) == 16_000
    assert recordings.onset_s(samples[:, 0], 8000) == pytest.approx(1, abs=0.002)


def test_clips_of_different_rates_share_a_timeline() -> None:
    slow = Clip(0, 2000, 8000, recordings.tone(1, 8000, 700)[:, 0])
    encoded, samples = encode([clip(0, 1), slow])
    assert encoded.placements == ((0, 1000), (2000, 3000))
    second = samples[2 * RATE_HZ :, 0]
    assert recordings.pitch_hz(second, RATE_HZ) == pytest.approx(700, abs=1)


def test_a_clip_without_audio_takes_no_room() -> None:
    empty = Clip(0, 500, RATE_HZ, np.zeros(0, np.int16))
    encoded, _ = encode([empty, clip(1000, 1)], level=True)
    assert encoded.placements == ((500, 500), (1000, 2000))


REFUSED: list[tuple[str, list[Clip], dict[str, Any]]] = [
    ("unknown_codec", [], {"codec": "realaudio"}),
    ("invalid_layout", [], {"layout": "surround"}),
    ("invalid_bitrate", [], {"bitrate_kbps": 64}),
    ("unsupported_sample_rate", [], {"sample_rate_hz": 44_100}),
    ("invalid_channel", [], {"channel_count": 0}),
    ("too_many_channels", [], {"channel_count": 9}),
    ("invalid_channel", [], {"channel_count": 9, "layout": "mixed"}),
    ("invalid_channel", [clip(0, 0.1, channel=1)], {}),
    ("invalid_channel", [clip(0, 0.1, channel=-1)], {}),
    ("invalid_time", [clip(-1, 0.1)], {}),
    ("invalid_time", [], {"duration_ms": -5}),
    ("invalid_sample_rate", [Clip(0, 0, 0, np.zeros(5, np.int16))], {}),
    ("empty_timeline", [], {}),
    ("media_too_long", [], {"duration_ms": 60_001}),
    ("media_too_long", [clip(60_000 + MOST_OVERRUN_MS, 0.1)], {}),
    ("media_too_long", [clip(60_000 + MOST_OVERRUN_MS, 0.1)], {"duration_ms": 60_000}),
]


@pytest.mark.parametrize(("code", "clips", "request_"), REFUSED)
def test_a_request_that_cannot_be_met_is_refused(
    code: str, clips: list[Clip], request_: dict[str, Any]
) -> None:
    assert code_of(clips, **request_) == code


def test_an_unknown_codec_names_the_known_ones() -> None:
    with pytest.raises(DragomanError, match="wav"):
        CORE.encode([], EncodeRequest("mp4000"), never)


def test_a_caller_who_goes_away_ends_encoding() -> None:
    with pytest.raises(Cancelled):
        CORE.encode([clip(0, 1)], EncodeRequest("wav"), lambda: True)
    with pytest.raises(Cancelled):
        CORE.encode([], EncodeRequest("wav", duration_ms=1000), lambda: True)


spans = st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 2))


@settings(deadline=None, max_examples=50)
@given(st.lists(spans, max_size=6), st.integers(0, 4000), st.sampled_from([8000, 16_000, 24_000, 48_000]))
def test_a_file_is_as_long_as_its_timeline(
    clips: list[tuple[int, int, int]], duration_ms: int, rate_hz: int
) -> None:
    placed = [
        Clip(channel, start, RATE_HZ, np.full(samples, 9, np.int16)) for start, samples, channel in clips
    ]
    last_ms = max((start + samples / 24 for start, samples, _ in clips), default=0)
    if max(duration_ms, last_ms) < 1:
        return
    encoded, samples = encode(placed, duration_ms=duration_ms, channel_count=3, sample_rate_hz=rate_hz)
    assert encoded.duration_ms >= max(duration_ms, int(last_ms)) - 1
    assert abs(len(samples) - encoded.duration_ms * rate_hz / 1000) <= rate_hz / 1000
    for (start, end), asked in zip(encoded.placements, placed, strict=True):
        assert start >= asked.start_ms - 1
        assert abs((end - start) - len(asked.samples) / 24) <= 1
