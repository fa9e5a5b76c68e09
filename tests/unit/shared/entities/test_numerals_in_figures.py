"""Numbers in figures: separators by language, and what is no quantity."""

from __future__ import annotations

import pytest

from services.shared.entities.numerals import Numeral, numerals


def only(text: str, language: str = "en") -> Numeral:
    (found,) = numerals(text, language)
    return found


@pytest.mark.parametrize(
    ("language", "written", "value"),
    [
        ("en", "1,234.5", "1234.5"),
        ("en", "1,234", "1234"),
        ("en", "1.234", "1.234"),
        ("en", "1,00,000", "100000"),
        ("pt", "1.234,50", "1234.5"),
        ("pt-BR", "1.234", "1234"),
        ("pt", "0.125", "0.125"),
        ("pt", "1,234", "1.234"),
        ("pt", "12.5", "12.5"),
        ("es", "1.234", "1234"),
        ("es-MX", "1,234", "1234"),
        ("it", "1'234,5", "1234.5"),
        ("fr", "1\u00a0234,5", "1234.5"),
        ("fr", "1 234 567", "1234567"),
        ("es", "12 345", "12345"),
        ("de", "1.234", "1234"),
        ("de", "1,234.5", "1234.5"),
        ("en", "1.234.567", "1234567"),
        ("ar", "\u0661\u066c\u0662\u0663\u0664\u066b\u0665", "1234.5"),
        ("hi", "२०२६", "2026"),
        ("en", "-5", "-5"),
        ("en", "+5", "5"),
        ("en", "10.0", "10"),
    ],
)
def test_separators_are_those_of_the_language_unless_they_have_one_reading(
    language: str, written: str, value: str
) -> None:
    found = only(written, language)
    assert (found.value, found.text, found.spelled) == (value, written, False)


def test_units_and_signs_do_not_hide_a_number() -> None:
    assert [one.text for one in numerals("5kg, 10%, R$50, A47, €3 and 14h30", "pt")] == [
        "5",
        "10",
        "50",
        "47",
        "3",
        "14",
        "30",
    ]


@pytest.mark.parametrize(
    ("language", "text"), [("en", "15th"), ("pt", "2ª"), ("es", "1.er"), ("fr", "3e"), ("it", "1º")]
)
def test_ordinals_in_figures_are_known_by_their_endings(language: str, text: str) -> None:
    found = only(f"({text})", language)
    assert found.ordinal
    assert found.text == text


def test_the_powers_of_units_are_no_numbers() -> None:
    assert [one.text for one in numerals("30 m2, 5 mm2, 2.2 million km2, m23", "en")] == [
        "30",
        "5",
        "2.2 million",
        "23",
    ]


def test_temperatures_are_no_ordinals() -> None:
    assert not only("20ºC", "es").ordinal


def test_a_number_of_any_length_is_read() -> None:
    assert only("9" * 5000 + "th").value == "9" * 5000
    assert only("1," + ",".join(["234"] * 2000)).spelled
