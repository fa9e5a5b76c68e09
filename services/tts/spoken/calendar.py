"""Dates and times of day in words."""

from __future__ import annotations

from typing import Final

from services.tts.spoken.numbers import Agreement, cardinal, counted, english_year, ordinal
from services.tts.spoken.tongues import Tongue, Unit

_OF: Final = {"es": " de ", "pt": " de "}
# Where "horas" is said; in Spanish the article tells.
_HOURS: Final = {
    "pt": Unit("hora", "horas", feminine=True),
    "fr": Unit("heure", "heures", feminine=True),
}
_AND: Final = {"es": " y ", "pt": " e ", "fr": " ", "it": " e "}
# "Veinte y uno" would be twenty-one.
_AND_FEW: Final = {**_AND, "es": " con "}
_NOON: Final = 12
# Below it minutes have one digit, which English says with a zero.
_TWO_DIGITS: Final = 10


def date(value: str, tongue: Tongue) -> str:
    """Return a date in words.

    Args:
        value: As ISO 8601 has it, without what is not said: "2026-03-05", "--03-05", "2026-03".
        tongue: To read it in.
    """
    year, month, day = _parts(value)
    name = tongue.months[month - 1]
    of = _OF.get(tongue.primary, " ")
    if tongue.primary == "en":
        parts = [name if day is None else f"{name} {ordinal(day, tongue)}"]
        return " ".join(parts if year is None else [*parts, english_year(year)])
    parts = [name] if day is None else [_day(day, tongue), name]
    return of.join(parts if year is None else [*parts, cardinal(year, tongue)])


def time(value: str, tongue: Tongue, *, twelve_hours: bool) -> str:
    """Return a time of day in words.

    Args:
        value: Of 24 hours: "14:30".
        tongue: To read it in; English says AM or PM.
        twelve_hours: Whether English must say it, for it is written.
    """
    hour, minute = (int(part) for part in value.split(":")[:2])
    if tongue.primary == "en":
        return _english_time(hour, minute, tongue, twelve_hours=twelve_hours or not 0 < hour <= _NOON)
    unit = _HOURS.get(tongue.primary)
    hours = counted(hour, unit, tongue) if unit else cardinal(hour, tongue, Agreement.FEMININE)
    joint = (_AND_FEW if minute < _TWO_DIGITS else _AND)[tongue.primary]
    return f"{hours}{joint}{cardinal(minute, tongue)}" if minute else hours


def _parts(value: str) -> tuple[int | None, int, int | None]:
    if value.startswith("--"):
        month, _, day = value[2:].partition("-")
        return None, int(month), int(day) if day else None
    year, month, *rest = value.split("-")
    return int(year), int(month), int(rest[0]) if rest else None


def _day(day: int, tongue: Tongue) -> str:
    return ordinal(day, tongue) if day == 1 else cardinal(day, tongue)


def _english_time(hour: int, minute: int, tongue: Tongue, *, twelve_hours: bool) -> str:
    words = [cardinal((hour - 1) % _NOON + 1, tongue)]
    if minute:
        words += ["oh"] * (minute < _TWO_DIGITS) + [cardinal(minute, tongue)]
    elif not twelve_hours:
        words.append("o'clock")
    return " ".join([*words, "AM" if hour < _NOON else "PM"] if twelve_hours else words)
