"""What `check_numbers` promises of every engine, and what the real model doubts with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from services.asr.core import AsrCore, Samples
from services.asr.engines.base import AsrEngine, Audio, Caution, Guidance, Task
from services.asr.engines.registry import create
from services.asr.engines.trade import alone
from services.asr.settings import AsrSettings
from services.shared.engines import Reference
from tests.support.demo import RATE_HZ, demo_call
from tests.support.speech import tone

CHECKED: Final = Guidance(check_numbers=True)
# What the customer of the demonstration says, in milliseconds of the call.
ORDER: Final = (12_300, 16_100)  # "... quatro sete nove zero dois um": heard as 479021
AMOUNT: Final = (22_800, 27_700)  # "... trezentos e quarenta e dois reais, no dia quinze ...": two amounts
NOTHING: Final = (33_600, 36_600)  # no number


def customer(place: tuple[int, int]) -> Samples:
    start, end = (mark * RATE_HZ // 1000 for mark in place)
    return demo_call()[1][start:end]


def floats(samples: Samples) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)


@pytest.fixture(scope="module")
def whisper() -> AsrEngine:
    return create(Reference("faster-whisper"), AsrSettings())


@pytest.fixture(scope="module")
def whole() -> AsrEngine:
    """The real model, which encodes its whole window."""
    return create(Reference("faster-whisper"), AsrSettings(asr_window="whole"))


def test_the_fake_engine_doubts_all_figures_where_they_are_to_be_checked() -> None:
    engine, audio = create(Reference("fake"), AsrSettings()), floats(tone(2))
    hints = Guidance(("two 2",))
    heard = engine.transcribe(audio, "en", Task.TRANSCRIBE, guidance=hints)
    checked = engine.transcribe(audio, "en", Task.TRANSCRIBE, guidance=replace(hints, check_numbers=True))
    assert heard.warnings == ()
    assert checked == replace(heard, warnings=(Caution.UNCERTAIN_NUMBER,))
    assert engine.transcribe(audio, "en", Task.TRANSCRIBE, guidance=CHECKED).warnings == ()


@pytest.mark.models
@pytest.mark.parametrize(("model", "language"), [("whisper", "pt"), ("whisper", None), ("whole", "pt")])
def test_an_amount_that_is_another_one_in_words_is_uncertain_and_all_else_as_it_was(
    request: pytest.FixtureRequest, model: str, language: str | None
) -> None:
    engine, audio = request.getfixturevalue(model), floats(customer(AMOUNT))
    heard = engine.transcribe(audio, language, Task.TRANSCRIBE)
    checked = engine.transcribe(audio, language, Task.TRANSCRIBE, guidance=CHECKED)
    assert "342" not in heard.text, "the model has learned to hear it"
    assert Caution.UNCERTAIN_NUMBER not in heard.warnings
    assert checked == replace(heard, warnings=(Caution.UNCERTAIN_NUMBER,))


@pytest.mark.models
@pytest.mark.parametrize("place", [ORDER, NOTHING])
def test_what_is_the_same_in_words_and_what_has_no_number_is_certain(
    whisper: AsrEngine, place: tuple[int, int]
) -> None:
    audio = floats(customer(place))
    heard = whisper.transcribe(audio, "pt", Task.TRANSCRIBE)
    assert heard.text
    assert whisper.transcribe(audio, "pt", Task.TRANSCRIBE, guidance=CHECKED) == heard


@pytest.mark.models
def test_numbers_are_checked_when_only_the_text_is_wanted(whisper: AsrEngine) -> None:
    guidance = Guidance(check_numbers=True, text_only=True)
    heard = AsrCore(alone(whisper)).transcribe(
        customer(AMOUNT), "pt", Task.TRANSCRIBE, lambda: False, guidance
    )
    assert (heard.words, heard.warnings) == ((), (Caution.UNCERTAIN_NUMBER,))


@pytest.mark.models
def test_a_translation_is_not_checked(whisper: AsrEngine) -> None:
    heard = whisper.transcribe(floats(customer(AMOUNT)), "pt", Task.TRANSLATE, guidance=CHECKED)
    assert heard.text
    assert Caution.UNCERTAIN_NUMBER not in heard.warnings
