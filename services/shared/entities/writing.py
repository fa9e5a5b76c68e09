"""Writes an entity as another language does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from services.shared.entities.clocks import part_of_day
from services.shared.entities.dates import MONTHS, month_first
from services.shared.entities.formats import Format, format_of
from services.shared.entities.kinds import IDENTIFIERS, Entity, Kind
from services.shared.entities.numerals import numerals
from services.shared.entities.page import base, folded

# The names of months that are written with an accent or a capital; dates.py has them folded.
_ACCENTED: Final = {"marco": "março", "fevrier": "février", "aout": "août", "decembre": "décembre"}
_SIGNS: Final = {"EUR": "\u20ac", "GBP": "\u00a3", "BRL": "R$", "JPY": "\u00a5", "INR": "\u20b9"}
_CENTS: Final = {"en": "cents", "es": "centavos", "pt": "centavos", "fr": "centimes", "it": "centesimi"}
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_NUMERIC_DATE: Final = re.compile(r"(\d+)([-/.])(\d+)(?:\2(\d+))?")
_CLOCK_OF_24: Final = re.compile(r"\d\d?[:.]\d\d")
_NOON: Final = 12
_THOUSAND: Final = 1000
_DECIMALS: Final = re.compile(r"(\d[\d.,' \u00a0\u202f]*)[.,](\d+)\D*")
_GROUPED_FROM: Final = 10_000  # a number in words of fewer digits is written without groups, like a year
_GROUPED: Final = re.compile(r"\d[.,' \u00a0\u202f\u2009]\d{3}(?!\d)")


def written(entity: Entity, source_language: str, target_language: str) -> str:
    """Return what stands for an entity in a text of another language.

    Args:
        entity: Of a text in the source language.
        source_language: BCP-47.
        target_language: BCP-47; one whose formats are not known gets plain values, or the text as it is where
            that has no letters.
    """
    habits = format_of(target_language)
    if entity.kind in IDENTIFIERS:
        return _identifier(entity, source_language)
    if entity.kind in (Kind.EMAIL, Kind.NAME):
        return entity.value
    if habits is None:
        plain = entity.kind is Kind.TIME or (entity.kind is Kind.DATE and month_first(source_language))
        return entity.value if plain or any(map(str.isalpha, entity.text)) else entity.text
    return _WRITERS[entity.kind](entity, _Way(source_language, target_language, habits))


@dataclass(frozen=True, slots=True)
class _Way:
    """From which language to which, and the habits of that."""

    source: str
    target: str
    habits: Format


def _identifier(entity: Entity, source_language: str) -> str:
    """Return an identifier as it is written; one that is said, as its digits and letters."""
    if entity.kind is Kind.CODE:
        return entity.value if any(map(str.isspace, entity.text)) else entity.text
    if not _WORD.search(entity.text):
        return entity.text
    return _as_list(entity, source_language) or entity.value


def _as_list(entity: Entity, language: str) -> str | None:
    """Return the groups of a number that may also be a list of quantities: "21, 67, 11"."""
    parts = [numerals(part, language) for part in entity.text.split(",")]
    values = [each.value for part in parts for each in part if not each.spelled]
    groups = len(values) == len(parts) and max(map(len, values)) > 1
    return ", ".join(values) if groups and "".join(values) == entity.value else None


def _is_grouped(entity: Entity) -> bool:
    """Whether thousands are set apart, in the text or because it has words for them."""
    if _GROUPED.search(entity.text):
        return True
    in_words = not any(map(str.isdecimal, entity.text)) or any(map(str.isalpha, entity.text))
    return in_words and Decimal(entity.value.partition(" ")[0]) >= _GROUPED_FROM


def _decimals(entity: Entity) -> str:
    """Return the value of a number with the zeros at its end that the text has."""
    match = _DECIMALS.fullmatch(entity.text)
    whole, _, decimals = entity.value.partition(".")
    as_shown = (
        match and "".join(filter(str.isdecimal, match[1])) == whole and match[2].rstrip("0") == decimals
    )
    return f"{whole}.{match[2]}" if match and as_shown else entity.value


def _number(value: str, habits: Format, *, grouped: bool) -> str:
    whole, _, decimals = value.partition(".")
    if grouped:
        whole = f"{int(whole):,}".replace(",", habits.group)
    return whole + (habits.decimal + decimals if decimals else "")


def _percentage(entity: Entity, way: _Way) -> str:
    return _number(_decimals(entity), way.habits, grouped=_is_grouped(entity)) + way.habits.percent


def _quantity(entity: Entity, way: _Way) -> str:
    text = _number(_decimals(entity), way.habits, grouped=_is_grouped(entity))
    found = numerals(entity.text, way.source)
    if not (found and found[0].ordinal):
        return text
    english = base(way.target) == "en"
    return text + (_english_ordinal(int(Decimal(entity.value))) if english else way.habits.ordinal)


def _english_ordinal(number: int) -> str:
    teens = range(11, 14)
    return "th" if number % 100 in teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _money(entity: Entity, way: _Way) -> str:
    amount, _, code = entity.value.partition(" ")
    if not code and "$" not in entity.text:
        return f"{Decimal(amount) * 100:.0f} {_CENTS[base(way.target)]}"
    text = _number(amount, way.habits, grouped=Decimal(amount) >= _THOUSAND)
    american = code == "USD" or (not code and base(way.source) == "en")
    sign = way.habits.dollar if american else _SIGNS.get(code, code or "$")
    return f"{text} {sign}" if sign.isalpha() else way.habits.money.format(sign=sign, amount=text)


def _date(entity: Entity, way: _Way) -> str:
    year, month, day = _parts(entity.value)
    if day and re.fullmatch(r"\d{1,2}\D{0,2}", entity.text):
        return str(day)  # "5" of "5 to 7 March"
    if numeric := _NUMERIC_DATE.fullmatch(entity.text):
        return _numeric_date(numeric, (month, day or 0), way.habits)
    language = base(way.target)
    name = MONTHS[language][month - 1].partition("|")[0]
    name = name.capitalize() if language == "en" else _ACCENTED.get(name, name)
    form = way.habits.month_year if day is None else way.habits.day_month if year is None else way.habits.date
    return form.format(day=day, month=name, year=year)


def _parts(value: str) -> tuple[int | None, int, int | None]:
    if value.startswith("--"):
        return None, int(value[2:4]), int(value[5:])
    year, month, *day = (int(each) for each in value.split("-"))
    return year, month, day[0] if day else None


def _numeric_date(match: re.Match[str], of: tuple[int, int], habits: Format) -> str:
    """Return a date in digits in the order of the target, with the separator and the padding that it had."""
    first, separator, second, last = match.groups()
    if len(first) == len("2026"):
        return match.group()
    padded = first.startswith("0") or second.startswith("0")
    month, day = (f"{each:02}" if padded else str(each) for each in of)
    return separator.join(
        [*((month, day) if habits.month_first else (day, month)), *([last] if last else [])]
    )


def _time(entity: Entity, way: _Way) -> str:
    hour, minutes, *seconds = entity.value.split(":")
    if seconds:
        return entity.value
    half_known = int(hour) > _NOON or re.search(part_of_day(base(way.source)), folded(entity.text))
    if way.habits.twelve and half_known and not _CLOCK_OF_24.fullmatch(entity.text):
        exact = f":{minutes}" if minutes != "00" else ""
        return f"{int(hour) % _NOON or _NOON}{exact} {'pm' if int(hour) >= _NOON else 'am'}"
    if way.habits.clock == "h":
        return f"{int(hour)}h" + (minutes if minutes != "00" else "")
    return f"{int(hour)}:{minutes}"


_WRITERS: Final[dict[Kind, Callable[[Entity, _Way], str]]] = {
    Kind.NUMBER: _quantity,
    Kind.PERCENT: _percentage,
    Kind.MONEY: _money,
    Kind.DATE: _date,
    Kind.TIME: _time,
}
