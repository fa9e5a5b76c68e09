"""The fake engine is deterministic: what its tests rely on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ, Audio, Guidance, Span, Task
from services.asr.engines.fake import FakeEngine
from tests.support.speech import silence, tone

ENGINE = FakeEngine()


def floats(samples: Samples) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)


def test_loud_stretches_are_speech() -> None:
    audio = floats(np.concatenate([silence(1), tone(2), silence(1), tone(1)]))
    second = SAMPLE_RATE_HZ
    assert ENGINE.speech_spans(audio) == [Span(second, 3 * second), Span(4 * second, 5 * second)]


@given(st.floats(0, 30))
def test_there_is_a_word_for_every_four_tenths_of_a_second(seconds: float) -> None:
    audio = floats(tone(seconds))
    heard = ENGINE.transcribe(audio, "en", Task.TRANSCRIBE)
    assert len(heard.words) == len(audio) * 1000 // SAMPLE_RATE_HZ // 400
    assert heard.text.split() == [word.text for word in heard.words]
    assert bool(heard.text) == (heard.confidence > 0) == (not heard.warnings)


def test_it_counts_in_the_language_it_is_told() -> None:
    audio = floats(tone(0.9))
    assert ENGINE.transcribe(audio, "es", Task.TRANSCRIBE).text == "cero uno"
    assert ENGINE.transcribe(audio, "es", Task.TRANSLATE).text == "zero one"


def test_it_spells_its_words_as_a_hint_or_the_prompt_does() -> None:
    audio = floats(tone(1.3))
    guidance = Guidance(("Onerous", "Seven"), "Twofold, please.")
    heard = ENGINE.transcribe(audio, "en", Task.TRANSCRIBE, guidance=guidance)
    assert heard.text == "zero Onerous Twofold,"
    assert heard.text.split() == [word.text for word in heard.words]


def test_it_is_less_certain_at_a_temperature() -> None:
    audio = floats(tone(1.3))
    warm = ENGINE.transcribe(audio, "en", Task.TRANSCRIBE, guidance=Guidance(temperature=1))
    cold = ENGINE.transcribe(audio, "en", Task.TRANSCRIBE)
    assert warm.confidence < cold.confidence
    assert warm.log_probability < cold.log_probability < 0
