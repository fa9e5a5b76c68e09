"""Texts made comparable: the same where the same was said, and only there."""

from __future__ import annotations

import pytest

from services.shared.entities.normal import normalised


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "Press 1, then 4-2-7.", "press one then four two seven"),
        ("en", "It costs $5.50!", "it costs five dollars and fifty cents"),
        ("en", "May 5th, 2026", "May fifth twenty twenty six"),
        ("en", "the 5 of May", "the fifth of May"),
        ("en", "10% of 2 million", "ten percent of two million"),
        ("en", "at 2:30 p.m.", "at two thirty pm"),
        ("es", "entre las 8:00 y las 11:30", "entre las 8 y las 11 y 30"),
        ("en", "at 8:00 p.m.", "at eight pm"),
        ("en", "the 15th floor", "the fifteenth floor"),
        ("en", "Don\u2019t press 0", "don't press zero"),
        ("pt", "R$ 1.234,50", "mil duzentos e trinta e quatro reais e cinquenta centavos"),
        ("pt", "US$ 2 milhões", "dois milhões de dólares"),
        ("pt", "às 14h30 de 1º de maio", "às catorze horas e trinta de primeiro de maio"),
        ("pt", "CPF 123.456.789-09", "CPF um dois três quatro cinco seis sete oito nove zero nove"),
        ("es", "El 50 % de 3,5", "el cincuenta por ciento de tres coma cinco"),
        ("es", "Marque el 1", "Marque el uno"),
        (
            "fr",
            "Composez le 06 12 34 56 78",
            "composez le zéro six douze trente-quatre cinquante-six soixante-dix-huit",
        ),
        ("fr", "2 millions d'euros à 14h30", "deux millions d\u2019euros à quatorze heures trente"),
        ("it", "L'8 maggio, 1.200 euro", "l'otto maggio milleduecento euro"),
        ("it", "1234,50 €", "milleduecentotrentaquattro euro e cinquanta centesimi"),
        ("it", "alle 2:30", "alle due e mezza"),
        ("pt", "às 14h30", "às quatorze e trinta"),
        ("pt", "às 14 e 30", "às duas e meia da tarde"),
        ("pt", "às 14h", "às duas da tarde"),
        ("es", "a las 2:30", "a las dos y media"),
        ("es", "+34 612", "más treinta y cuatro seis uno dos"),
        ("es-MX", "$500", "quinientos pesos"),
        ("es-MX", "$5.50", "cinco pesos con cincuenta centavos"),
        ("fr", "2h30, 50 cents", "deux heures et demie, 50 cents"),
        ("en", "$1,234 and 50 cents", "one thousand two hundred thirty four dollars and fifty cents"),
        ("en", "482-913", "four eight two, nine one three"),
        ("de", "1.234 und 12,5 %", "1234 und 12,5%"),
    ],
)
def test_figures_and_words_of_the_same_number_are_the_same(language: str, written: str, said: str) -> None:
    assert normalised(written, language) == normalised(said, language)


@pytest.mark.parametrize(
    ("language", "said", "heard"),
    [
        ("en", "fifteen", "fifteenth"),
        ("en", "four two seven", "four two two seven"),
        ("en", "two hundred", "two thousand"),
        ("en", "five dollars", "five euros"),
        ("en", "five percent", "five"),
        ("en", "2 am", "2 pm"),
        ("en", "can", "can't"),
        ("es", "$500", "quinientos pesos"),
        ("pt", "entre dez e quinze", "1015"),
        ("pt", "às duas da tarde", "às duas"),
        ("es", "+34", "34"),
        ("es", "3,5", "35"),
        ("es", "año", "ano"),
        ("pt", "-5", "5"),
        ("pt", "avó", "avô"),
        ("fr", "un appel", "un rappel"),
    ],
)
def test_what_was_misheard_stays_different(language: str, said: str, heard: str) -> None:
    assert normalised(said, language) != normalised(heard, language)


def test_only_words_and_digits_remain_in_small_letters_with_their_accents() -> None:
    assert (
        normalised("  «Olá», DISSE a Sra. Conceição: (tudo-bem)?\n", "pt")
        == "olá disse a sra conceição tudo bem"
    )
    assert normalised("e\u0301te\u0301", "fr") == "été"
    assert normalised("... — !", "en") == ""


def test_an_abbreviation_is_read_however_it_is_written() -> None:
    assert normalised("USD 5, 5 usd and $5", "en") == "5 usd 5 usd and 5 usd"
