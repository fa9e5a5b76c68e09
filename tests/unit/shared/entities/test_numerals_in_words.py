"""Numbers in words as a library of their own writes them, and digit by digit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from services.shared.entities.normal import normalised
from services.shared.entities.numerals import numerals

DIGITS = {
    "en": "zero one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
}
FUZZ = settings(max_examples=150, deadline=None)
INTEGERS = st.integers(0, 7).flatmap(lambda digits: st.integers(0, 10**digits - (digits > 0)))


def in_words(number: int, language: str, form: str = "cardinal") -> str:
    written = str(num2words(number, lang="pt_BR" if language == "pt" else language, to=form))
    return written.replace("dicotto", "diciotto")  # the library's own spelling of the Italian 18


@FUZZ
@given(st.sampled_from(sorted(DIGITS)), INTEGERS)
def test_a_number_in_words_is_one_numeral_of_its_value(language: str, number: int) -> None:
    words = in_words(number, language)
    (found,) = numerals(words, language)
    assert (found.value, found.text, found.spelled, found.words) == (str(number), words, False, True)


@FUZZ
@given(st.sampled_from(["en", "es", "pt", "fr"]), st.integers(1, 99))
def test_an_ordinal_in_words_is_one_numeral(language: str, number: int) -> None:
    if (language == "es" and number > 10) or (language == "fr" and number == 80):
        return  # the library misspells them
    (found,) = numerals(in_words(number, language, "ordinal"), language)
    assert (found.value, found.ordinal) == (str(number), True)


@FUZZ
@given(st.sampled_from(sorted(DIGITS)), st.text("0123456789", min_size=2, max_size=16))
def test_digits_said_one_by_one_are_those_digits(language: str, digits: str) -> None:
    words = " ".join(DIGITS[language].split()[int(digit)] for digit in digits)
    if words == "sei uno":
        return  # "you are one"
    (found,) = numerals(words, language)
    assert (found.value, found.spelled) == (digits, True)
    assert normalised(words, language) == normalised(" ".join(digits), language) == digits


@FUZZ
@given(st.sampled_from(sorted(DIGITS)), INTEGERS)
def test_a_number_is_the_same_in_words_and_in_figures(language: str, number: int) -> None:
    thousands = {"en": ",", "fr": "\u202f"}.get(language, ".")
    figures = {str(number), f"{number:,}".replace(",", thousands), in_words(number, language)}
    assert {normalised(f"¿{one}!", language) for one in figures} == {str(number)}
