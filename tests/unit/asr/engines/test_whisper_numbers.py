"""Which numbers are heard once more, and when what is heard then contradicts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.whisper_numbers import contradicted, doubted
from tests.unit.asr.engines.passages import passage


@pytest.mark.parametrize(
    ("text", "confidence", "language", "again"),
    [
        ("The total is $480.", 0.6, "en", True),
        ("The total is $480.", 0.9, "en", False),
        ("The total is four hundred eighty dollars.", 0.6, "en", False),
        ("Es sind 480 Euro.", 0.6, "de", False),
        ("", 0.0, "en", False),
    ],
)
def test_figures_that_the_model_doubts_are_heard_again_where_words_can_be_read(
    text: str, confidence: float, language: str, *, again: bool
) -> None:
    assert doubted([passage(), passage(text, weakest=confidence)], language) is again


@pytest.mark.parametrize(
    ("language", "text", "in_words"),
    [
        (
            "pt",
            "A compra foi de R$ 340,00 e R$ 2,00.",
            "A compra foi de três centos e quarenta e dois reais.",
        ),
        ("en", "$840. $3.", "Eight hundred forty three dollars"),
        ("en", "The code is 1-0-0-0-735.", "The code is one zero, zero, seven, three, five."),
        ("es", "6, 0, 1, 9, 5", "seis, cero, uno, nueve, dos, cinco"),
        ("es", "980 y 4 dólares.", "No ve sientos, ochenta y cuatro dólares."),
        ("fr", "550$", "Cinq cent cinquante-cinq dollars."),
        ("it", "4.197 dollari", "quattrocentonovantasette dollari"),
        ("en", "We sent 446 boxes.", "We sent"),
    ],
)
def test_other_digits_contradict(language: str, text: str, in_words: str) -> None:
    assert contradicted(text, in_words, language)


@pytest.mark.parametrize(
    ("language", "text", "in_words"),
    [
        ("en", "4, 2, 7, 7.", "Four, two, double seven."),
        (
            "en",
            "On March 1st it was $1,234.50.",
            "On March first it was one thousand two hundred thirty-four dollars and fifty cents.",
        ),
        ("en", "June 13 at 2.30 p.m.", "June thirteenth at two thirty p.m."),
        (
            "pt",
            "O número do meu pedido é 479021.",
            "O número do meu pedido é, quatro sete, nove, zero, dois, um.",
        ),
        ("es", "Su pedido es 612-032.", "Su pedido es seis, uno, dos, cero, tres, dos."),
        ("fr", "822 dollars", "Huit, cent, vingt, deux, dollars."),
    ],
)
def test_the_same_digits_in_other_groups_agree(language: str, text: str, in_words: str) -> None:
    assert not contradicted(text, in_words, language)


@pytest.mark.parametrize(
    ("language", "text", "in_words"),
    [
        ("en", "Press 4 for the previous message.", "Press for for the previous message."),
        ("fr", "2,0,7,2,4", "deux, zéro, fête, deux, quatre"),
        ("es", "Llevo 56 minutos.", "Llevo cinquenta y seis minutos."),
    ],
)
def test_a_word_in_the_place_of_a_number_that_cannot_be_read_contradicts_nothing(
    language: str, text: str, in_words: str
) -> None:
    assert not contradicted(text, in_words, language)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared(text: str, in_words: str) -> None:
    assert not contradicted(text, text, "en")
    assert contradicted(text, in_words, "en") in (True, False)


def test_a_text_that_goes_in_circles_is_compared_at_once() -> None:
    assert contradicted("1 " * 400, "one of " * 400 + "two", "en")
