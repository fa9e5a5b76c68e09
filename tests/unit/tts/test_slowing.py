"""Speech that is too short for what was said in its slot is said more slowly, within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared import turns
from services.tts.core import TtsCore
from services.tts.engines.fake import FakeEngine
from services.tts.engines.trade import alone
from services.tts.request import SLOT_PADDING_MS, Opening, SpeechRequest

CORE = TtsCore(alone(FakeEngine()))
LETTERS = "a" * 100  # six seconds


def test_a_slot_has_the_padding_of_a_region_at_both_ends() -> None:
    assert SLOT_PADDING_MS == 2 * turns.PADDING_MS


@pytest.mark.parametrize(
    ("slot_ms", "stretch", "duration_ms"),
    [(0, 1, 6000), (6600, 1, 6000), (7000, 0.9375, 6400), (7600, 0.857, 7000), (9000, 0.85, 7059)],
    ids=["no slot", "full", "nearly full", "with room", "with more room than the slowest voice takes"],
)
def test_speech_fills_what_was_spoken_of_its_slot(slot_ms: int, stretch: float, duration_ms: int) -> None:
    speech = CORE.synthesize(SpeechRequest(LETTERS, "en", slot_ms=slot_ms))
    assert speech.stretch == pytest.approx(stretch, abs=1e-3)
    assert speech.duration_ms == pytest.approx(duration_ms, abs=2)
    assert (speech.passes, speech.warnings) == (1, ())


@given(st.integers(1, 200), st.integers(0, 30_000))
def test_it_is_never_slowed_beyond_what_was_spoken(letters: int, slot_ms: int) -> None:
    speech = CORE.synthesize(SpeechRequest("a" * letters, "en", slot_ms=slot_ms))
    assert speech.stretch >= 1 or speech.duration_ms <= slot_ms - SLOT_PADDING_MS + 1


def test_it_is_left_alone_where_the_room_says_so() -> None:
    core = TtsCore(alone(FakeEngine()), min_stretch=1.0)
    plain = core.synthesize(SpeechRequest(LETTERS, "en"))
    slotted = core.synthesize(SpeechRequest(LETTERS, "en", slot_ms=60_000))
    assert slotted.stretch == 1
    assert np.array_equal(slotted.audio, plain.audio)


@pytest.mark.parametrize(("rate", "stretch"), [(0.85, 1), (0.6, 1), (0.9, 0.85 / 0.9), (1.5, 0.85)])
def test_who_wishes_for_slow_speech_gets_none_that_is_slower_still(rate: float, stretch: float) -> None:
    speech = CORE.synthesize(SpeechRequest(LETTERS, "en", rate=rate, slot_ms=60_000))
    assert speech.stretch == pytest.approx(stretch)


def test_a_long_text_is_slowed_as_a_whole_with_its_pauses() -> None:
    text = " ".join([f"{'a' * 99}."] * 3)
    natural_ms = 3 * 99 * 60 + 2 * 250
    speech = CORE.synthesize(SpeechRequest(text, "en", slot_ms=round(natural_ms * 1.1) + SLOT_PADDING_MS))
    assert speech.duration_ms == pytest.approx(natural_ms * 1.1, abs=2)


def test_a_stream_is_slowed_alike() -> None:
    request = SpeechRequest(LETTERS, "en", slot_ms=7000)
    opening = next(CORE.stream(request))
    assert isinstance(opening, Opening)
    assert opening.stretch == CORE.synthesize(request).stretch
    assert opening.expected_ms == pytest.approx(6400, abs=2)


def test_speech_that_was_forecast_too_long_is_not_spoken_again_to_be_slowed() -> None:
    core = TtsCore(alone(FakeEngine(forecast_error=2)))
    speech = core.synthesize(SpeechRequest(LETTERS, "en", slot_ms=12_000))
    assert (speech.passes, speech.duration_ms) == (1, 6000)


def test_nothing_to_speak_is_not_slowed() -> None:
    opening = next(CORE.stream(SpeechRequest("...", "en", slot_ms=500)))
    assert isinstance(opening, Opening)
    assert opening.stretch == 1
