"""Reads amounts of money and percentages."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from services.shared.entities.currencies import CENTS, NAMES, SIGNS
from services.shared.entities.kinds import Kind
from services.shared.entities.numerals import Numeral
from services.shared.entities.page import N, Page

# What stands after an amount and its sign: "$5k", "R$ 2 bi"; by powers of ten.
_SCALES: Final = {
    "k": 3,
    "m": 6,
    "mn": 6,
    "mio": 6,
    "bn": 9,
    "b": 9,
    "md": 9,
    "mds": 9,
    "mrd": 9,
    "bi": 9,
    "tn": 12,
}
_PERCENT: Final = re.compile(
    r" ?(?:%|(?:per ?cent|percent|por ?cien(?:to)?|por cento|pour ?cent|per cento|pct)\b)"
)
_SIGN: Final = "|".join(
    re.escape(each) + ("(?![a-z])" if each.isalpha() else "") for each in sorted(SIGNS, key=len, reverse=True)
)
_BEFORE: Final = re.compile(rf"(?<![\w$])({_SIGN}) ?\Z")
_LONGEST_SIGN: Final = max(map(len, SIGNS)) + 2
_AND: Final = r",? (?:(?:and|e|y|con|com|et) )?"
_CENTS_IN_ONE: Final = 100


def read_amounts(page: Page) -> None:
    """Take money and percentages: $5, R$ 1.234,50, 125 dollars and 50 cents, cem mil reais, 12.5%."""
    for start, number in page.numbers.items():
        if not page.has(number) or (number.spelled and number.value.startswith("0") and number.value != "0"):
            continue
        if percent := _PERCENT.match(page.plain, number.end):
            page.take(Kind.PERCENT, number.value, start, percent.end())
        else:
            _take_money(page, number)


def amount(value: Decimal, code: str) -> str:
    """Return the value of an entity of money: "5 USD", "1234.50"."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    one_place = len(text.partition(".")[2]) == 1
    return f"{text + '0' if one_place else text} {code}".rstrip()


def _take_money(page: Page, number: Numeral) -> None:
    start, end, value = number.start, number.end, Decimal(number.value)
    before = _BEFORE.search(page.plain, max(0, start - _LONGEST_SIGN), start)
    after = _after(page.language).match(page.plain, end)
    code = _code(after)
    if before:
        scale = after["scale"] if after else None
        sign = SIGNS[before[1]]
        end = after.end() if after and (code is not None or scale) else end
        cents, end = _cents(page, end, named=True) if number.value.isdecimal() else (Decimal(0), end)
        whole = _scaled(value, scale) + cents if cents else _scaled(value, scale)
        page.take(Kind.MONEY, amount(whole, sign or code or ""), before.start(), end)
    elif after and code is not None:
        cents, end = _cents(page, after.end())
        value = _scaled(value, after["scale"])
        total = amount(value + cents if cents else value, code)
        page.take(
            Kind.MONEY, total, start, end, weak=number.words and value == 1
        )  # "um peso" is a weight, too
    elif word := _only_cents(page.language).match(page.plain, end):
        one = number.words and value == 1
        page.take(Kind.MONEY, amount(value / _CENTS_IN_ONE, ""), start, word.end(), weak=one)


def _scaled(value: Decimal, scale: str | None) -> Decimal:
    return value.scaleb(_SCALES[scale]) if scale else value


def _code(after: re.Match[str] | None) -> str | None:
    """Return the currency that is named after a number; "" for "$" and None where none is."""
    if after is None:
        return None
    if after["sign"]:
        return SIGNS[after["sign"]]
    return next((name for name, found in after.groupdict().items() if found and name.isupper()), None)


def _cents(page: Page, at: int, *, named: bool = False) -> tuple[Decimal, int]:
    """Return the hundredths that follow an amount in units, perhaps only if they are named, and their end."""
    match = _more(page.language).match(page.plain, at)
    match = None if match and named and not match["word"] else match
    number = page.at(match, "cents") if match else None
    if match is None or number is None or not number.value.isdecimal() or int(number.value) >= _CENTS_IN_ONE:
        return Decimal(0), at
    return Decimal(number.value) / _CENTS_IN_ONE, match.end()


@lru_cache
def _after(language: str) -> re.Pattern[str]:
    scales = "|".join(sorted(_SCALES, key=len, reverse=True))
    names = "|".join(f"(?P<{code}>(?:{name})\\b)" for name, code in _first(NAMES.get(language, {})))
    named = rf"|(?:[ -]|,? (?:de |di )|,? d'){'(?:' + names + ')'}" if names else ""
    return re.compile(rf"(?: ?(?P<scale>{scales})\b)?(?: ?(?P<sign>{_SIGN})(?!\w){named})?")


def _first(names: dict[str, str]) -> list[tuple[str, str]]:
    """Return the names of currencies, each code once."""
    by_code: dict[str, list[str]] = {}
    for name, code in names.items():
        by_code.setdefault(code, []).append(name)
    return [("|".join(each), code) for code, each in by_code.items()]


@lru_cache
def _more(language: str) -> re.Pattern[str]:
    word = CENTS.get(language, "$^")
    return re.compile(rf"{_AND}(?P<cents>{N})(?: (?P<word>{word})\b|(?= ?(?:[.,;:!?]|$)))")


@lru_cache
def _only_cents(language: str) -> re.Pattern[str]:
    return re.compile(rf" (?:{CENTS.get(language, '$^')})\b")
