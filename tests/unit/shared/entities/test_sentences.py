"""What callers and agents say is read for what it is, in five languages."""

from __future__ import annotations

import pytest

from services.shared.entities.extraction import entities

ENGLISH = [
    ("My account number is four two seven", "digits 427"),
    ("Please call (341) 351-5158", "phone 3413515158"),
    ("You can reach me at 341-351-5158", "phone 3413515158"),
    ("The card is 4111 1111 1111 1111", "card 4111111111111111"),
    ("The protocol is 4111111111111112", "digits 4111111111111112"),
    ("My social is 536-90-4399", "document 536904399"),
    ("Order XK-4471, code A B C 1 2", "code XK4471, code ABC12"),
    ("Your IVR is down", ""),
    ("It was $1,234.50, or 125 dollars and 50 cents", "money 1234.50, money 125.50 USD"),
    ("$1,234 and 50 cents, at two, two thirty pm", "money 1234.50, time 14:30"),
    ("one and a half million in the 2008 400 Richest", "number 1500000, number 2008, number 400"),
    ("a 1.5 million dollars loan and $2.5k", "money 1500000 USD, money 2500"),
    ("twelve percent, 12.5%", "percent 12, percent 12.5"),
    ("on March 5th, 2026 or the 5th of March", "date 2026-03-05, date --03-05"),
    ("by 03/05/2026, or from March 5 to 7", "date 2026-03-05, date --03-05, date --03-07"),
    ("I may 5 times march 10 miles", "number 5, number 10"),
    ("at 2:30 pm, at two thirty pm, at 9 am", "time 14:30, time 14:30, time 09:00"),
    ("half past two, then a quarter to five in the afternoon", "time 02:30, time 16:45"),
    ("write to John.Smith@example.com", "email john.smith@example.com"),
    ("john dot smith at example dot com", "email john.smith@example.com"),
    ("My name is John O'Brien and this is Mary Lee speaking", "name John O'Brien, name Mary Lee"),
    ("Mr. Smith's bill; Mr. President", "name Smith"),
    ("in the 80s and the 1990s", "number 1980, number 1990"),
    ("four dozen", "number 48"),
    ("IBAN DE89 3704 0044 0532 0130 00", "document DE89370400440532013000"),
]
SPANISH = [
    ("Mi DNI es 12345678Z", "document 12345678Z"),
    ("a las dos y media, a las tres menos cuarto de la tarde", "time 02:30, time 14:45"),
    ("el 5 de marzo de 2026 y el 05/03/2026", "date 2026-03-05, date 2026-03-05"),
    ("son 1.234,50 € y cinco euros con veinte céntimos", "money 1234.50 EUR, money 5.20 EUR"),
    ("me llamo Juan Pérez, y la Sra. García", "name Juan Pérez, name García"),
    ("juan arroba example punto com", "email juan@example.com"),
    ("el veinte por ciento", "percent 20"),
    ("en los años 80", "number 1980"),
]
PORTUGUESE = [
    ("O protocolo é meia dois três zero", "digits 6230"),
    ("CPF 390.533.447-05, ou 390.533.447-06", "document 39053344705, digits 39053344706"),
    (
        "R$ 1.234,50, cem mil reais, 5 reais e 20 centavos",
        "money 1234.50 BRL, money 100000 BRL, money 5.20 BRL",
    ),
    ("dia 5 de março de 2026, às 14h30", "date 2026-03-05, time 14:30"),
    ("às duas e meia da tarde, das 8h às 18h", "time 14:30, time 08:00, time 18:00"),
    ("de 5 a 7 de março", "date --03-05, date --03-07"),
    ("foi um marco para 3 deles", "number 3"),
    ("ligue para +55 11 99887-7766", "phone +5511998877766"),
    ("ana ponto silva arroba example ponto com", "email ana.silva@example.com"),
    ("aqui é a Ana Souza, e a Dona Maria", "name Ana Souza, name Maria"),
    ("13.º andar, 12,5 por cento", "number 13, percent 12.5"),
]
FRENCH = [
    ("le 1er mars à quinze heures trente", "date --03-01, time 15:30"),
    ("5 euros 50, 1 234,50 €", "money 5.50 EUR, money 1234.50 EUR"),
    ("quatre-vingt-dix-sept pour cent", "percent 97"),
    ("je m'appelle Claire Dupont, bonjour Mme Petit", "name Claire Dupont, name Petit"),
    ("cinq heures moins le quart", "time 04:45"),
    ("50 cents, 200 cents, trois cents euros", "money 0.50, money 2, money 300 EUR"),
]
ITALIAN = [
    ("il 5 marzo alle tre e un quarto", "date --03-05, time 03:15"),
    ("alle 14.30 con il Sig. Rossi", "time 14:30, name Rossi"),
    ("ventitré euro e cinquanta centesimi", "money 23.50 EUR"),
    ("mario chiocciola example punto it", "email mario@example.it"),
    ("RSSMRA85T10A562S", "document RSSMRA85T10A562S"),
]
OTHERS = [
    ("de", "Am 05.03.2026 um 14:30 zahlen Sie 1.234,50 €", "date 2026-03-05, time 14:30, money 1234.50 EUR"),
    ("ja", "コードは427です", "number 427"),
    ("xx", "12.5% 4111111111111111", "percent 12.5, card 4111111111111111"),
]
ALL = [
    *(("en", *each) for each in ENGLISH),
    *(("es-ES", *each) for each in SPANISH),
    *(("pt-BR", *each) for each in PORTUGUESE),
    *(("fr", *each) for each in FRENCH),
    *(("it", *each) for each in ITALIAN),
    *OTHERS,
]


@pytest.mark.parametrize(("language", "text", "expected"), ALL)
def test_a_sentence_of_a_call_has_these_entities(language: str, text: str, expected: str) -> None:
    found = [f"{each.kind} {each.value}" for each in entities(text, language) if not each.weak]
    assert ", ".join(found) == expected
