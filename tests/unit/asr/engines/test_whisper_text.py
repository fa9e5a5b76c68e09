"""What becomes of what the library returns, and what is marked as perhaps made up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.whisper_text import Passage, hypothesis, loops
from tests.unit.asr.engines.passages import LOOP, SENTENCE, passage


def test_confidence_is_the_mean_probability_of_a_token() -> None:
    heard = hypothesis([passage(log_probability=math.log(0.8))], 3.2, "en")
    assert heard.confidence == pytest.approx(0.8)
    assert heard.text == SENTENCE.strip()
    assert heard.warnings == ()


def test_a_guess_is_marked() -> None:
    assert hypothesis([passage(log_probability=-1.2)], 3.2, "en").warnings == ("low_confidence",)


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "warnings"),
    [(0.9, -0.8, ("unlikely_speech",)), (0.9, -0.5, ()), (0.5, -0.8, ())],
)
def test_a_doubtful_text_where_speech_is_unlikely_is_marked(
    no_speech: float, log_probability: float, warnings: tuple[str, ...]
) -> None:
    doubtful = passage(log_probability=log_probability, no_speech=no_speech)
    assert hypothesis([doubtful], 3.2, "en").warnings == warnings


def test_a_loop_is_marked() -> None:
    assert hypothesis([passage(LOOP)], 3.2, "en").warnings == ("repetition", "high_compression")


def test_a_text_that_is_too_regular_is_marked_though_no_phrase_follows_itself() -> None:
    regular = " ".join(f"I want to go to the shop on the hill {end}" for end in ("now", "then") * 3 + ("so",))
    assert hypothesis([passage(f" {regular}")], 20.0, "en").warnings == ("high_compression",)


@pytest.mark.parametrize(
    "text",
    [
        "no no no no no no no no no",
        "Thank you. Thank you. Thank you. Thank you. Thank you.",
        "So, please call, please call, please call, please call, please call me",
    ],
)
def test_a_phrase_that_follows_itself_over_and_over_is_a_loop(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no, not at all",
        "my number is zero zero zero zero five five five one",
        "bye bye, bye bye, bye bye",
        "the number of the house and the number of the street and the number of the town",
    ],
)
def test_what_people_say_is_no_loop(text: str) -> None:
    assert not loops(text)


@pytest.mark.parametrize("nothing", [[], [passage(" ")]])
def test_nothing_said_is_an_empty_text_and_not_an_error(nothing: list[Passage]) -> None:
    heard = hypothesis(nothing, 3.2, "pt")
    assert (heard.text, heard.language, heard.confidence, heard.words) == ("", "pt", 0.0, ())
    assert heard.warnings == ("no_speech",)


times = st.floats(-5, 40, allow_nan=False)


@given(st.lists(st.tuples(times, times)), st.floats(0.1, 30))
def test_words_stay_inside_the_region_and_never_run_backwards(
    spans: list[tuple[float, float]], duration_s: float
) -> None:
    words = [{"word": " a", "start": start, "end": end, "probability": 0.5} for start, end in spans]
    heard = hypothesis([Passage(" a", 1.0, -0.1, 1, words)], duration_s, "en")
    marks = [mark for word in heard.words for mark in (word.start_ms, word.end_ms)]
    assert marks == sorted(marks)
    assert all(0 <= mark <= round(duration_s * 1000) for mark in marks)
    assert [word.text for word in heard.words] == ["a"] * len(spans)
