"""The other speaker, faint and late, is found where nobody else speaks, and never where somebody does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from services.codec.crosstalk import Crosstalk, crosstalk
from services.codec.engines.base import Samples
from tests.support.demo import RATE_HZ, demo_call

Flags = NDArray[np.bool_]
AGENT, CUSTOMER = demo_call()
SILENT = np.zeros_like(AGENT)
# 20 ms.
FRAME = RATE_HZ // 50


def leaked(samples: Samples, level_db: float, delay_ms: int = 40) -> Samples:
    """Return what a line makes of a channel: late, faint, without lows and highs, and with an echo."""
    late = np.concatenate([np.zeros(delay_ms * RATE_HZ // 1000), samples])[: len(samples)]
    spectrum, pitch_hz = np.fft.rfft(late), np.fft.rfftfreq(len(late), 1 / RATE_HZ)
    spectrum /= np.sqrt(1 + (300 / np.maximum(pitch_hz, 1)) ** 4) * np.sqrt(1 + (pitch_hz / 2500) ** 6)
    narrow = np.fft.irfft(spectrum, len(late))
    narrow[200:] += 0.4 * narrow[:-200]
    scaled: Samples = (narrow * 10 ** (level_db / 20)).astype(np.int16)
    return scaled


def coded(samples: Samples) -> Samples:
    """Return samples with the noise of a line, as G.711 makes them."""
    noisy = samples + np.random.default_rng(1).normal(0, 4, len(samples))
    level = np.sign(noisy) * np.log1p(255 * np.abs(noisy / 32768).clip(0, 1)) / np.log1p(255)
    steps = np.round(level * 127) / 127
    back: Samples = (32767 * np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(255)) / 255).astype(np.int16)
    return back


def speaks(samples: Samples) -> Flags:
    """Return in which frames somebody speaks."""
    whole = np.abs(samples[: len(samples) // FRAME * FRAME].astype(np.int32)).reshape(-1, FRAME)
    found: Flags = whole.max(axis=1) > 300
    return found


def covered(found: list[Crosstalk]) -> Flags:
    """Return which frames are cross-talk."""
    flags = np.zeros(len(AGENT) // FRAME, np.bool_)
    for each in found:
        flags[each.start_ms // 20 : each.end_ms // 20] = True
    return flags


@pytest.mark.parametrize(("level_db", "delay_ms"), [(-20, 0), (-20, 50), (-12, 120), (-20, 250)])
def test_the_other_speaker_is_found_and_nobody_elses_words_are_lost(level_db: float, delay_ms: int) -> None:
    found = crosstalk([coded(AGENT + leaked(CUSTOMER, level_db, delay_ms)), CUSTOMER], RATE_HZ)
    assert {(each.channel, each.of) for each in found} == {(0, 1)}
    heard = np.roll(speaks(CUSTOMER), delay_ms // 20) & ~speaks(AGENT)
    assert (covered(found) & heard).sum() > 0.9 * heard.sum()
    assert not (covered(found) & speaks(AGENT)).any()


def test_cross_talk_on_both_sides_is_told_for_each_in_order_and_disjoint() -> None:
    found = crosstalk([AGENT + leaked(CUSTOMER, -20), CUSTOMER + leaked(AGENT, -18)], RATE_HZ)
    assert {(each.channel, each.of) for each in found} == {(0, 1), (1, 0)}
    for one, other in pairwise(found):
        assert (one.channel, one.end_ms) <= (other.channel, other.start_ms) or one.channel < other.channel


def test_a_channel_that_carries_only_the_other_ones_speaker_is_all_cross_talk() -> None:
    found = crosstalk([coded(leaked(CUSTOMER, -20)), CUSTOMER], RATE_HZ)
    heard = np.roll(speaks(CUSTOMER), 2)
    assert (covered(found) & heard).sum() > 0.9 * heard.sum()


@pytest.mark.parametrize("channels", [[AGENT, CUSTOMER], [coded(AGENT), coded(CUSTOMER)], [AGENT], []])
def test_nothing_is_found_in_a_clean_call(channels: list[Samples]) -> None:
    assert crosstalk(channels, RATE_HZ) == []


def test_two_who_speak_at_once_are_no_cross_talk() -> None:
    own = np.roll(AGENT, len(AGENT) // 2) // 8
    found = covered(crosstalk([own + leaked(CUSTOMER, -24), CUSTOMER], RATE_HZ))
    assert not (found & speaks(own)).any()


@pytest.mark.parametrize("level", [1.0, 0.7])
def test_a_channel_that_is_about_as_loud_as_the_other_is_no_cross_talk(level: float) -> None:
    assert crosstalk([(np.roll(CUSTOMER, 800) * level).astype(np.int16), CUSTOMER], RATE_HZ) == []


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_it_is_found_at_other_rates(rate_hz: int) -> None:
    both = (coded(AGENT + leaked(CUSTOMER, -20)), CUSTOMER)
    moments = np.arange(len(AGENT) * rate_hz // RATE_HZ) * RATE_HZ / rate_hz
    channels = [np.interp(moments, np.arange(len(each)), each).astype(np.int16) for each in both]
    assert {(each.channel, each.of) for each in crosstalk(channels, rate_hz)} == {(0, 1)}


@pytest.mark.parametrize("length", [0, 1, 500, 20_000])
def test_short_recordings_have_none(length: int) -> None:
    assert crosstalk([SILENT[:length], CUSTOMER[:length]], RATE_HZ) == []


def test_silence_beside_a_speaker_is_no_cross_talk() -> None:
    assert crosstalk([SILENT, CUSTOMER, AGENT], RATE_HZ) == []
