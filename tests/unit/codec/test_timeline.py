"""Clips lie where they were asked to, in order, never over one another; mixing never clips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.engines.base import Samples
from services.codec.loudness import FULL_SCALE, PEAK_DB, from_db
from services.codec.media import Clip
from services.codec.timeline import BLOCK_SAMPLES, Placement, Timeline, place

CEILING = from_db(PEAK_DB) * FULL_SCALE


def clip(start_ms: int, samples: int, channel: int = 0, rate_hz: int = 8000) -> Clip:
    return Clip(channel, start_ms, rate_hz, np.ones(samples, np.int16))


def whole(timeline: Timeline, layout: str = "multichannel") -> Samples:
    blocks = timeline.mixed() if layout == "mixed" else timeline.multichannel()
    return np.concatenate([*blocks])


def test_clips_start_where_asked() -> None:
    assert place([clip(0, 800), clip(500, 800)], 8000) == [Placement(0, 800), Placement(4000, 4800)]


def test_a_clip_waits_for_the_one_before_it() -> None:
    placements = place([clip(0, 8000), clip(500, 800), clip(900, 800)], 8000)
    assert placements == [Placement(0, 8000), Placement(8000, 8800), Placement(8800, 9600)]


def test_channels_do_not_wait_for_each_other() -> None:
    assert place([clip(0, 8000), clip(500, 800, channel=1)], 8000)[1] == Placement(4000, 4800)


def test_lengths_are_those_at_the_timelines_rate() -> None:
    assert place([clip(100, 24_000, rate_hz=24_000)], 16_000) == [Placement(1600, 17_600)]
    assert place([clip(0, 3, rate_hz=24_000)], 8000) == [Placement(0, 1)]


times = st.tuples(st.integers(0, 10_000), st.integers(0, 20_000), st.integers(0, 3))


@given(st.lists(times, max_size=20), st.sampled_from([8000, 16_000, 24_000]))
def test_clips_keep_their_order_and_never_overlap(spans: list[tuple[int, int, int]], rate_hz: int) -> None:
    clips = [clip(start, length, channel, 24_000) for start, length, channel in spans]
    ends = dict.fromkeys(range(4), 0)
    for asked, placed in zip(clips, place(clips, rate_hz), strict=True):
        assert placed.start >= max(ends[asked.channel], round(asked.start_ms * rate_hz / 1000))
        assert abs(placed.end - placed.start - len(asked.samples) * rate_hz / 24_000) <= 0.5
        ends[asked.channel] = placed.end


def test_what_was_not_written_is_exact_silence() -> None:
    timeline = Timeline(1000, 2)
    timeline.write(1, Placement(100, 200), [np.full(100, 7, np.int16)])
    samples = whole(timeline)
    assert samples.shape == (1000, 2)
    assert not samples[:, 0].any()
    assert (samples[100:200, 1] == 7).all()
    assert np.count_nonzero(samples) == 100


def test_blocks_are_joined() -> None:
    timeline = Timeline(10, 1)
    timeline.write(0, Placement(2, 8), [np.array([1, 2], np.int16), np.array([3, 4, 5, 6], np.int16)])
    assert whole(timeline)[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 0, 0]


def test_a_clip_that_came_out_longer_does_not_reach_into_the_next() -> None:
    timeline = Timeline(10, 1)
    timeline.write(
        0, Placement(0, 4), [np.full(3, 1, np.int16), np.full(3, 2, np.int16), np.ones(1, np.int16)]
    )
    assert whole(timeline)[:, 0].tolist() == [1, 1, 1, 2, 0, 0, 0, 0, 0, 0]


def test_gain_rounds_and_never_wraps() -> None:
    timeline = Timeline(4, 1)
    timeline.write(0, Placement(0, 4), [np.array([100, -101, 30_000, -30_000], np.int16)], 1.5)
    assert whole(timeline)[:, 0].tolist() == [150, -152, 32_767, -32_768]


def test_long_timelines_come_in_blocks() -> None:
    timeline = Timeline(BLOCK_SAMPLES * 2 + 5, 1)
    assert [len(block) for block in timeline.multichannel()] == [BLOCK_SAMPLES, BLOCK_SAMPLES, 5]
    assert [block.shape for block in timeline.mixed()] == [(BLOCK_SAMPLES, 1), (BLOCK_SAMPLES, 1), (5, 1)]


def test_a_mix_is_the_sum() -> None:
    timeline = Timeline(3, 2)
    timeline.write(0, Placement(0, 3), [np.array([10, 20, 30], np.int16)])
    timeline.write(1, Placement(1, 3), [np.array([1, -2], np.int16)])
    assert whole(timeline, "mixed")[:, 0].tolist() == [10, 21, 28]


def test_a_mix_that_would_clip_is_turned_down_as_a_whole() -> None:
    timeline = Timeline(BLOCK_SAMPLES + 100, 2)
    loud = np.full(50, 30_000, np.int16)
    timeline.write(0, Placement(0, 50), [loud])
    timeline.write(1, Placement(0, 50), [loud])
    timeline.write(0, Placement(BLOCK_SAMPLES + 10, BLOCK_SAMPLES + 60), [np.full(50, 3000, np.int16)])
    mixed = whole(timeline, "mixed")[:, 0]
    assert mixed.max() == pytest.approx(CEILING, abs=1)
    factor = CEILING / 60_000
    assert mixed[BLOCK_SAMPLES + 20] == pytest.approx(3000 * factor, abs=1)
    assert not mixed[50 : BLOCK_SAMPLES + 10].any()


def test_a_mix_of_silence_is_silence() -> None:
    assert not whole(Timeline(100, 3), "mixed").any()


samples_lists = st.lists(st.integers(-32768, 32767), min_size=1, max_size=50)


@given(st.lists(samples_lists, min_size=1, max_size=8))
def test_no_mix_ever_clips(channels: list[list[int]]) -> None:
    length = max(len(channel) for channel in channels)
    timeline = Timeline(length, len(channels))
    for index, channel in enumerate(channels):
        timeline.write(index, Placement(0, len(channel)), [np.array(channel, np.int16)])
    mixed = whole(timeline, "mixed")[:, 0].astype(np.int64)
    total = whole(timeline).sum(axis=1, dtype=np.int64)
    assert np.abs(mixed).max() <= CEILING + 1
    if np.abs(total).max() <= CEILING:
        assert (mixed == total).all()
    assert (np.sign(mixed) * np.sign(total) >= 0).all()


def test_mixing_can_be_ended_while_it_looks_for_the_peak() -> None:
    checks = iter([None, None])

    def check() -> None:
        next(checks)

    timeline = Timeline(10 * BLOCK_SAMPLES, 2)
    with pytest.raises(RuntimeError):  # what a generator makes of StopIteration
        next(timeline.mixed(check))
