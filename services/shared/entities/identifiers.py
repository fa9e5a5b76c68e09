"""Tells what a row of digits identifies: a phone, a payment card, a document, or nothing provable."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import Page, base

# Documents by their format, and the module of python-stdnum that proves one. The formats of digits alone are
# rows of digits even where their check digits are wrong.
_DOCUMENTS: Final = {
    "cpf": (r"\d{3}\.\d{3}\.\d{3}-\d\d", "stdnum.br.cpf"),
    "cnpj": (r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d", "stdnum.br.cnpj"),
    "ssn": (r"\d{3}-\d\d-\d{4}", "stdnum.us.ssn"),
    "dni": (r"\d{8}[- ]?[a-z]", "stdnum.es.dni"),
    "nie": (r"[xyz][- ]?\d{7}[- ]?[a-z]", "stdnum.es.nie"),
    "codicefiscale": (r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]", "stdnum.it.codicefiscale"),
    "iban": (r"[a-z]{2}\d\d(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?", "stdnum.iban"),
}
_DIGITS_ALONE: Final = frozenset(("cpf", "cnpj", "ssn"))
_FORMS: Final = "|".join(f"(?P<{name}>{form})" for name, (form, _) in _DOCUMENTS.items())
_FORMATTED: Final = re.compile(rf"(?<![\w.,/-])(?:{_FORMS})(?![\w/]|[-.,]\w)")
_FORMATTED_HINT: Final = re.compile(r"\d(?:[.-]\d\d|\d{6}|(?<=[a-z]\d)\d)")
_PHONE: Final = re.compile(r"(?<![\w+.])(?:\+ ?\d|(?:\+? ?\d{1,3} ?)?\(\+?\d{1,4}\))[\d .()-]{4,18}\d(?!\w)")
_PHONE_DIGITS: Final = range(7, 16)
_PLUS: Final = re.compile(r"\b(?:plus|mas|mais|piu) \Z")
_REGIONS: Final = {"en": ("US", "GB"), "es": ("ES", "MX"), "pt": ("BR", "PT"), "fr": ("FR",), "it": ("IT",)}
_CALLED: Final = re.compile(
    r"\b(?:phone|call|number is|mobile|cell|reach|tel|telefon[eoi]|telephone|celular|ligu?[eo]|ligar|llam\w+"
    r"|movil|numero|appele[rz]|portable|chiam\w+|cellulare|whatsapp|fax)\b"
)
_CONTEXT: Final = 60  # characters before a number in which a word may say that it is a phone's
_NIF: Final = re.compile(r"\b(?:nif|contribuinte)\b")
_CARD: Final = re.compile(r"[2-6]\d{12,18}")
_CPF_DIGITS, _CNPJ_DIGITS, _NIF_DIGITS = 11, 14, 9


def read_written_identifiers(page: Page) -> None:
    """Take what its format shows: documents, IBANs, and phones with a + or an area code in brackets."""
    for match in _FORMATTED.finditer(page.plain) if _FORMATTED_HINT.search(page.plain) else ():
        name, text = match.lastgroup or "", page.text[match.start() : match.end()]
        if " " in text and not text.isupper():
            continue  # "12345678 e ..." is a number and a word
        if _proven(_DOCUMENTS[name][1], match.group()):
            page.take(Kind.DOCUMENT, _compact(match.group()), *match.span())
        elif name in _DIGITS_ALONE:
            page.take(Kind.DIGITS, _compact(match.group()), *match.span())
    for match in _PHONE.finditer(page.plain) if "+" in page.plain or "(" in page.plain else ():
        value = ("+" if "+" in match.group() else "") + _compact(match.group())
        if len(value.lstrip("+")) in _PHONE_DIGITS:
            phone = _is_phone(value, page.tag)
            page.take(Kind.PHONE if phone else Kind.DIGITS, value, *match.span())


def read_digits(page: Page) -> None:
    """Take the numbers that were said or written digit by digit."""
    for number in page.numbers.values():
        if number.spelled and page.has(number):
            plus = _PLUS.search(page.plain, max(0, number.start - 6), number.start)
            start = plus.start() if plus else number.start
            value = ("+" if plus else "") + number.value
            page.take(_kind(page, value, number.start, number.text), value, start, number.end)


def _kind(page: Page, value: str, start: int, text: str) -> Kind:
    before = page.plain[max(0, start - _CONTEXT) : start]
    if _is_card(value):
        return Kind.CARD
    grouped = any(each in text for each in "-.( ") and any(map(str.isdecimal, text))
    phone = value.startswith("+") or grouped or _CALLED.search(before)
    if len(value.lstrip("+")) in _PHONE_DIGITS and phone and _is_phone(value, page.tag):
        return Kind.PHONE
    return Kind.DOCUMENT if _is_document(value, before) else Kind.DIGITS


def _is_document(value: str, before: str) -> bool:
    if len(value) == _NIF_DIGITS and _NIF.search(before):
        return _proven("stdnum.pt.nif", value)
    return (len(value) == _CPF_DIGITS and _proven("stdnum.br.cpf", value)) or (
        len(value) == _CNPJ_DIGITS and _proven("stdnum.br.cnpj", value)
    )


def _is_card(value: str) -> bool:
    return _CARD.fullmatch(value) is not None and _proven("stdnum.luhn", value)


def _compact(text: str) -> str:
    return "".join(filter(str.isalnum, text)).upper()


def _proven(module: str, text: str) -> bool:
    """Whether check digits prove a document. Its module is loaded when one is first met."""
    return bool(import_module(module).is_valid(text))


@lru_cache(maxsize=512)
def _is_phone(value: str, tag: str) -> bool:
    """Whether a number is one that a country of the language, or with a + any, gives out."""
    import phonenumbers  # noqa: PLC0415 - slow to load, and most texts have no phone

    region = tag.replace("_", "-").partition("-")[2].upper()
    regions = [*([region] if len(region) == len("BR") else []), *_REGIONS.get(base(tag), ("US",))]
    for each in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(value, each)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
