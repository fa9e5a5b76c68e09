"""Identifiers character by character, in groups as somebody says them to be written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.shared.entities.extraction import entities
from services.tts.spoken.numbers import cardinal, said
from services.tts.spoken.tongues import Tongue

# Longer groups are cut into threes or fours, which can be kept in mind.
_LONGEST: Final = 4
_POSTAL_CODE: Final = 5
# Engines rest at it; within a group they do not.
_PAUSE: Final = ", "
_AREA: Final = re.compile(r"\((\d\d)\)")
_RUNS: Final = re.compile(r"\d+|[^\W\d_]+")
_DIGITS: Final = re.compile(r"\d")
_ADDRESS: Final = re.compile(r"\d+|[@.\-_+]|[^\W\d_]+")


def identifier(text: str, tongue: Tongue | None, *, slowly: bool = False) -> str:
    """Return an identifier as it is read out: character by character, or as the language says such numbers.

    Args:
        text: As it is written; its own groups are kept, but for long ones, and for single characters.
        tongue: Of the words for its digits; None for the digits themselves, one by one.
        slowly: Whether to say every character, with a pause after it.
    """
    plus = f"{tongue.plus if tongue else '+'} " if "+" in text else ""
    if tongue and not slowly:
        usual = plus + _PAUSE.join(_as_usual(text, tongue))
        # "Quarante-deux, quarante-deux" could as well be two numbers.
        if [each.digits for each in entities(usual, tongue.primary)] == ["".join(_DIGITS.findall(text))]:
            return usual
    return plus + _PAUSE.join(_said(group, tongue, slowly=slowly) for group in _groups(text, tongue))


def email(address: str, tongue: Tongue) -> str:
    """Return an e-mail address as it is read out; names in it are read as words, digits one by one."""
    return " ".join(
        said(part, tongue) if part.isdecimal() else tongue.marks.get(part, part)
        for part in _ADDRESS.findall(address)
    )


def _as_usual(text: str, tongue: Tongue) -> Iterator[str]:
    """Yield an identifier in numbers of several digits, as far as the language says it so."""
    if tongue.in_twos and not any(map(str.isalpha, text)):
        yield from (_number(part, tongue) for run in _RUNS.findall(text) for part in _in_twos(run))
    elif tongue.area_codes and (area := _AREA.search(text)):
        # Of a phone number, five digits are no postal code.
        yield from (_said(group, tongue, slowly=False) for group in _groups(text[: area.start()], None))
        yield _number(area[1], tongue)
        yield from (_said(group, tongue, slowly=False) for group in _groups(text[area.end() :], None))


def _in_twos(run: str) -> Iterator[str]:
    """Yield two digits at a time; the last three of an odd number stay together."""
    last = max(0, len(run) - len(run) % 2 * 3)
    yield from (run[at : at + 2] for at in range(0, last, 2))
    if last < len(run):
        yield run[last:]


def _number(digits: str, tongue: Tongue) -> str:
    """Return digits as a number, after the zeros that it begins with."""
    number = digits.lstrip("0")
    zeros = said("0" * (len(digits) - len(number)), tongue)
    return " ".join(filter(None, (zeros, cardinal(int(number), tongue) if number else "")))


def _groups(text: str, tongue: Tongue | None) -> Iterator[str]:
    singles = ""
    for run in _RUNS.findall(text):
        if len(run) == 1:
            singles += run
            continue
        yield from _cut(singles, tongue)
        yield from _cut(run, tongue)
        singles = ""
    yield from _cut(singles, tongue)


def _cut(group: str, tongue: Tongue | None) -> Iterator[str]:
    """Yield pieces of two to four characters."""
    if len(group) == _POSTAL_CODE and tongue and tongue.twos_first:
        yield group[:2]
        group = group[2:]
    size = _LONGEST if len(group) % _LONGEST == 0 else _LONGEST - 1
    while len(group) > _LONGEST:
        yield group[:size]
        group = group[size:]
    if group:
        yield group


def _said(group: str, tongue: Tongue | None, *, slowly: bool) -> str:
    said = ""
    for before, mark in zip(f" {group}", group, strict=False):
        # Letters side by side would be read as words ("a", "e"), and of two equal digits one was heard.
        apart = slowly or before == mark or not (before + mark).isdecimal()
        said += (_PAUSE if apart else " ") * (said != "") + _named(mark, tongue)
    return said


def _named(mark: str, tongue: Tongue | None) -> str:
    if mark.isdecimal():
        return said(mark, tongue) if tongue else mark
    letter = mark.upper()
    return tongue.letters.get(letter, letter) if tongue else letter
