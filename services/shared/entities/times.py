"""Reads times of day as they are said: half past two, las dos y media, quinze heures trente."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from services.shared.entities.clocks import of_24, part_of_day
from services.shared.entities.kinds import Kind
from services.shared.entities.numerals import Numeral
from services.shared.entities.page import N, Page

_H: Final = rf"(?P<h>{N}|un[ae]\b|uma\b)"  # "a la una": no word but this has a letter before an hour
_M: Final = rf"(?P<m>{N})"
_LESS: Final = rf"(?P<less>{N})"
_ES: Final = rf"\blas? {_H}"
_PT: Final = rf"\b(?:as|a|das|da|pelas|sao) {_H}(?: horas?)?"
_FR: Final = rf"{_H} ?heures?"
_FR_AT: Final = r"\b(?:a|vers|des|avant|apres|est|jusqu'a) "
_IT: Final = rf"(?:\b(?:alle|le|dalle|ore) |\b(?:all'|l'|dall')){_H}"
# By language, folded. Groups: h the hour, m its minutes, less the minutes before it, and half, quarter,
# to_quarter and three_quarters. PART stands for "pm" or "in the morning", which may follow all of them.
_SAID: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        rf"\b(?P<half>half past) {_H}",
        rf"\b(?P<quarter>(?:a )?quarter (?:past|after)) {_H}",
        rf"\b(?P<to_quarter>(?:a )?quarter (?:to|of|before|till)) {_H}",
        rf"{_M}(?: minutes?)? past {_H}",
        rf"{_LESS} minutes? (?:to|before) {_H}",
        rf"{_H}(?:[ :.]{_M})? ?o'? ?clock\b",
        rf"{_H}(?:[ :.]{_M})?(?=PART)",
        rf"\b(?:at|by|until|around|before|after) {_H} {_M}",
    ),
    "es": (
        rf"{_ES} (?:(?P<half>y media)|(?P<quarter>y cuarto)|(?P<to_quarter>menos cuarto))\b",
        rf"{_ES} (?:(?:y|con) {_M}|menos {_LESS})",
        rf"{_H}(?: horas)?(?: (?:y )?{_M}|(?P<half> y media)|(?P<quarter> y cuarto))?(?=PART)",
        rf"{_H} en punto\b",
    ),
    "pt": (
        rf"{_PT} (?P<half>e meia)\b(?! (?:duzia|hora))",
        rf"{_PT} e {_M}(?: minutos?)?(?! (?:horas|pessoas|mil))",
        rf"{_LESS}(?: minutos?)? (?:para|pra) as? {_H}",
        rf"{_H}(?: horas?)?(?: e {_M}(?: minutos?)?|(?P<half> e meia))?(?:(?=PART)| em ponto\b)",
        rf"{_PT}(?<=horas)\b(?! (?:de|por|e|a)\b)",
    ),
    "fr": (
        rf"{_FR} (?:(?P<half>et demie?)|(?P<quarter>et quart)|(?P<to_quarter>moins le quart))\b",
        rf"{_FR} (?:moins {_LESS}|(?:et )?{_M})",
        rf"{_FR}(?:(?=PART)| pile\b)",
        rf"{_FR_AT}{_FR}(?! (?:de|d'|et|a|par)\b)",
    ),
    "it": (
        rf"{_IT} (?:(?P<half>e mezz[ao])|(?P<quarter>e un quarto)|(?P<to_quarter>meno un quarto))\b",
        rf"{_IT} (?P<three_quarters>e tre quarti)\b",
        rf"{_IT} (?:e {_M}|meno {_LESS})",
        rf"{_H}(?: e {_M}|(?P<half> e mezz[ao]))?(?:(?=PART)| in punto\b)",
    ),
}  # fmt: skip
_ONE: Final = re.compile("un[ae]|uma")  # an hour, too
_ADDED: Final = {"half": 30, "quarter": 15, "to_quarter": -15, "three_quarters": 45}
_NAMED: Final[dict[str, tuple[str, str]]] = {
    "en": (r"noon|midday", r"midnight"),
    "es": (r"mediodia", r"media ?noche"),
    "pt": (r"meio[ -]dia(?P<half> e meia)?", r"meia[ -]noite(?P<half> e meia)?"),
    "fr": (r"midi(?P<half> et demie?)?", r"minuit(?P<half> et demie?)?"),
    "it": (r"mezzogiorno(?P<half> e mezz[ao])?", r"mezzanotte(?P<half> e mezz[ao])?"),
}
_NAMED_HINT: Final = re.compile("m(?:i(?:dday|dnight|di|nuit)|e(?:dio|dia|io|ia|zzogiorno|zzanotte))|noon")
_DAY: Final = 24 * 60


def read_times(page: Page) -> None:
    """Take times that are said with a number."""
    if not (_ONE.search(page.plain) or any(map(_may_be_hour, page.numbers.values()))):
        return
    for pattern in _said(page.language):
        for match in pattern.finditer(page.plain):
            _take(page, match)


def read_named_times(page: Page) -> None:
    """Take noon and midnight; weak, since they have other names."""
    if not _NAMED_HINT.search(page.plain):
        return
    for hour, pattern in zip(("12", "00"), _named(page.language), strict=False):
        for match in pattern.finditer(page.plain):
            half = "30" if match.groupdict().get("half") else "00"
            page.take(Kind.TIME, f"{hour}:{half}", *match.span(), weak=half == "00")


def _take(page: Page, match: re.Match[str]) -> None:
    groups = match.groupdict()
    hour, minute = _hour(page, match)
    said = page.at(match, "m") if groups.get("m") else None
    less = page.at(match, "less") if groups.get("less") else None
    if hour is None or any(each and not _minutes(each.value) for each in (said, less)):
        return
    minute += int(said.value) if said else -int(less.value) if less else 0
    minute += sum(added for group, added in _ADDED.items() if groups.get(group))
    total = (of_24(hour, groups.get("part") or "", page.language) * 60 + minute) % _DAY
    start = min(match.start(group) for group, found in groups.items() if found)
    page.take(Kind.TIME, f"{total // 60:02}:{total % 60:02}", start, match.end())


def _minutes(value: str) -> bool:
    return value.isdecimal() and int(value) < 60  # noqa: PLR2004 - minutes of an hour


def _may_be_hour(number: Numeral) -> bool:
    """Whether a number is small, or of so few digits as "two thirty" has."""
    whole = number.value.partition(".")[0].lstrip("-0")
    return len(whole) <= len("24") or (number.spelled and len(whole) <= len("1230"))


def _hour(page: Page, match: re.Match[str]) -> tuple[int | None, int]:
    """Return the hour and the minutes of an hour: 2, "una", 2.5 (half past two), "230" (two thirty)."""
    number = page.at(match, "h")
    if number is None:
        return 1, 0
    value = number.value
    if number.spelled and len(value) in (3, 4) and value.isdecimal():
        hour, minute = int(value[:-2]), int(value[-2:])
    else:
        hour, minute = int(Decimal(value)), int(Decimal(value) % 1 * 60)
    return (hour, minute) if hour <= 24 and minute < 60 else (None, 0)  # noqa: PLR2004 - as above


@lru_cache
def _said(language: str) -> tuple[re.Pattern[str], ...]:
    part = part_of_day(language)
    ahead = part.replace("?P<part>", "?:")
    return tuple(re.compile(f"{each.replace('PART', ahead)}{part}?") for each in _SAID.get(language, ()))


@lru_cache
def _named(language: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(rf"\b(?:{each})\b") for each in _NAMED.get(language, ()))
