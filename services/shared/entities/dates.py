"""Reads dates: in digits, in the order of the language, or with the name of a month."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import N, Page

# By language: the names of the months, folded, the one to write first.
MONTHS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "january|jan", "february|feb", "march|mar", "april|apr", "may", "june|jun", "july|jul", "august|aug",
        "september|sept|sep", "october|oct", "november|nov", "december|dec",
    ),
    "es": (
        "enero|ene", "febrero|feb", "marzo|mar", "abril|abr", "mayo|may", "junio|jun", "julio|jul",
        "agosto|ago", "septiembre|setiembre|sept|sep", "octubre|oct", "noviembre|nov", "diciembre|dic",
    ),
    "pt": (
        "janeiro|jan", "fevereiro|fev", "marco|mar", "abril|abr", "maio|mai", "junho|jun", "julho|jul",
        "agosto|ago", "setembro|set", "outubro|out", "novembro|nov", "dezembro|dez",
    ),
    "fr": (
        "janvier|janv", "fevrier|fevr", "mars", "avril|avr", "mai", "juin", "juillet|juil", "aout",
        "septembre", "octobre|oct", "novembre|nov", "decembre|dec",
    ),
    "it": (
        "gennaio|gen", "febbraio|feb", "marzo|mar", "aprile|apr", "maggio|mag", "giugno|giu", "luglio|lug",
        "agosto|ago", "settembre|set", "ottobre|ott", "novembre|nov", "dicembre|dic",
    ),
}  # fmt: skip
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_YEARS: Final = range(1000, 3000)
_DAY_FIRST_ENGLISH: Final = frozenset(("gb", "au", "nz", "ie", "za", "in"))
_CENTURY_OF: Final = 69  # "68" is 2068 and "69" 1969, as in POSIX

_FULL: Final = re.compile(r"(?<![\w/.,-])(\d{4}|\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?![\w/]|[-.,]\d)")
_SHORT: Final = re.compile(
    r"(?:(?<![\w/.,-])|\b(?:on|by|until|dia|em|el|hasta|le|au|il|al|entro) )"
    r"(?<!\d)(\d{1,2})/(\d{1,2})(?![\w/]|[-.,]\d| (?:of|de|di)\b)"
)  # fmt: skip
_NUMERIC_HINT: Final = re.compile(r"\d[-/.]\d")
_WORD: Final = re.compile(r"[^\W\d_]+")
_RANGE: Final = r" ?(?:-|\u2013|to|until|through|and|or|a|ao|al|au|e|y|et|ed|o|u|ou) ?"
_SUFFIX: Final = r"(?:st|nd|rd|th|er|\u00ba|\u00aa|\u00b0|[oa]\b)?"
_OF: Final = r"(?:[ .-]+(?:day )?(?:of |de |del |di |d')?| ?d')"


def month_first(tag: str) -> bool:
    """Whether "03/05" is the fifth of March in a language."""
    language, _, region = tag.lower().partition("-")
    return language == "en" and region not in _DAY_FIRST_ENGLISH


def iso(year: int | None, month: int, day: int | None) -> str | None:
    """Return a date as ISO 8601 writes it, without what is not known; None for one that is not."""
    if not 1 <= month <= len(_DAYS) or (day is not None and not 1 <= day <= _DAYS[month - 1]):
        return None
    if year is None:
        return f"--{month:02}-{day:02}" if day is not None else None
    return f"{year:04}-{month:02}" + (f"-{day:02}" if day is not None else "")


def read_numeric_dates(page: Page) -> None:
    """Take dates in digits alone: 03/05/2026, 5.3.2026, 2026-03-05, 05/03."""
    if not _NUMERIC_HINT.search(page.plain):
        return
    for match in _FULL.finditer(page.plain):
        if value := _full(page, match):
            page.take(Kind.DATE, value, *match.span())
    for match in _SHORT.finditer(page.plain):
        if value := _short(page, match):
            page.take(Kind.DATE, value, match.start(1), match.end())


def read_dates(page: Page) -> None:
    """Take dates with the name of a month."""
    months = _month_numbers(page.language)
    if months.keys().isdisjoint(_WORD.findall(page.plain)):
        return
    pattern, at = _worded(page.language), 0
    while match := pattern.search(page.plain, at):
        if (match["day"] or match["third"]) and not _no_month(page, match):
            _take_worded(page, match)
        at = match.end("month")


def _full(page: Page, match: re.Match[str]) -> str | None:
    first, separator, second, third = match.groups()
    if len(first) == len("2026"):
        return iso(int(first), int(second), int(third)) if len(third) == len("05") else None
    short = len(third) == len("26")
    if short and (separator == "-" or (separator == "." and match.end() - match.start() < len("05.03.26"))):
        return None
    year = int(third) + (0 if not short else 2000 if int(third) < _CENTURY_OF else 1900)
    return _ordered(page, int(first), int(second), year) if year in range(1500, 2200) else None


def _short(page: Page, match: re.Match[str]) -> str | None:
    cued = match.start(1) != match.start()
    padded = "0" in (match[1][0], match[2][0]) and len(match[1]) == len(match[2])
    return _ordered(page, int(match[1]), int(match[2]), None) if cued or padded else None


def _ordered(page: Page, first: int, second: int, year: int | None) -> str | None:
    month, day = (first, second) if month_first(page.tag) else (second, first)
    return iso(year, month, day) or iso(year, day, month)


@lru_cache
def _worded(language: str) -> re.Pattern[str]:
    months = "|".join(sorted("|".join(MONTHS[language]).split("|"), key=len, reverse=True))
    return re.compile(
        rf"(?:(?:(?P<first>{N}){_SUFFIX}(?:{_OF})?{_RANGE})?(?P<day>{N}){_SUFFIX}{_OF})?"
        rf"\b(?P<month>{months})\b\.?"
        rf"(?:,? (?:the |of |de |del |di |du )?(?P<third>{N}){_SUFFIX}(?:{_RANGE}(?P<last>{N}){_SUFFIX})?)?"
        rf"(?:,? (?:of |de |del )?(?P<fourth>{N}))?"
    )


@lru_cache
def _month_numbers(language: str) -> dict[str, int]:
    return {name: at for at, names in enumerate(MONTHS.get(language, ()), 1) for name in names.split("|")}


def _no_month(page: Page, match: re.Match[str]) -> bool:
    """Whether it is the verb "may" or "march" before a number, or "marco" (a mark) without "de"."""
    name, written = match["month"], page.text[match.start("month") : match.end("month")]
    if name == "marco":
        return written == name and not page.plain[: match.start("month")].endswith(" de ")
    return not match["day"] and name in {"may", "march", "mar"} and written.islower()


def _value(page: Page, match: re.Match[str], group: str, among: range) -> int | None:
    """Return the number of a group, where it is a whole one among those."""
    number = page.at(match, group) if match[group] else None
    return int(number.value) if number and number.value.isdecimal() and int(number.value) in among else None


def _take_worded(page: Page, match: re.Match[str]) -> None:
    month = _month_numbers(page.language)[match["month"]]
    if _value(page, match, "day", range(1, 32)):
        _take_day_first(page, match, month)
    elif (year := _value(page, match, "third", _YEARS)) and (value := iso(year, month, None)):
        page.take(Kind.DATE, value, match.start("month"), match.end("third"))
    elif page.language == "en" and _value(page, match, "third", range(1, 32)):
        _take_month_first(page, match, month)


def _take_day_first(page: Page, match: re.Match[str], month: int) -> None:
    """Take "5" and "7 March 2026" of "5 to 7 March 2026"."""
    year = _value(page, match, "third", _YEARS)
    earlier, later = (_value(page, match, group, range(1, 32)) for group in ("first", "day"))
    if value := iso(year, month, later):
        page.take(Kind.DATE, value, match.start("day"), match.end("third") if year else match.end("month"))
    if earlier and (value := iso(year, month, earlier)):
        page.take(Kind.DATE, value, match.start("first"), match.end("first"))


def _take_month_first(page: Page, match: re.Match[str], month: int) -> None:
    """Take "March 5" and "7, 2026" of "March 5 to 7, 2026"."""
    year = _value(page, match, "fourth", _YEARS)
    day, last = (_value(page, match, group, range(1, 32)) for group in ("third", "last"))
    end = match.end("fourth") if year else match.end("last") if last else match.end("third")
    cut = match.end("third") if last else end
    if value := iso(year, month, day):
        page.take(Kind.DATE, value, match.start("month"), cut)
    if last and (value := iso(year, month, last)):
        page.take(Kind.DATE, value, match.start("last"), end)
