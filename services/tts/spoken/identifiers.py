"""Identifiers character by character, in groups as somebody says them to be written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.tts.spoken.numbers import said
from services.tts.spoken.tongues import Tongue

# Longer groups are cut into threes or fours, which can be kept in mind.
_LONGEST: Final = 4
# Engines rest at it; within a group they do not.
_PAUSE: Final = ", "
_RUNS: Final = re.compile(r"\d+|[^\W\d_]+")
_ADDRESS: Final = re.compile(r"\d+|[@.\-_+]|[^\W\d_]+")


def identifier(text: str, tongue: Tongue | None, *, slowly: bool = False) -> str:
    """Return an identifier as it is read out.

    Args:
        text: As it is written; its own groups are kept, but for long ones, and for single characters.
        tongue: Of the words for its digits; None for the digits themselves, one by one.
        slowly: Whether to pause after every character.
    """
    plus = f"{tongue.plus if tongue else '+'} " if "+" in text else ""
    return plus + _PAUSE.join(_said(group, tongue, slowly=slowly) for group in _groups(text))


def email(address: str, tongue: Tongue) -> str:
    """Return an e-mail address as it is read out; names in it are read as words, digits one by one."""
    return " ".join(
        said(part, tongue) if part.isdecimal() else tongue.marks.get(part, part)
        for part in _ADDRESS.findall(address)
    )


def _groups(text: str) -> Iterator[str]:
    singles = ""
    for run in _RUNS.findall(text):
        if len(run) == 1:
            singles += run
            continue
        yield from _cut(singles)
        yield from _cut(run)
        singles = ""
    yield from _cut(singles)


def _cut(group: str) -> Iterator[str]:
    """Yield pieces of two to four characters."""
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
