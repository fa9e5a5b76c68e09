"""Amounts, dates and times of day are read in full."""

from __future__ import annotations

import pytest

from services.tts.spoken.amounts import amount
from services.tts.spoken.calendar import date, time
from tests.unit.tts.spoken import tongue


@pytest.mark.parametrize(
    ("language", "value", "words"),
    [
        ("en", "12.50", "twelve dollars and fifty cents"),
        ("en", "1 USD", "one dollar"),
        ("pt-BR", "1234.50 USD", "mil duzentos e trinta e quatro dólares e cinquenta centavos"),
        ("pt-BR", "2000 GBP", "duas mil libras"),
        ("pt-BR", "1.01 BRL", "um real e um centavo"),
        ("es", "21 GBP", "veintiuna libras"),
        ("es", "1000000 EUR", "un millón de euros"),
        ("fr", "21 GBP", "vingt et une livres"),
        ("fr", "1000000 EUR", "un million d'euros"),
        ("fr", "2000000 GBP", "deux millions de livres"),
        ("it", "0.50 EUR", "cinquanta centesimi"),
        ("it", "-3.20 EUR", "meno tre euro e venti centesimi"),
        ("en", "12.345 USD", "twelve point three four five dollars"),
        ("es", "5 XYZ", "cinco XYZ"),
    ],
)
def test_an_amount_is_read_in_full(language: str, value: str, words: str) -> None:
    assert amount(value, tongue(language)) == words


@pytest.mark.parametrize(
    ("language", "value", "words"),
    [
        ("en", "2026-03-05", "March fifth twenty twenty-six"),
        ("es", "--03-01", "primero de marzo"),
        ("pt-BR", "2026-03", "março de dois mil e vinte e seis"),
        ("fr", "2026-03-01", "premier mars deux mille vingt-six"),
        ("it", "1998-12-21", "ventuno dicembre millenovecentonovantotto"),
    ],
)
def test_a_date_is_read_in_full(language: str, value: str, words: str) -> None:
    assert date(value, tongue(language)) == words


@pytest.mark.parametrize(
    ("language", "value", "twelve", "words"),
    [
        ("en", "14:30", False, "two thirty PM"),
        ("en", "09:05", True, "nine oh five AM"),
        ("en", "09:00", False, "nine o'clock"),
        ("en", "00:15", False, "twelve fifteen AM"),
        ("es", "14:30", False, "catorce y treinta"),
        ("es", "20:01", False, "veinte con uno"),
        ("pt-BR", "21:00", False, "vinte e uma horas"),
        ("fr", "01:05", False, "une heure cinq"),
        ("it", "01:30", False, "una e trenta"),
    ],
)
def test_a_time_is_read_in_full(language: str, value: str, twelve: bool, words: str) -> None:
    assert time(value, tongue(language), twelve_hours=twelve) == words
