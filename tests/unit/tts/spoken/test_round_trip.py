"""What is read out holds the same numbers as the text, in its order."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.entities.comparison import pairs
from services.shared.entities.extraction import entities
from services.tts.spoken.reading import spoken

LANGUAGES = ("en", "es", "pt-BR", "pt-PT", "fr", "it")
BEFORE = {
    "en": "Your reference is",
    "es": "Su referencia es",
    "pt": "A sua referência é",
    "fr": "Votre référence est",
    "it": "Il suo riferimento è",
}
AT = {"en": "It is at", "es": "Es a las", "pt": "É às", "fr": "C'est à", "it": "È alle"}
CENTS = st.integers(0, 99).map("{:02}".format)
DIGITS = st.text("0123456789", min_size=7, max_size=16)
GROUPS = st.lists(st.text("0123456789", min_size=3, max_size=4), min_size=3, max_size=4)


def sentence(language: str, value: str) -> str:
    return f"{BEFORE[language.partition('-')[0]]} {value}."


def lost(text: str, language: str) -> list[str]:
    """Return what differs between a text and how it is read."""
    read = spoken(text, language)
    found = pairs(entities(text, language), entities(read, language))
    return [f"{text!r} as {read!r}: {pair}" for pair in found if not pair.match]


def amount(language: str, whole: int, cents: str) -> str:
    grouped = f"{whole:,}.{cents}"
    if language == "en":
        return f"${grouped}"
    swapped = grouped.translate(str.maketrans(",.", ".,"))
    return f"R$ {swapped}" if language.startswith("pt") else f"{swapped} €"


@pytest.mark.parametrize("language", LANGUAGES)
@given(digits=DIGITS)
def test_every_digit_of_a_number_is_said_in_order(language: str, digits: str) -> None:
    assert lost(sentence(language, digits), language) == []


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "fr"])
@given(groups=GROUPS)
def test_every_digit_of_its_groups_is_said_in_order(language: str, groups: list[str]) -> None:
    grouped, whole = (spoken(sentence(language, by.join(groups)), language) for by in ("-", ""))
    assert re.findall(r"\w+", grouped) == re.findall(r"\w+", whole)


@given(groups=st.lists(st.text("0123456789", min_size=2, max_size=2), min_size=4, max_size=4))
def test_french_phone_numbers_stay_what_they_are(groups: list[str]) -> None:
    for national in (f"06 {' '.join(groups)}", f"06{''.join(groups)}", f"+33 6 {' '.join(groups)}"):
        assert lost(f"Rappelez-nous au {national}.", "fr") == []


@given(code=st.text("123456789", min_size=2, max_size=2), digits=st.from_regex("[0-9]{9}", fullmatch=True))
def test_brazilian_phone_numbers_stay_what_they_are(code: str, digits: str) -> None:
    assert lost(f"Ligue para ({code}) {digits[:5]}-{digits[5:]}.", "pt-BR") == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(whole=st.integers(1, 9_999_999), cents=CENTS)
def test_amounts_stay_what_they_are(language: str, whole: int, cents: str) -> None:
    assert lost(sentence(language, amount(language, whole, cents)), language) == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(date=st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)))
def test_dates_stay_what_they_are(language: str, date: dt.date) -> None:
    year, month, day = str(date).split("-")
    written = f"{month}/{day}/{year}" if language == "en" else f"{day}/{month}/{year}"
    assert lost(sentence(language, written), language) == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(hour=st.integers(13, 23), minute=st.integers(0, 59))
def test_times_stay_what_they_are(language: str, hour: int, minute: int) -> None:
    assert lost(f"{AT[language.partition('-')[0]]} {hour}:{minute:02}.", language) == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(whole=st.integers(0, 999), decimals=st.text("0123456789", min_size=1, max_size=2))
def test_percentages_stay_what_they_are(language: str, whole: int, decimals: str) -> None:
    point = "." if language == "en" else ","
    assert lost(sentence(language, f"{whole}{point}{decimals}%"), language) == []


@pytest.mark.parametrize("language", [*LANGUAGES, "de", "hi", "zh", "ja", "", "x-y"])
@given(text=st.text(alphabet=st.sampled_from("0123456789 .,:/-+$€%ºªahmpAB@R\n\uff12\u0663é"), max_size=40))
def test_any_text_can_be_read(language: str, text: str) -> None:
    spoken(text, language)
