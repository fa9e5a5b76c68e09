"""Judges whether a translation kept the digits of a sentence, knowing only what they were.

It shares nothing with the code that is judged: it has its own small table of number words, and is told the
digits by who made the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

# What is accepted for one number: its digits, with a space where words may part them.
Expected = tuple[str, ...]

_RUN: Final = re.compile(r"\d+(?:(?:h|[-.,()/+:;\s])+\d+)*")


@dataclass(frozen=True, slots=True)
class _Words:
    """Number words of a language.

    Attributes:
        units: 0 to 9.
        teens: 10 to 19.
        tens: 20 to 90.
        joint: Between tens and units, as a pattern.
        others: More words, with their digits.
        ambiguous: Numbers only beside numbers.
        times: How often the digit after it is meant.
    """

    units: str
    teens: str
    tens: str
    joint: str
    others: dict[str, str]
    ambiguous: str
    times: dict[str, int]


_LANGUAGES: Final = {
    "en": _Words(
        "zero one two three four five six seven eight nine",
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
        r"[\s-]",
        {"oh": "0", "o": "0"},
        "one|oh|o",
        {"double": 2, "triple": 3},
    ),
    "pt": _Words(
        "zero um dois três quatro cinco seis sete oito nove",
        "dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove",
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
        r"\se\s",
        {"meia": "6", "uma": "1", "duas": "2", "catorze": "14", "dezasseis": "16", "dezassete": "17"},
        "um|uma|meia",
        {"duplo": 2, "dupla": 2, "dobro": 2, "triplo": 3, "tripla": 3},
    ),
}


def kept(text: str, language: str, expected: Sequence[Expected]) -> bool:
    """Say whether a text holds the digits that it must, and no others.

    Args:
        text: With numbers in digits, grouped as it may be, or in words up to 99.
        language: "en" or "pt".
        expected: Every number of the sentence; their order does not count.
    """
    return _made_of(" ".join(runs(text, language)), list(expected))


def runs(text: str, language: str) -> list[str]:
    """Return the digits of a text, parted where there is more than separators between them."""
    words = _LANGUAGES[language]
    values, spelled = _values(language)
    text = re.sub(
        rf"\b({'|'.join(words.tens.split())}){words.joint}({'|'.join(words.units.split()[1:])})\b",
        lambda match: values[match[1]][0] + values[match[2]],
        text.lower(),
    )
    text = re.sub(
        rf"\b({'|'.join(words.times)})\s+(\d|(?:{spelled})\b)",
        lambda match: values.get(match[2], match[2]) * words.times[match[1]],
        text,
    )
    sure = rf"\b(?!(?:{words.ambiguous})\b)(?:{spelled})\b"
    text = re.sub(sure, lambda match: values[match[0]], text)
    # The others are numbers in company: beside a digit, or beside one another.
    unsure = rf"(?:{words.ambiguous})\b"
    beside = rf"(?<=\d)[\s,]+{unsure}|\b{unsure}(?=[\s,]+(?:\d|{unsure}))"
    before = ""
    while before != text:
        before, text = text, re.sub(beside, lambda match: " " + values[match[0].strip(" ,")], text)
    return [re.sub(r"\D", "", run) for run in _RUN.findall(text)]


def _made_of(digits: str, expected: list[Expected]) -> bool:
    """Say whether digits are the expected numbers in some order, each in one of its ways."""
    if not expected:
        return not digits
    return any(
        _made_of(digits[len(way) :].lstrip(), expected[:at] + expected[at + 1 :])
        for at, ways in enumerate(expected)
        for way in ways
        if digits.startswith(way)
    )


@cache
def _values(language: str) -> tuple[dict[str, str], str]:
    """Return the digits of each number word, and a pattern of the words, the longest first."""
    words = _LANGUAGES[language]
    lists = ((words.units, 0, 1), (words.teens, 10, 1), (words.tens, 20, 10))
    values = {
        word: str(first + at * step) for text, first, step in lists for at, word in enumerate(text.split())
    } | words.others
    return values, "|".join(sorted(values, key=len, reverse=True))
