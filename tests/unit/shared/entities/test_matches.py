"""A translation that keeps its numbers matches, however it writes them; one that does not is found out."""

from __future__ import annotations

import pytest

from services.shared.entities.comparison import matched

CLEAN = [
    ("en", "pt", "My number is 427, please call at 2:30 pm.", "Meu número é 427, por favor ligue às 14h30."),
    ("en", "pt", "It costs $1,234.50.", "Custa US$ 1.234,50."),
    ("en", "pt", "one hundred thousand people", "100 mil pessoas"),
    (
        "en",
        "pt",
        "Your appointment is March 5th at half past two",
        "Sua consulta é 5 de março às duas e meia",
    ),
    ("en", "es", "Your code is A B C 1 2", "Su código es ABC12"),
    ("en", "pt", "the 15th century", "o século XV"),
    ("en", "pt", "one moment please", "um momento por favor"),
    ("en", "pt", "two dogs", "2 cães"),
    ("en", "pt", "She was born in the 80s", "Ela nasceu nos anos 80"),
    ("en", "pt", "the nineties were great", "os anos 90 foram ótimos"),
    ("en", "pt", "the nineties were great", "os anos noventa foram ótimos"),
    ("en", "es", "call 341-351-5158 now", "llame al 341 351 5158 ahora"),
    (
        "en",
        "fr",
        "My phone is zero six twelve thirty-four fifty-six seventy-eight",
        "Mon numéro est le zéro six douze trente-quatre cinquante-six soixante-dix-huit",
    ),
    ("en", "fr", "the meeting is at a quarter to five", "la réunion est à cinq heures moins le quart"),
    ("en", "it", "at a quarter past three in the afternoon", "alle tre e un quarto del pomeriggio"),
    ("en", "es", "at 3:15 in the afternoon", "a las tres y cuarto de la tarde"),
    ("en", "pt", "It is 20 to 30 percent", "É de 20 a 30 por cento"),
    ("en", "pt", "9/11 attacks", "ataques de 11 de setembro"),
    ("en", "es", "My ID is 12345678Z", "Mi DNI es 12345678Z"),
    ("en", "pt", "half a dozen eggs", "meia dúzia de ovos"),
    ("en", "pt", "half a dozen eggs", "6 ovos"),
    ("en", "pt", "a third of it", "um terço disso"),
    ("en", "pt", "twenty-five dollars and ten cents", "vinte e cinco dólares e dez centavos"),
    ("en", "it", "twenty-five euros and ten cents", "25,10 euro"),
    ("en", "fr", "5 thousand euros", "cinq mille euros"),
    ("en", "pt", "2 million", "dois milhões"),
    ("en", "es", "2 billion dollars", "dos mil millones de dólares"),
    ("en", "pt", "at noon", "ao meio-dia"),
    (
        "en",
        "de",
        "On March 5, 2026 at 14:30 you pay 1,234.50 euros",
        "Am 5. März 2026 um 14:30 zahlen Sie 1.234,50 Euro",
    ),
    ("en", "de", "The code is 427", "Der Code ist 427"),
    ("en", "pt", "the year twenty twenty-six", "o ano de 2026"),
    ("en", "pt", "press one or two", "pressione um ou dois"),
    ("en", "pt", "3rd floor", "terceiro andar"),
    (
        "en",
        "pt",
        "my e-mail is ana dot silva at example dot com",
        "meu e-mail é ana ponto silva arroba example ponto com",
    ),
    ("pt", "en", "O protocolo é meia dois três zero", "The protocol is 6230"),
    ("pt", "en", "Das 8h às 18h", "From 8 am to 6 pm"),
    ("pt", "en", "Das 8 às 18 horas", "From 8 am to 6 pm"),
    ("pt", "en", "Vence dia 10/05", "It is due on 05/10"),
    ("pt", "en", "Dona Maria ligou", "Mrs. Maria called"),
    ("es", "en", "Le habla Juan Pérez de soporte", "This is Juan Pérez from support"),
    ("es", "en", "Son las dos menos cuarto", "It is a quarter to two"),
    ("fr", "en", "à quinze heures trente", "at 3:30 pm"),
    ("fr", "en", "quatre-vingt-dix-sept euros", "97 euros"),
    ("fr", "en", "le 1er mars", "March 1"),
    ("it", "en", "il primo marzo", "March 1"),
    ("it", "en", "ventitré euro e cinquanta", "23.50 euros"),
    ("pt", "en", "quarenta e dois reais e cinquenta", "42.50 reais"),
]
WRONG = [
    ("en", "pt", "call 3413515158", "ligue 34135158"),
    ("en", "pt", "four two seven", "quatro sete"),
    ("en", "pt", "$5", "R$ 5"),
    ("en", "pt", "50%", "50 dólares"),
    ("en", "pt", "0042", "42"),
    ("en", "pt", "March 5", "5 de maio"),
    ("en", "pt", "2:30 pm", "2h30"),
    ("en", "pt", "03/05/2026", "03/05/2026"),
    ("en", "pt", "5 million", "5 bilhões"),
    ("en", "pt", "room 12", "quarto 21"),
    ("en", "pt", "twelve", "treze"),
    ("en", "pt", "code ABC12", "código ABD12"),
    ("en", "pt", "+351 912 345 678", "912 345 678"),
    ("en", "pt", "9,174 sq mi", "9.374 mi²"),
    ("en", "pt", "240 km (149 miles)", "240 km"),
    ("en", "pt", "My name is Anna", "Meu nome é Ana"),
]


@pytest.mark.parametrize(("source_language", "target_language", "source", "target"), CLEAN)
def test_a_good_translation_matches(
    source_language: str, target_language: str, source: str, target: str
) -> None:
    assert matched(source, source_language, target, target_language)
    assert matched(target, target_language, source, source_language)


@pytest.mark.parametrize(("source_language", "target_language", "source", "target"), WRONG)
def test_a_wrong_one_does_not(source_language: str, target_language: str, source: str, target: str) -> None:
    assert not matched(source, source_language, target, target_language)
    assert not matched(target, target_language, source, source_language)
