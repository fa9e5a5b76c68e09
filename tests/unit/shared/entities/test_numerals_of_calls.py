"""Numbers as callers and agents say them, in each language."""

from __future__ import annotations

import pytest

from services.shared.entities.numerals import numerals


def values(text: str, language: str) -> list[str]:
    """The values of a text's numbers, in quotes those that are spelled."""
    return [f"'{one.value}'" if one.spelled else one.value for one in numerals(text, language)]


ENGLISH = [
    ("My account is three four one three.", ["'3413'"]),
    ("It's double seven oh four two, triple eight nine.", ["'770428889'"]),
    ("Call one eight hundred five five five one two one two.", ["'18005551212'"]),
    ("forty two seventeen or forty two seven", ["'4217'", "'427'"]),
    ("In twenty twenty six, not nineteen ninety nine or twenty oh five.", ["2026", "1999", "2005"]),
    ("It opens at eleven thirty.", ["11", "30"]),
    ("a hundred and two, a thousand, two and a half percent", ["102", "1000", "2.5"]),
    ("one hundred and two hundred", ["100", "200"]),
    ("two point five million and minus three point one four", ["2500000", "-3.14"]),
    ("half a million, a million and a half, half an hour", ["500000", "1500000"]),
    ("one thousand, two hundred and six, one point five a month", ["1206", "1.5"]),
    ("the twenty first, the second time, wait a second, one second", ["21", "2", "1"]),
    ("Oh, one more. Press two one more time.", ["1", "2", "1"]),
    ("four, two, seven, one", ["'4271'"]),
    ("press 1, 2 or 3", ["1", "2", "3"]),
    ("a call, a point, a double room, that one's mine", []),
]
SPANISH = [
    ("Mi número es doble siete cero tres.", ["'7703'"]),
    ("seis once veintitrés cuarenta y cinco", ["'6112345'"]),
    ("novecientos doce trescientos cuarenta y cinco seiscientos setenta y ocho", ["'912345678'"]),
    ("dos mil quinientos millones, treinta y un mil", ["2500000000", "31000"]),
    ("cien mil, ciento cinco, mil doscientas", ["100000", "105", "1200"]),
    ("el cinco por ciento, por ciento veinte pesos", ["5", "120"]),
    ("tres coma veinticinco, menos cuatro, al menos cuatro", ["3.25", "-4", "4"]),
    ("el vigésimo primero, un segundo", ["21", "1"]),
]
PORTUGUESE = [
    ("É meia dois, meia meia três.", ["'62663'"]),
    ("zero oitocentos sete sete um zero um zero um", ["'08007710101'"]),
    ("Espere meia hora, até as duas e meia.", ["2"]),
    ("100 mil, 1,5 milhão, cento e vinte e três mil", ["100000", "1500000", "123000"]),
    ("mil e duzentos e trinta, entre mil e duas mil", ["1230", "1000", "2000"]),
    ("um milhão e duzentos mil reais, 2 milhões e meio, meio milhão", ["1200000", "2500000", "500000"]),
    ("cem por cento, pelo menos cinco, menos cinco", ["100", "5", "-5"]),
    ("três vírgula vinte e cinco", ["3.25"]),
    ("a segunda via do décimo quinto boleto", ["2", "15"]),
    ("só um minuto, dois um momento", ["1", "2", "1"]),
]
FRENCH = [
    ("C'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit.", ["'0612345678'"]),
    ("zéro six, douze, trente-quatre", ["'061234'"]),
    ("quatre-vingt-dix-neuf; soixante et onze; quatre vingt un; nonante-cinq", ["99", "71", "81", "95"]),
    ("mille neuf cent quatre-vingt-quatre, deux cents, cent", ["1984", "200", "100"]),
    ("cinq pour cent, pour cent euros, moins dix, au moins dix", ["5", "100", "-10", "10"]),
    ("trois virgule quatorze millions", ["3140000"]),
    ("le vingt et unième, le dix-septième, l'un d'eux", ["21", "17"]),
]
ITALIAN = [
    ("Il numero è doppio sette zero tre.", ["'7703'"]),
    ("milleduecentotrentaquattro, centotto, duecento mila", ["1234", "108", "200000"]),
    ("un milione e duecentomila", ["1200000"]),
    ("tu sei uno di noi, sei uno tre", ["6", "1", "'613'"]),
    ("trenta virgola due per cento, il ventitreesimo", ["30.2", "23"]),
    ("tre nove due undici ventidue", ["'3921122'"]),
    ("quattro cento novanta due; settanta sei, mille nove cento ottanta quattro", ["492", "76", "1984"]),
    (
        "il venti due marzo duemila venti sei; quaranta due mila; tre cento quattro cento",
        ["22", "2026", "42000", "300", "400"],
    ),
    (
        "quattro due sette; trentaquattro cinquantuno; trenta quattro cinquanta uno",
        ["'427'", "'3451'", "'3451'"],
    ),
    ("alle venti un treno, cento dieci due, il cento per cento", ["20", "1", "110", "2", "100"]),
]
SAID = [
    (language, text, expected)
    for language, table in zip(
        ("en", "es", "pt", "fr", "it"), (ENGLISH, SPANISH, PORTUGUESE, FRENCH, ITALIAN), strict=True
    )
    for text, expected in table
]


@pytest.mark.parametrize(("language", "text", "expected"), SAID)
def test_what_is_said_is_read(language: str, text: str, expected: list[str]) -> None:
    assert values(text, language) == expected


def test_a_region_of_a_language_has_its_words() -> None:
    assert values("dezasseis", "pt-PT") == values("dezesseis", "PT_br") == ["16"]


def test_words_are_left_where_the_language_is_not_known() -> None:
    assert values("seven 7 sept", "de") == ["7"]


def test_a_numeral_says_where_it_stands_and_how_it_is_written() -> None:
    (one,) = numerals("the twenty first floor", "en")
    assert (one.start, one.end, one.text, one.value) == (4, 16, "twenty first", "21")
    assert (one.spelled, one.ordinal, one.words) == (False, True, True)
