"""What a model makes up from hints is dropped, and what they help it to hear is kept."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.base import Caution, Hypothesis, Word, silence
from services.asr.hints import sober

HINTS = ("Nimbra Flex", "Quovadia")


def heard(text: str, confidence: float = 0.8, *warnings: str, most_ms: int = 30_000) -> Hypothesis:
    """Return a hypothesis with words of 500 ms; those after `most_ms` take no time."""
    words = tuple(
        Word(word, min(number * 500, most_ms), min(number * 500 + 500, most_ms), confidence)
        for number, word in enumerate(text.split())
    )
    return Hypothesis(
        text, "en", confidence, words, warnings, log_probability=math.log(confidence), no_speech=0.1
    )


def never() -> Hypothesis:
    raise AssertionError("there is nothing to doubt")


def test_a_text_that_does_not_end_in_hints_is_kept_without_a_second_look() -> None:
    guided = heard("My Nimbra Flex never arrived.")
    assert sober(guided, HINTS, never) is guided


def test_hints_after_the_end_of_the_speech_are_cut_off() -> None:
    guided = heard("My Nimbra Flex never arrived. Quovadia, Quovadia, nimbra...", most_ms=2_600)
    plain = heard("My number flecks never arrived.", 0.6)
    assert sober(guided, HINTS, lambda: plain).text == "My Nimbra Flex never arrived."
    assert len(sober(guided, HINTS, lambda: plain).words) == 5


def test_a_text_that_was_cut_is_as_certain_as_the_one_without_hints() -> None:
    plain = heard("It never arrived.", 0.6)
    kept = sober(heard("It never arrived. Quovadia."), HINTS, lambda: plain)
    assert (kept.confidence, kept.log_probability) == (plain.confidence, plain.log_probability)


def test_a_number_that_was_uncertain_before_the_cut_stays_uncertain() -> None:
    guided = heard("It cost 340. Quovadia.", 0.8, Caution.UNCERTAIN_NUMBER, Caution.HIGH_COMPRESSION)
    assert sober(guided, HINTS, lambda: heard("It cost 342.")).warnings == (Caution.UNCERTAIN_NUMBER,)
    again = heard("It cost 342.", 0.8, Caution.UNCERTAIN_NUMBER)
    assert sober(guided, HINTS, lambda: again).warnings == (Caution.UNCERTAIN_NUMBER,)


def test_a_hint_that_ends_a_sentence_is_kept_where_somebody_speaks() -> None:
    guided = heard("I am with Quovadia.")
    assert sober(guided, HINTS, lambda: heard("I am with covadia.")) is guided


def test_a_text_of_nothing_but_hints_is_kept_if_it_is_likelier() -> None:
    guided = heard("Nimbra Flex!", 0.7)
    assert sober(guided, HINTS, lambda: heard("number flecks", 0.5)) is guided


def test_hints_for_what_is_no_speech_are_dropped() -> None:
    guided = heard("Quovadia, Quovadia", 0.5)
    assert sober(guided, HINTS, lambda: silence("en")) == silence("en")
    assert sober(guided, HINTS, lambda: heard("you", 0.6)).text == "you"


def test_a_model_that_hints_led_astray_is_asked_without_them() -> None:
    for caution in (Caution.REPETITION, Caution.LOW_CONFIDENCE):
        guided = heard("flex the flex the flex the", 0.3, caution)
        assert sober(guided, HINTS, lambda: heard("the flecks are here", 0.6)).text == "the flecks are here"
        assert sober(guided, HINTS, lambda: heard("the flecks are here", 0.2)) is guided


def test_a_text_without_spaces_is_cut_at_the_same_place() -> None:
    words = tuple(
        Word(text, at * 500, at * 500 + 500, 0.8) for at, text in enumerate(("終わり", "です。", "日本"))
    )
    guided = Hypothesis("終わりです。日本", "ja", 0.8, words)
    plain = Hypothesis("終わりです。", "ja", 0.8, words[:2])
    assert sober(guided, ("日本",), lambda: plain).text == "終わりです。"


@given(
    st.lists(st.sampled_from(["Nimbra", "flex.", "a", "...", "Quovadia", "b!"]), max_size=8),
    st.integers(0, 8),
)
def test_words_and_text_stay_the_same_words(words: list[str], plain: int) -> None:
    kept = sober(
        heard(" ".join(words)), HINTS, lambda: heard(" ".join(["x"] * plain)) if plain else silence("en")
    )
    assert kept.text.split() == [word.text for word in kept.words]
