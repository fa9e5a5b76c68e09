"""Texts made comparable: what was said with what was heard, or a transcript with its reference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from services.shared.entities.figures import APOSTROPHES, quantity, thousands
from services.shared.entities.habits import habits
from services.shared.entities.numerals import numerals

# A pass drops punctuation, and numbers that it kept apart join in the next one; two or three are the rule.
_PASSES = 12

_ORDINAL = "º"
_WORD = re.compile(r"r\$|us\$|[$€£¥%]|[^\W_]+(?:'[^\W_]+)*")
_HALF_DAY = re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE)
_FULL_HOUR = re.compile(r"(?<![\d:])([01]?\d|2[0-3]):00(?![\d:])")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_SIGNS = {"r$": "brl", "us$": "usd", "$": "usd", "€": "eur", "£": "gbp", "¥": "jpy"}
_CODES = {code: code for code in (*_SIGNS.values(), "pesos")}
_PESOS = re.compile("es[-_](?:mx|ar|cl|co|uy|do|cu)", re.IGNORECASE)  # where "$" is a peso
_PLUS = re.compile(r"\+(?=\s?\(?\d)")
_AFTERNOON = r"(?<![\d.,])([1-9]|1[01])(?: h)?(?: e ([0-5]\d))? "
_NOON = 12


def normalised(text: str, language: str) -> str:
    """The words of a text in small letters and its numbers in digits, with single spaces between.

    Accents and apostrophes within words stay. "twenty three" becomes "23", "four, two seven" "427", and
    "fifteenth" "15º", "$5.50" and "five dollars and fifty cents" "5.5 usd", "ten per cent" "10 %", "2 p.m."
    "2 pm", and "8:00" "8", as it is said. Whole numbers with nothing but punctuation between them are written
    together. An ordinal beside a month is its number. To normalise twice changes nothing.
    """
    text = unicodedata.normalize("NFC", text)
    for _ in range(_PASSES):
        before, text = text, _pass(text, language)
        if text == before:
            break
    return text


def _pass(text: str, language: str) -> str:
    words = " ".join(_words(text, language))
    for pattern, replacement in _before_units(language):
        words = pattern.sub(replacement, words)
    words = " ".join(
        _units(words.split(), habits(language).names, "pesos" if _PESOS.match(language) else "usd")
    )
    for pattern, replacement in _after_units(language):
        words = pattern.sub(replacement, words)
    words = re.sub(rf"{_AFTERNOON}(?:{habits(language).afternoon})\b", _of_24, words)
    return " ".join(_joined(words.split()))


def _words(text: str, language: str) -> list[str]:
    text = _HALF_DAY.sub(r"\1m", _FULL_HOUR.sub(r"\1", text.replace(APOSTROPHES[1], "'")))
    if plus := habits(language).plus:
        text = _PLUS.sub(f" {plus} ", text)
    found: list[str] = []
    place = 0
    for numeral in numerals(text, language):
        found += _WORD.findall(text[place : numeral.start].lower())
        found.append(_written(numeral.value, language) + (_ORDINAL if numeral.ordinal else ""))
        place = numeral.end
    return found + _WORD.findall(text[place:].lower())


def _written(value: str, language: str) -> str:
    """A decimal as the language has it, so that it is read again as it was."""
    if "." not in value:
        return value
    written = value if thousands(language) == "," else value.replace(".", ",")
    again = quantity(written.removeprefix("-"), thousands(language))
    return written if str(again) == value.removeprefix("-") else written + "0"


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


@lru_cache
def _before_units(language: str) -> list[tuple[re.Pattern[str], str]]:
    own = habits(language)
    months = rf"\b(?:{own.months})\b"
    names = "|".join(own.names) or "(?!)"
    return [
        (re.compile(rf"\b(?:{own.percent})\b"), "%"),
        (re.compile(rf"(?<=\d) (?:{own.of}) (?=(?:{names})\b)"), " "),
        (re.compile(rf"{_ORDINAL}(?=(?: (?:{own.of}))? {months})"), ""),
        (re.compile(rf"({months}(?: the)? \d+){_ORDINAL}"), r"\1"),
    ]


@lru_cache
def _after_units(language: str) -> list[tuple[re.Pattern[str], str]]:
    own = habits(language)
    mark = "." if thousands(language) == "," else ","
    amount = rf"(?<![\d.,])(\d+) ({'|'.join(_CODES)})(?: (?:{own.also}))?"
    cents = rf"(?: (?:{own.cents}))\b"
    return [
        (re.compile(rf"{amount} 0?([1-9]){cents}"), rf"\1{mark}0\3 \2"),
        (re.compile(rf"{amount} ([1-9])0{cents}"), rf"\1{mark}\3 \2"),
        (re.compile(rf"{amount} (\d\d){cents}"), rf"\1{mark}\3 \2"),
        (re.compile(rf"(\d h) (?:{own.also}) (?=\d)"), r"\1 "),
        *((re.compile(said), short) for said, short in own.clock),
    ]


def _of_24(match: re.Match[str]) -> str:
    hour, minutes = int(match[1]) + _NOON, match[2]
    return f"{hour} e {minutes}" if minutes else f"{hour} h"


def _units(words: Sequence[str], names: dict[str, str], dollar: str) -> list[str]:
    """Currencies behind their amounts, by their codes, and other units by their short forms."""
    found: list[str] = []
    sign = ""
    for word, following in pairwise((*words, "")):
        amount = bool(found) and _is_number(found[-1])
        code = dollar if word == "$" else _SIGNS.get(word) or _CODES.get(word)
        if code and not amount and _is_number(following):
            sign = code
            continue
        found.append(code or (names.get(word, word) if amount else word))
        if sign:
            found.append(sign)
            sign = ""
    return found


def _joined(words: Sequence[str]) -> list[str]:
    """Whole numbers side by side as one."""
    found: list[str] = []
    for word in words:
        if word.isdecimal() and found and found[-1].isdecimal():
            found[-1] += word
        else:
            found.append(word)
    return found
