"""Numbers in words agree with what they count."""

from __future__ import annotations

import pytest

from services.tts.spoken.numbers import Agreement, cardinal, decimal, ordinal
from tests.unit.tts.spoken import tongue


@pytest.mark.parametrize(
    ("language", "value", "agreement", "words"),
    [
        ("en-US", 1234, Agreement.NOTHING, "one thousand two hundred thirty-four"),
        ("es", 31_000, Agreement.NOTHING, "treinta y un mil"),
        ("es", 21, Agreement.MASCULINE, "veintiún"),
        ("es", 200_000_000, Agreement.FEMININE, "doscientos millones"),
        ("es", 1_000_201, Agreement.FEMININE, "un millón doscientas una"),
        ("pt-BR", 2_002, Agreement.FEMININE, "duas mil e duas"),
        ("pt-BR", 2_500_000, Agreement.FEMININE, "dois milhões e quinhentas mil"),
        ("fr", 21, Agreement.FEMININE, "vingt et une"),
        ("it", 1, Agreement.MASCULINE, "un"),
        ("pt-BR", 1_000_000_000_000, Agreement.NOTHING, "um trilhão"),
        ("pt-PT", 1_000_000_000_000, Agreement.NOTHING, "um bilião"),
    ],
)
def test_a_cardinal_agrees(language: str, value: int, agreement: Agreement, words: str) -> None:
    assert cardinal(value, tongue(language), agreement) == words


def test_what_nobody_has_words_for_is_said_by_its_digits() -> None:
    assert cardinal(10**15, tongue("it")) == " ".join(["uno", *["zero"] * 15])


@pytest.mark.parametrize(
    ("language", "value", "feminine", "words"),
    [
        ("en", 21, False, "twenty-first"),
        ("es", 11, True, "undécima"),
        ("pt-BR", 23, True, "vigésima terceira"),
        ("fr", 1, True, "première"),
        ("fr", 2, True, "deuxième"),
        ("it", 3, True, "terza"),
        ("it", 0, False, "zero"),
    ],
)
def test_an_ordinal_agrees(language: str, value: int, feminine: bool, words: str) -> None:
    assert ordinal(value, tongue(language), feminine=feminine) == words


@pytest.mark.parametrize(
    ("language", "value", "words"),
    [
        ("en", "12.50", "twelve point five zero"),
        ("es", "-0.05", "menos cero coma cero cinco"),
        ("pt-BR", "12.50", "doze vírgula cinquenta"),
        ("fr", "3.141", "trois virgule un quatre un"),
        ("it", "7", "sette"),
    ],
)
def test_decimals_are_said(language: str, value: str, words: str) -> None:
    assert decimal(value, tongue(language)) == words
