"""Recorded sounds that are kept stay where and as loud as they were, and make room for speech."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.core import CodecCore
from services.codec.engines.base import Samples
from services.codec.engines.fake import FakeEngine
from services.codec.engines.trade import alone
from services.codec.media import Caps, Clip, Encoded, EncodeRequest
from services.codec.timeline import Placement, Timeline, place
from tests.support import recordings

RATE_HZ = 16_000
FADE = RATE_HZ * 5 // 1000
CORE = CodecCore(alone(FakeEngine()), Caps(max_duration_ms=60_000))


def clip(start_ms: int, length_ms: int, level: int, *, kept: bool = False, channel: int = 0) -> Clip:
    return Clip(channel, start_ms, RATE_HZ, np.full(length_ms * RATE_HZ // 1000, level, np.int16), kept)


def encoded(*clips: Clip, **request: Any) -> tuple[Encoded, Samples]:
    """Return the answer, and the samples of shape (samples, channels)."""
    wanted = EncodeRequest("wav", sample_rate_hz=RATE_HZ, **request)
    made = CORE.encode(clips, wanted, lambda: False)
    with made.file:
        media = recordings.opened(FakeEngine(), made.file.read())
    return made, np.stack(media.channels, axis=1)


def at(samples: Samples, start_ms: int, end_ms: int) -> Samples:
    """Return a span without the fades at its edges."""
    start, end = start_ms * RATE_HZ // 1000, end_ms * RATE_HZ // 1000
    return samples[start + FADE : end - FADE, 0]


def test_a_kept_sound_lies_exactly_where_it_lay_and_is_not_levelled() -> None:
    made, samples = encoded(clip(500, 1000, 300, kept=True), duration_ms=2000, level=True)
    assert made.placements == ((500, 1500),)
    assert (at(samples, 500, 1500) == 300).all()
    assert not samples[: RATE_HZ // 2].any()
    assert not samples[RATE_HZ * 3 // 2 :].any()


def test_it_begins_and_ends_softly() -> None:
    _, samples = encoded(clip(500, 1000, 10_000, kept=True), duration_ms=2000)
    assert np.abs(np.diff(samples[:, 0].astype(int))).max() <= 10_000 / FADE * 1.05


@pytest.mark.parametrize("first", ["sound", "speech"])
def test_it_is_silent_where_speech_lies_over_it(first: str) -> None:
    speech, sound = clip(1000, 500, 0), clip(0, 3000, 10_000, kept=True)
    _, samples = encoded(*((sound, speech) if first == "sound" else (speech, sound)))
    assert not samples[RATE_HZ : RATE_HZ * 3 // 2].any()
    assert (at(samples, 0, 1000) == 10_000).all()
    assert (at(samples, 1500, 3000) == 10_000).all()
    assert np.abs(np.diff(samples[:, 0].astype(int))).max() <= 10_000 / FADE * 1.05


def test_speech_over_it_is_whole() -> None:
    _, samples = encoded(clip(0, 3000, 10_000, kept=True), clip(1000, 500, 700), clip(1500, 500, 900))
    assert (samples[RATE_HZ : RATE_HZ * 3 // 2, 0] == 700).all()
    assert (samples[RATE_HZ * 3 // 2 : RATE_HZ * 2, 0] == 900).all()


def test_room_is_made_for_all_of_a_clip_however_it_is_resampled() -> None:
    timeline, speech = Timeline(100, 1), Placement(40, 60)
    timeline.write(0, Placement(0, 100), [np.full(100, 1000, np.int16)])
    timeline.clear(0, speech, 10)
    timeline.write(0, speech, [np.full(18, 7, np.int16)])
    samples = np.concatenate([*timeline.multichannel()])[:, 0]
    assert samples[38:62].tolist() == [111, 0, *[7] * 18, 0, 0, 0, 111]
    assert (samples[[0, 29, 30, 69, 70, 99]] == 1000).all()


def test_a_mix_holds_it_with_the_speech_of_the_other_channels() -> None:
    clips = [clip(0, 2000, 1000, kept=True), clip(500, 500, 700, channel=1)]
    _, samples = encoded(*clips, channel_count=2, layout="mixed")
    assert (at(samples, 0, 500) == 1000).all()
    assert (at(samples, 500, 1000) == 1700).all()


spans = st.tuples(st.integers(0, 5000), st.integers(1, 2000), st.booleans())


@given(st.lists(spans, max_size=10))
def test_sounds_wait_for_nobody_and_nobody_for_them(given: list[tuple[int, int, bool]]) -> None:
    clips = [clip(start_ms, length_ms, 1, kept=kept) for start_ms, length_ms, kept in given]
    placements = dict(zip(map(id, clips), place(clips, RATE_HZ), strict=True))
    spoken = [each for each in clips if not each.kept]
    assert place(spoken, RATE_HZ) == [placements[id(each)] for each in spoken]
    for each in clips:
        if each.kept:
            assert placements[id(each)].start == each.start_ms * RATE_HZ // 1000
