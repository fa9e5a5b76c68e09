"""Speech is brought to a common loudness, within bounds, and silence is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec import loudness
from services.codec.engines.base import Samples
from tests.support import recordings

RATE_HZ = 24_000


def at_level(decibels: float, seconds: float = 2) -> Samples:
    """Return a sine whose mean square is so many dB of full scale."""
    amplitude = loudness.FULL_SCALE * math.sqrt(2) * loudness.from_db(decibels)
    moments = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.rint(amplitude * np.sin(2 * np.pi * 440 * moments)).astype(np.int16)


def gain_db(samples: Samples) -> float:
    return 20 * math.log10(loudness.gain(samples, RATE_HZ))


@pytest.mark.parametrize("level_db", [-34.0, -30.0, -23.0, -15.0, -6.0])
def test_speech_is_brought_to_the_target(level_db: float) -> None:
    assert gain_db(at_level(level_db)) == pytest.approx(loudness.TARGET_DB - level_db, abs=0.1)


def test_gain_has_a_limit() -> None:
    assert gain_db(at_level(-50)) == pytest.approx(loudness.MOST_GAIN_DB, abs=0.01)


def test_gain_stops_where_the_peak_would_pass_the_ceiling() -> None:
    quiet = at_level(-35)
    quiet[100] = 20_000
    peak_db = 20 * math.log10(20_000 / loudness.FULL_SCALE)
    assert gain_db(quiet) == pytest.approx(loudness.PEAK_DB - peak_db, abs=0.01)


def test_silence_is_left_alone() -> None:
    assert loudness.gain(np.zeros(RATE_HZ, np.int16), RATE_HZ) == 1.0
    assert loudness.gain(np.zeros(0, np.int16), RATE_HZ) == 1.0


def test_noise_under_the_gate_is_left_alone() -> None:
    noise = np.random.default_rng(0).integers(-3, 4, RATE_HZ).astype(np.int16)
    assert loudness.gain(noise, RATE_HZ) == 1.0


def test_pauses_do_not_make_speech_seem_quiet() -> None:
    speech, pause = at_level(-30, 2), at_level(-60, 6)
    assert gain_db(np.concatenate([speech, pause, speech])) == pytest.approx(7, abs=0.5)


def test_a_clip_shorter_than_a_block_is_measured_whole() -> None:
    assert gain_db(at_level(-30, 0.15)) == pytest.approx(7, abs=0.2)
    assert loudness.gain(np.array([1000], np.int16), RATE_HZ) > 1


def test_the_loudest_negative_sample_counts() -> None:
    samples = np.zeros(RATE_HZ, np.int16)
    samples[:4800] = -32768
    assert loudness.gain(samples, RATE_HZ) <= loudness.from_db(loudness.PEAK_DB)


def test_decibels_are_of_amplitude() -> None:
    assert loudness.from_db(0) == 1
    assert loudness.from_db(20) == pytest.approx(10)
    assert loudness.from_db(-6) == pytest.approx(0.501, abs=0.001)


@given(st.lists(st.integers(-32768, 32767), max_size=3000), st.sampled_from([8000, 16_000, 24_000]))
def test_no_clip_is_ever_raised_beyond_its_bounds(values: list[int], rate_hz: int) -> None:
    samples = np.array(values, np.int16)
    gain = loudness.gain(samples, rate_hz)
    assert 0 < gain <= loudness.from_db(loudness.MOST_GAIN_DB) * 1.0001
    if gain != 1.0:
        peak = np.abs(samples.astype(np.int32)).max() * gain / loudness.FULL_SCALE
        assert peak <= loudness.from_db(loudness.PEAK_DB) * 1.0001


def test_levelling_two_voices_makes_them_alike() -> None:
    loud, soft = at_level(-12), at_level(-32)
    levels = [
        10 * math.log10(np.mean((voice * loudness.gain(voice, RATE_HZ) / loudness.FULL_SCALE) ** 2))
        for voice in (loud, soft)
    ]
    assert levels == pytest.approx([loudness.TARGET_DB] * 2, abs=0.2)
    assert recordings.pitch_hz(loud, RATE_HZ) == pytest.approx(440, abs=1)
