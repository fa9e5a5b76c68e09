"""Whatever the text is, entities lie in it, in its order, none over another; the doubtful ones are weak."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.entities.extraction import entities
from services.shared.entities.kinds import Kind

LANGUAGES = st.sampled_from(["en", "es", "pt-BR", "pt", "fr", "it", "de", "ja", "", "x-private", "en_GB"])
WORDS = (
    "two 2 thirty pm a.m. March may 5 / - . , : $ € R$ % 2026 A B XK-44 half past e meia dozen mil "
    "de reais euros cents @ dot com at my name is Ana Mr. Dr. +55 (11) 0042 XV ª h 14h30 İ ß ; \ue000 \ue001 "
    "\u0663 \u00b2 \u2460 \u0301 \n \x00 十"
)
PIECES = st.sampled_from(WORDS.split(" "))
TEXTS = (
    st.text(max_size=60)
    | st.lists(PIECES, max_size=14).map(" ".join)
    | st.lists(PIECES, max_size=14).map("".join)
)


@given(TEXTS, LANGUAGES)
def test_entities_lie_in_any_text_in_order_and_apart(text: str, language: str) -> None:
    found = entities(text, language)
    assert all(text[each.start : each.end] == each.text and each.text for each in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(each.value for each in found)


def test_a_word_among_spelled_capitals_is_its_number_alone() -> None:
    (code,) = entities("The code is A B SEVEN.", "en")
    assert (code.kind, code.value) == (Kind.CODE, "AB7")


@given(st.integers(0, 10**16 - 1), LANGUAGES)
def test_no_digit_of_a_text_is_overlooked(number: int, language: str) -> None:
    found = entities(f"xyz {number} xyz", language)
    assert "".join(each.digits for each in found) == str(number)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "one moment, I have two dogs and a third of it"),
        ("es", "un momento, mi primer hijo y mil gracias"),
        ("pt", "um momento, o segundo, no século XV, ao meio-dia"),
        ("fr", "un instant, cent fois merci, deux minutes"),
        ("it", "un attimo, le due cose, il terzo piano"),
    ],
)
def test_small_numbers_in_words_are_weak(language: str, text: str) -> None:
    assert all(each.weak for each in entities(text, language))


def test_digits_and_amounts_are_never_weak() -> None:
    found = entities("2 dogs for five dollars, ten percent, at two pm", "en")
    assert [each.kind for each in found if not each.weak] == [
        Kind.NUMBER,
        Kind.MONEY,
        Kind.PERCENT,
        Kind.TIME,
    ]


def test_the_order_of_day_and_month_is_that_of_the_country() -> None:
    values = {tag: entities("on 03/05/2026", tag)[0].value for tag in ("en", "en-US", "en-GB", "pt-BR", "de")}
    assert values == {
        "en": "2026-03-05",
        "en-US": "2026-03-05",
        "en-GB": "2026-05-03",
        "pt-BR": "2026-05-03",
        "de": "2026-05-03",
    }


def test_a_date_that_can_only_be_of_the_other_order_is_read_so() -> None:
    assert entities("on 25/12/2026", "en")[0].value == "2026-12-25"
    assert entities("dia 12/25/2026", "pt")[0].value == "2026-12-25"


def test_no_day_that_no_month_has_is_a_date() -> None:
    assert all(each.kind is not Kind.DATE for each in entities("31/02/2026 and February 30, 2026", "en"))
