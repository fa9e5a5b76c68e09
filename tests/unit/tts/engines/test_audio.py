"""Resampling moves no pitch and adds none; trimming takes the silence and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from services.tts.engines.audio import resampled, trimmed
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio


def tone(pitch_hz: float, rate_hz: int, seconds: float = 1.0) -> Audio:
    """A sine that swells and fades, so that it has no edges."""
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * pitch_hz * moments) * np.sin(np.pi * moments / seconds)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("pitch_hz", [110.0, 3_000.0])
def test_a_tone_is_the_same_tone_at_the_other_rate(rate_hz: int, pitch_hz: float) -> None:
    moved = resampled(tone(pitch_hz, rate_hz), rate_hz)
    assert moved.dtype == np.float32
    assert moved == pytest.approx(tone(pitch_hz, SAMPLE_RATE_HZ), abs=2e-3)


def test_what_the_lower_rate_cannot_hold_is_left_out_and_not_folded_down() -> None:
    assert np.abs(resampled(tone(20_000, 48_000), 48_000)).max() < 1e-3


def test_the_same_rate_and_nothing_are_left_alone() -> None:
    sound, nothing = tone(440, SAMPLE_RATE_HZ), np.zeros(0, np.float32)
    assert resampled(sound, SAMPLE_RATE_HZ) is sound
    assert resampled(nothing, 22_050).size == 0
    assert trimmed(nothing).size == 0


def test_silence_at_the_ends_is_trimmed_but_for_a_little() -> None:
    speech, silence = np.full(4_800, 0.5, np.float32), np.full(9_600, 0.001, np.float32)
    kept = trimmed(np.concatenate((silence, speech, silence)))
    assert 4_800 <= kept.size <= 4_800 + SAMPLE_RATE_HZ // 20
    assert np.count_nonzero(kept == 0.5) == 4_800


def test_a_pause_inside_stays() -> None:
    word, pause = np.full(2_400, 0.5, np.float32), np.zeros(24_000, np.float32)
    assert trimmed(np.concatenate((word, pause, word))).size == 28_800
