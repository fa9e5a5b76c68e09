"""Translations that shall be short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.translation.scripted import Knowing, Leaving, Scripted, translated


def test_the_likeliest_translation_that_is_short_enough_is_taken() -> None:
    engine = Knowing("Muito obrigado por ligar 12.", "Obrigado por ligar.", "Obrigado, 12.", "12.")
    assert translated("Thank you for calling 12.", engine, most=13).text == "Obrigado, 12."
    assert engine.limits == [13]
    assert translated("Thank you for calling 12.", engine, most=28).text == "Muito obrigado por ligar 12."
    assert engine.limits == [13]


def test_where_none_is_short_enough_the_usual_one_is_given() -> None:
    engine = Knowing("Muito obrigado por ligar.", "Obrigado por ligar.")
    assert translated("Thank you for calling.", engine, most=8).text == "Muito obrigado por ligar."
    assert translated("Thank you.", Scripted("Muito obrigado."), most=8).text == "Muito obrigado."


def test_an_engine_that_fails_when_asked_for_less_costs_no_translation() -> None:
    engine = Leaving("Muito obrigado por ligar.", "Obrigado.")
    assert translated("Thanks.", engine, most=9).text == "Muito obrigado por ligar."
    assert engine.limits == [9]


@given(st.integers(1, 60))
def test_a_text_of_several_sentences_is_short_enough_or_as_usual(most: int) -> None:
    engine = Knowing("Muito obrigado por ligar.", "Obrigado por ligar.", "Obrigado.")
    text = translated("Thanks a lot. Thank you so much.", engine, most=most).text
    if most >= len("Obrigado. Obrigado."):
        assert len(text) <= most
    else:
        assert text == "Muito obrigado por ligar. Muito obrigado por ligar."
