"""Where a recorder's clock leaps there was a pause: what follows stays at its time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.codec.core import CodecCore
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.engines.trade import alone
from services.codec.media import Caps, DecodeRequest
from services.shared.errors import TooLarge
from tests.support import recordings

ENGINE = PyavEngine(PyavSettings())
STEP_S = 0.02


def recorded(
    muxer: str, encoder: str, rate_hz: int, starts_s: Sequence[float], picture: bool = False
) -> bytes:
    """Return a recording of tones of one second that start at given times, and of a picture at 0."""
    file = io.BytesIO()
    tone = np.ascontiguousarray(recordings.tone(1, rate_hz).reshape(1, -1))
    step = round(rate_hz * STEP_S)
    with av.open(file, "w", format=muxer) as container:
        video = container.add_stream("mpeg4", rate=5, width=16, height=16) if picture else None
        audio = cast("av.AudioStream", container.add_stream(encoder, rate=rate_hz, layout="mono"))
        if video is not None:
            video.pix_fmt = "yuv420p"
            container.mux(video.encode(av.VideoFrame(16, 16, "yuv420p")))
            container.mux(video.encode(None))
        for start_s in starts_s:
            for begin in range(0, rate_hz, step):
                frame = av.AudioFrame.from_ndarray(tone[:, begin : begin + step].copy(), "s16", "mono")
                frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
                frame.pts = round(start_s * rate_hz) + begin
                container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return file.getvalue()


KINDS = [
    ("matroska", "pcm_s16le", 8000),
    ("matroska", "pcm_u8", 8000),
    ("matroska", "flac", 8000),
    ("webm", "libopus", 48_000),
    ("mp4", "aac", 24_000),
    ("mp4", "flac", 8000),
]


@pytest.mark.parametrize("target_hz", [0, 16_000])
@pytest.mark.parametrize(("muxer", "encoder", "rate_hz"), KINDS)
def test_what_follows_a_pause_stays_at_its_time(
    muxer: str, encoder: str, rate_hz: int, target_hz: int
) -> None:
    media = recordings.opened(ENGINE, recorded(muxer, encoder, rate_hz, [0, 3]), sample_rate_hz=target_hz)
    hz = media.sample_rate_hz
    assert media.duration_ms == pytest.approx(4000, abs=60)
    sound = np.abs(media.channels[0].astype(np.int32)) > 4000
    assert sound[: hz * 9 // 10].any()
    assert not sound[hz * 11 // 10 : hz * 29 // 10].any()
    assert recordings.onset_s(media.channels[0][2 * hz :], hz) == pytest.approx(1, abs=0.05)
    assert recordings.pitch_hz(media.channels[0][3 * hz :], hz) == pytest.approx(440, abs=3)


def test_a_pause_is_exact_silence_of_the_right_length() -> None:
    tone = recordings.tone(1, 8000)[:, 0]
    media = recordings.opened(ENGINE, recorded("matroska", "pcm_s16le", 8000, [0, 1.5, 4]))
    expected = np.concatenate([tone, np.zeros(4000, np.int16), tone, np.zeros(12_000, np.int16), tone])
    assert np.array_equal(media.channels[0], expected)


@pytest.mark.parametrize("gap_s", [0, 0.01, 0.049])
def test_what_jitters_is_no_pause(gap_s: float) -> None:
    media = recordings.opened(ENGINE, recorded("matroska", "pcm_s16le", 8000, [0, 1 + gap_s]))
    assert media.duration_ms == 2000


@pytest.mark.parametrize(("muxer", "encoder", "rate_hz"), KINDS)
def test_a_recording_without_a_pause_gets_none(muxer: str, encoder: str, rate_hz: int) -> None:
    media = recordings.opened(ENGINE, recorded(muxer, encoder, rate_hz, [0, 1]))
    assert media.duration_ms == pytest.approx(2000, abs=50)


@pytest.mark.parametrize(("muxer", "encoder", "rate_hz"), [KINDS[0], KINDS[4]])
def test_sound_that_starts_after_the_picture_stays_at_its_time(
    muxer: str, encoder: str, rate_hz: int
) -> None:
    media = recordings.opened(ENGINE, recorded(muxer, encoder, rate_hz, [2], picture=True))
    assert media.duration_ms == pytest.approx(3000, abs=60)
    assert recordings.onset_s(media.channels[0], rate_hz) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("offset_s", [5, 5_000_000])
def test_a_clock_that_starts_anywhere_is_no_pause(offset_s: int) -> None:
    media = recordings.opened(ENGINE, recorded("matroska", "pcm_s16le", 8000, [offset_s]))
    assert media.duration_ms == 1000


@pytest.mark.parametrize("caps", [Caps(max_duration_ms=60_000), Caps(max_decoded_bytes=2 * 8000 * 60)])
def test_silence_counts_as_much_as_sound(caps: Caps) -> None:
    data = recorded("matroska", "pcm_s16le", 8000, [0, 60])
    with recordings.spooled(data) as file, pytest.raises(TooLarge) as caught:
        CodecCore(alone(ENGINE), caps).decode(file, DecodeRequest(), lambda: False)
    assert caught.value.code == "media_too_long"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 4000), min_size=1, max_size=5), st.sampled_from([0, 11_025, 16_000]))
def test_any_pauses_keep_every_tone_at_its_time(gaps_ms: list[int], target_hz: int) -> None:
    starts_ms = [0]
    for gap_ms in gaps_ms:
        starts_ms.append(starts_ms[-1] + 1000 + gap_ms)
    data = recorded("matroska", "pcm_s16le", 8000, [start / 1000 for start in starts_ms])
    media = recordings.opened(ENGINE, data, sample_rate_hz=target_hz)
    assert -51 <= media.duration_ms - (starts_ms[-1] + 1000) <= 1
