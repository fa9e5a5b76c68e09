"""The fake engine's speech is as long as its text, at the pitch of its voice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.engines.base import SAMPLE_RATE_HZ
from services.tts.engines.fake import FakeEngine

ENGINE = FakeEngine()


@given(st.text(max_size=60), st.floats(0.5, 2))
def test_every_letter_and_digit_takes_sixty_milliseconds_over_the_rate(text: str, rate: float) -> None:
    audio = ENGINE.synthesize(text, "fake-en", rate)
    expected_ms = 60 * sum(map(str.isalnum, text)) / rate
    assert audio.size * 1000 / SAMPLE_RATE_HZ == pytest.approx(expected_ms, abs=0.05)


@given(st.text(max_size=60), st.floats(0.5, 2))
def test_its_forecast_is_the_truth_rounded_up(text: str, rate: float) -> None:
    audio = ENGINE.synthesize(text, "fake-en", rate)
    truth_ms = audio.size * 1000 / SAMPLE_RATE_HZ
    assert truth_ms - 0.05 <= ENGINE.estimate_ms(text, "fake-en", rate) <= truth_ms + 1.05


@pytest.mark.parametrize(("voice", "pitch_hz"), [("fake-pt", 220), ("fake-pt-male", 110)])
def test_the_pitch_tells_the_gender(voice: str, pitch_hz: int) -> None:
    audio = ENGINE.synthesize("a" * 50, voice, 1.0)
    loudest = int(np.argmax(np.abs(np.fft.rfft(audio))))
    assert loudest * SAMPLE_RATE_HZ / audio.size == pytest.approx(pitch_hz, abs=1)


def test_a_forecast_can_be_made_wrong_on_purpose() -> None:
    assert FakeEngine(forecast_error=2).estimate_ms("hello", "fake-en", 1.0) == 600
