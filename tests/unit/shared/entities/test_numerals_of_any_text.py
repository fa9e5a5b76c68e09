"""What holds for the numbers of any text."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared.entities.lexicon import vocabulary
from services.shared.entities.normal import normalised
from services.shared.entities.numerals import numerals

LANGUAGES = ("en", "es", "es-MX", "pt-BR", "fr", "it", "de", "")
OTHERS = [
    "5",
    "07",
    "1,234",
    "1.5",
    "3/4",
    "10-15",
    "-5",
    "15th",
    "2º",
    "%",
    "$",
    "R$",
    "usd",
    "may",
    "centavos",
    "h",
]
SEPARATORS = st.sampled_from([" ", " ", " ", ", ", ",", "-", ". ", "/", "'", ""])

FUZZ = settings(max_examples=150, deadline=None)


def texts(language: str) -> st.SearchStrategy[str]:
    """Texts of any characters, of those that numbers are made of, and of a language's number words."""
    words = st.sampled_from([*vocabulary(language).words, *OTHERS])
    sentences = st.lists(st.tuples(words, SEPARATORS), max_size=9)
    return st.one_of(
        st.text(max_size=30),
        st.text("0123456789 .,-/()+'\u2019$%ºoh\u00a0\u0663\u066b", max_size=25),
        sentences.map(lambda parts: "".join(word + gap for word, gap in parts)),
    )


ANY = st.sampled_from(LANGUAGES).flatmap(lambda language: st.tuples(st.just(language), texts(language)))


@FUZZ
@given(ANY)
def test_numerals_are_parts_of_the_text_in_its_order_with_values_in_digits(case: tuple[str, str]) -> None:
    language, text = case
    place = 0
    for one in numerals(text, language):
        assert place <= one.start < one.end
        assert text[one.start : one.end] == one.text
        assert re.fullmatch(r"\d+" if one.spelled else r"-?\d+(\.\d*[1-9])?", one.value, re.ASCII)
        place = one.end


@FUZZ
@given(ANY)
def test_to_normalise_twice_changes_nothing(case: tuple[str, str]) -> None:
    language, text = case
    once = normalised(text, language)
    assert normalised(once, language) == once
