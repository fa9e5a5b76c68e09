"""Reads times of day in digits, and what the words beside an hour say of its half of the day."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.page import Page

# By language, folded: what makes an hour one of the morning, of the afternoon or evening, and of the night.
_PARTS: Final[dict[str, tuple[str, str, str]]] = {
    "en": ("(?:in|of) the morning", "(?:in|of) the (?:afternoon|evening)", "at night"),
    "es": ("de la (?:manana|madrugada)", "de la tarde", "de la noche"),
    "pt": ("da (?:manha|madrugada)", "da tarde", "da noite"),
    "fr": ("du matin", "de l'apres-midi|du soir", "de la nuit"),
    "it": ("del mattino|di mattina|della mattina", "del pomeriggio|di sera|della sera", "di notte"),
}
_AM: Final = r"a\.? ?m\b\.?"
_PM: Final = r"p\.? ?m\b\.?"
_HOUR: Final = r"(?<![\w:.,/])(?P<h>[01]?\d|2[0-4])"
_MINUTES: Final = r"(?P<m>[0-5]\d)(?![\d:])"
_DOT_CUES: Final = r"\b(?:alle|dalle|ore|a las|as) "
_NOON: Final = 12


def read_clocks(page: Page) -> None:
    """Take times in digits: 2:30 pm, 14h30, 14:30:15, 9h, 9 am, alle 14.30."""
    for pattern in _clocks(page.language) if _hint(page.language).search(page.plain) else ():
        for match in pattern.finditer(page.plain):
            groups = match.groupdict()
            hour, minute = int(match["h"]), int(groups.get("m") or 0)
            hour = of_24(hour, groups.get("part") or "", page.language)
            second = f":{groups['s']}" if groups.get("s") else ""
            if hour < 24 or (hour, minute) == (24, 0):  # noqa: PLR2004 - the hours of a day
                page.take(Kind.TIME, f"{hour % 24:02}:{minute:02}{second}", match.start("h"), match.end())


@lru_cache
def part_of_day(language: str) -> str:
    """Return the pattern of what follows an hour: "pm", "of the morning"."""
    words = "|".join((_AM, _PM, *_PARTS.get(language, ())))
    return rf"(?: ?(?:horas? |heures? |h )?(?P<part>{words}))"


def of_24(hour: int, part: str, language: str) -> int:
    """Return an hour in the count of 24, where the words after it say more of it."""
    if not part or not 1 <= hour <= _NOON:
        return hour
    am, pm, night = _parts(language)
    small_hours = 6
    if am.fullmatch(part) or (night.fullmatch(part) and (hour == _NOON or hour < small_hours)):
        return hour % _NOON
    return hour % _NOON + _NOON if pm.fullmatch(part) or night.fullmatch(part) else hour


@lru_cache
def _parts(language: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    am, pm, night = _PARTS.get(language, ("$^", "$^", "$^"))
    return re.compile(f"{_AM}|{am}"), re.compile(f"{_PM}|{pm}"), re.compile(night)


@lru_cache
def _hint(language: str) -> re.Pattern[str]:
    """Return what every time in digits has, and is found sooner."""
    return re.compile(rf"\d(?:[:.]\d| ?h|{part_of_day(language)})")


@lru_cache
def _clocks(language: str) -> tuple[re.Pattern[str], ...]:
    part = part_of_day(language)
    hour = r"(?<![\w:.,/])(?P<h>[01]?\d|2[0-3])"
    return (
        re.compile(rf"{_HOUR}(?::| ?h ?){_MINUTES}{part}?"),
        re.compile(rf"{_HOUR}:(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?![\d:]){part}?"),
        re.compile(rf"{_HOUR}\.{_MINUTES}{part}"),
        re.compile(rf"{_DOT_CUES}{_HOUR}\.{_MINUTES}(?! ?(?:%|mil))"),
        re.compile(rf"{hour}(?: ?h(?:rs?|s)?\b)?{part}"),
        re.compile(rf"{hour} ?h(?:rs?|s)?\b"),
    )
