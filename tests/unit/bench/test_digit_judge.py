"""The judge of digits notices what is lost, and takes nothing for lost that is there."""

from __future__ import annotations

import re

import pytest

from tests.bench.fidelity.digit_judge import kept, runs
from tests.bench.fidelity.digit_sentences import Said, sentences

LANGUAGES = ("en", "pt")
# Without the ambiguous ones, of which a language has more uses than numbers.
SURE = {
    "en": r"\b(zero|two|three|four|five|six|seven|eight|nine)\b",
    "pt": r"\b(zero|dois|três|quatro|cinco|seis|sete|oito|nove)\b",
}


def damaged(said: Said, language: str) -> str:
    """Return a sentence without one of its digits: the first one that is written, or said."""
    return re.sub(rf"\d|{SURE[language]}", "", said.text, count=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_holds_its_own_digits(language: str) -> None:
    assert [each for each in sentences(language, 1_500) if not kept(each.text, language, each.expected)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_digit_is_noticed_in_every_sentence(language: str) -> None:
    unnoticed = [
        each for each in sentences(language, 1_500) if kept(damaged(each, language), language, each.expected)
    ]
    assert unnoticed == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digit_too_many_is_noticed_in_every_sentence(language: str) -> None:
    every = ((each, re.sub(r"(\d)", r"\g<1>7", each.text, count=1)) for each in sentences(language, 1_500))
    assert [each for each, text in every if text != each.text and kept(text, language, each.expected)] == []


def test_sentences_are_the_same_each_time_and_a_longer_list_begins_with_a_shorter_one() -> None:
    assert sentences("en", 300)[:60] == sentences("en", 60)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("call 341-351-5158 now", "en", ["3413515158"]),
        ("one moment, double seven oh one please", "en", ["7701"]),
        ("twenty-one and five", "en", ["21", "5"]),
        ("um momento, o número é três meia um meia", "pt", ["3616"]),
        ("quatro sete", "pt", ["47"]),
        ("às 14h30 por R$ 1.234,50", "pt", ["1430", "123450"]),
        ("vinte e um pedidos", "pt", ["21"]),
        ("duplo sete, triplo zero", "pt", ["77000"]),
        ("meia hora com uma pessoa", "pt", []),
        ("the oh so one thing", "en", []),
        ("das 2 às 3", "pt", ["2", "3"]),
    ],
)
def test_digits_are_read_from_figures_and_from_words(text: str, language: str, found: list[str]) -> None:
    assert runs(text, language) == found


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("12/05 às 930", True),
        ("930 no dia 05/12", True),
        ("5 de dezembro, 930", False),  # the month is said, but this date needs it in digits
        ("12/05, 93 e 0", False),  # the digits of one number do not stand together
        ("12/05 às 930 e 4", False),
        ("12/05", False),
    ],
)
def test_numbers_may_stand_in_any_order_but_each_in_one_piece(text: str, right: bool) -> None:
    assert kept(text, "pt", [("1205", "0512"), ("930",)]) is right


def test_a_number_may_be_parted_where_that_is_allowed() -> None:
    assert kept("em 14 de março de 2026", "pt", [("14032026", "14 2026")])
    assert not kept("em 14 de março", "pt", [("14032026", "14 2026")])
