"""A text is read out with its identifiers digit by digit and all other numbers in full."""

from __future__ import annotations

import string

import pytest

from services.tts.engines.phonemes import phonemes
from services.tts.request import SpeechRequest
from services.tts.spoken.identifiers import identifier
from services.tts.spoken.reading import spoken
from tests.unit.tts.spoken import tongue


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("en", "Protocol 3413515158.", "Protocol three four one, three five one, five one five eight."),
        ("en", "Call 415-555-0132!", "Call four one five, five, five, five, zero one three two!"),
        ("en", "Your code is 482913.", "Your code is four eight two, nine one three."),
        ("en", "You won 4275 points.", "You won four thousand two hundred seventy-five points."),
        ("en", "The order AB12C came.", "The order A, B, one two, C, came."),
        ("en", "It is $12.50 more.", "It is twelve dollars and fifty cents more."),
        ("en", "Come at 2:30 p.m.", "Come at two thirty PM."),
        ("en", "the 3rd of 5%", "the third of five percent"),
        ("es", "Espere 21 minutos.", "Espere veintiún minutos."),
        ("es", "Son 200 personas.", "Son doscientas personas."),
        ("es", "La 2ª vez, el 5/3/2026.", "La segunda vez, el cinco de marzo de dos mil veintiséis."),
        ("pt-BR", "Faltam 2 pessoas e 2 dias.", "Faltam duas pessoas e dois dias."),
        ("pt-BR", "Custa US$ 1.234,50.",
         "Custa mil duzentos e trinta e quatro dólares e cinquenta centavos."),
        ("pt-BR", "CPF 123.456.789-09, às 14h30",
         "CPF um dois três, quatro cinco seis, sete oito nove, zero nove, às catorze horas e trinta"),
        ("pt-BR", "+55 (21) 98765-4321",
         "mais cinco, cinco, vinte e um, nove oito sete, seis cinco, quatro três dois um"),
        ("es", "Mi código postal es 28013.", "Mi código postal es dos ocho, cero uno tres."),
        ("en", "My zip code is 10027.", "My zip code is one zero, zero, two seven."),
        ("fr", "Au 06 12 34 56 78.", "Au zéro six, douze, trente-quatre, cinquante-six, soixante-dix-huit."),
        ("fr", "0181607593", "zéro un, quatre-vingt-un, soixante, soixante-quinze, quatre-vingt-treize"),
        ("pt-BR", "Meu CEP é 01310-200.", "Meu CEP é zero um, três um zero, dois zero, zero."),
        ("fr", "Le compte 00 718 3340", "Le compte zéro zéro, sept cent dix-huit, trente-trois, quarante"),
        ("fr", "La carte 4242, code AB12", "La carte quatre deux quatre deux, code A, B, un deux"),
        ("fr", "Le code à 6 chiffres, 904 117.",
         "Le code à six chiffres, neuf zéro quatre, un, un sept."),
        ("fr", "La carte a 12 500 points.", "La carte a douze mille cinq cents points."),
        ("fr", "Il a 21 livres, le 1er mars.", "Il a vingt et un livres, le premier mars."),
        ("it", "Costa 1,50 €.", "Costa un euro e cinquanta centesimi."),
        ("en", "Mail ana2@example.com now.", "Mail ana two at example dot com now."),
        ("en", "It takes 10km.", "It takes ten km."),
        ("en", "Thank you, one moment.", "Thank you, one moment."),
        ("en", "from 15-20 for $5\u2013$10", "from fifteen,-twenty for five dollars,\u2013ten dollars"),
        ("en", "In the 1990s, or the 90's", "In the 1990s, or the 90's"),
        ("pt-BR", "em 30s", "em trinta s"),
    ],
)  # fmt: skip
def test_numbers_are_read(language: str, text: str, read: str) -> None:
    assert spoken(text, language) == read


@pytest.mark.parametrize("language", ["de", "hi", "ja", "zh"])
def test_elsewhere_only_identifiers_are_read_by_their_digits(language: str) -> None:
    assert spoken("0042 7781: 45", language) == "0, 0 4 2, 7, 7 8 1: 45"


def test_what_is_read_already_is_left_alone() -> None:
    for language, text in (("en", "Order AB12C, $12.50, 3413515158"), ("pt-BR", "R$ 1.234,50 às 9h")):
        read = spoken(text, language)
        assert spoken(read, language) == read


def test_who_speaks_slowly_pauses_after_every_digit() -> None:
    request = SpeechRequest("Protocol 34135, at 9%", "en", rate=0.85)
    assert request.script == "Protocol three, four, one, three, five, at nine percent"
    request = SpeechRequest("Au 06 12 34 56 78", "fr", rate=0.85)
    assert request.script == "Au zéro, six, un, deux, trois, quatre, cinq, six, sept, huit"


@pytest.mark.parametrize(
    ("language", "voice"),
    [("en", "en-us"), ("es", "es"), ("pt-BR", "pt-br"), ("pt-PT", "pt"), ("fr", "fr-fr"), ("it", "it")],
)
def test_no_letter_of_a_code_is_read_as_a_small_word(language: str, voice: str) -> None:
    for letter in string.ascii_uppercase:
        first, second = phonemes(identifier(f"{letter}{letter}", tongue(language)), voice).split(",")
        assert "\u02c8" in first, f"{letter} is not stressed"
        assert second.strip()
