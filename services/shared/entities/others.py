"""Reads the numbers that are nothing more: quantities, decades and Roman numerals."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final

from services.shared.entities.kinds import Kind
from services.shared.entities.numerals import Numeral
from services.shared.entities.page import N, Page

_FEW: Final = range(11)  # in words, these may be a translator's "both" or "a couple"
_COUNTS: Final = frozenset((*range(2, 11), 100, 1000))
_HOMONYMS: Final = frozenset((("it", "sei"), ("fr", "neuf")))  # "you are", "new"
# Between the numbers of a list or of a range, folded.
_LIST: Final = re.compile(r", ?(?:(?:and|or|y|e|o|u|ou|et|ed) )?| (?:and|or|to|y|e|o|u|ou|et|ed|a) | ?- ?")
_ROUND: Final = (100, 1000)  # in one word, these may be a translator's "many": "mil vezes", "cent fois"
_ROMAN: Final = re.compile(
    r"(?<![\w.-])(?=[IVXLC]{2})(?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])(?=e?\b)"
)
_ROMAN_HINT: Final = re.compile("[IVXLC][IVXLC]")
_ROMAN_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_DECADES: Final = range(10, 100, 10)
# By language, folded: what stands right before "80" in "the 80s".
_DECADE_CUES: Final = {
    "es": "(?:anos|decada de|decada de los) ",
    "pt": "(?:anos|decada de) ",
    "fr": "annees ",
    "it": "anni '?",
}
_RANGE: Final = re.compile(r" ?(?:-|\u2013) ?| (?:to|or|a|o|ou|au?) ")
_THOUSAND: Final = 1000
_THIS_CENTURY: Final = 1900
# By language, folded: half of one, and a dozen.
_DOZENS: Final = {
    "en": ("half an? ", "dozen"),
    "es": ("media ", "docenas?"),
    "pt": ("meia ", "duzias?"),
    "fr": ("demi-", "douzaines?"),
    "it": ("mezza ", "dozzin[ae]"),
}
_HALVES: Final = {"en": "and a half", "es": "y medio", "pt": "e meio", "fr": "et demi", "it": "e mezzo"}
_DOZEN_HINT: Final = re.compile("do[zc]|douz|duz")
_TENS_NAMES: Final = ("twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet")
_TENS: Final = re.compile(rf"\b({'|'.join(_TENS_NAMES)})ies\b")


def share_scales(page: Page) -> None:
    """Read "two to three million" as two numbers of millions, as "two million to three million" is."""
    numbers = list(page.numbers.values())
    for one, other in pairwise(numbers):
        if (
            _RANGE.fullmatch(page.plain, one.end, other.start)
            and other.words
            and not (one.spelled or other.spelled)
        ):
            value, power = Decimal(one.value), (Decimal(other.value).adjusted() // 3) * 3
            if power > 0 and 0 < value < _THOUSAND and value < Decimal(other.value).scaleb(-power):
                page.replace(one, f"{value.scaleb(power):f}", one.end)


def add_halves(page: Page) -> None:
    """Read "um milhao e meio" as one and a half million."""
    pattern = _halves(page.language)
    if pattern is None or not pattern.search(page.plain):
        return
    for number in tuple(page.numbers.values()):
        half = pattern.match(page.plain, number.end) if number.words else None
        power = (Decimal(number.value).adjusted() // 3) * 3
        if half and power > 0:
            value = Decimal(number.value) + Decimal(5).scaleb(power - 1)
            page.replace(number, f"{value:f}", half.end())


def read_numbers(page: Page) -> None:
    """Take every number that is left."""
    sure = _in_lists(page) if any(map(is_weak, page.numbers.values())) else ()
    for number in page.numbers.values():
        if page.has(number):
            value = str(_decade(page, number) or number.value)
            weak = is_weak(number) and number.start not in sure
            counts = weak and _is_count(number, page.language)
            page.take(Kind.NUMBER, value, number.start, number.end, weak=weak, counts=counts)


def _in_lists(page: Page) -> set[int]:
    """Return where the numbers start that are no less sure than those beside them: "eleven, ten and 33"."""
    found: set[int] = set()
    numbers = list(page.numbers.values())
    for one, other in (*pairwise(numbers), *((b, a) for a, b in reversed([*pairwise(numbers)]))):
        first, second = sorted((one, other), key=lambda each: each.start)
        if (
            (one.start in found or not is_weak(one))
            and _is_count(other, page.language)
            and not one.ordinal
            and _LIST.fullmatch(page.plain, first.end, second.start)
        ):
            found.add(other.start)
    return found


def _is_count(number: Numeral, language: str) -> bool:
    """Whether a number in words is a number of things, and no article, place in a row or other word."""
    few = number.words and not number.ordinal and not number.spelled and Decimal(number.value) in _COUNTS
    return few and (language, number.text.lower()) not in _HOMONYMS


def is_weak(number: Numeral) -> bool:
    """Whether a translation may say a number otherwise: one up to ten in words, and "cem" or "mil" alone."""
    if not number.words or number.spelled or any(map(str.isdecimal, number.text)):
        return False
    value = abs(Decimal(number.value))
    return value in _FEW or (value in _ROUND and number.text.isalpha())


def read_dozens(page: Page) -> None:
    """Take dozens, which another language counts: four dozen, meia duzia; "a dozen" alone is weak."""
    if page.language not in _DOZENS or _DOZEN_HINT.search(page.plain) is None:
        return
    for match in _dozens(page.language).finditer(page.plain):
        number = page.at(match, "times") if match["times"] else None
        times = Decimal(number.value) if number else Decimal("0.5") if match["half"] else Decimal(1)
        page.take(Kind.NUMBER, f"{(times * 12).normalize():f}", *match.span(), weak=times <= 1)


def read_tens(page: Page) -> None:
    """Take the decades and ages that English has a word for: the twenties."""
    if page.language == "en" and "ties" in page.plain:
        for match in _TENS.finditer(page.plain):
            page.take(Kind.NUMBER, str(_TENS_NAMES.index(match[1]) * 10 + 20), *match.span(), weak=True)


def read_romans(page: Page) -> None:
    """Take Roman numerals, which another language may write as others or in words."""
    for match in _ROMAN.finditer(page.text) if _ROMAN_HINT.search(page.text) else ():
        page.take(Kind.NUMBER, str(_roman(match.group())), *match.span(), weak=True)


def _decade(page: Page, number: Numeral) -> int | None:
    """Return the year with which the decade of "anos 80" begins; None where it is no decade."""
    if not number.value.isdecimal() or int(number.value) not in _DECADES:
        return None
    cue = _cue(page.language)
    before = cue is not None and cue.search(page.plain, max(0, number.start - 16), number.start)
    after = page.language == "en" and re.match(r"'?s\b", page.plain[number.end : number.end + 3])
    return _THIS_CENTURY + int(number.value) if before or after else None


@lru_cache
def _dozens(language: str) -> re.Pattern[str]:
    half, dozen = _DOZENS[language]
    return re.compile(
        rf"(?:(?P<times>{N})[ -]|\b(?P<half>{half})|(?:\ba |\buna |\buma |\bune ))(?:{dozen})\b"
    )


@lru_cache
def _halves(language: str) -> re.Pattern[str] | None:
    half = _HALVES.get(language)
    return re.compile(rf" {half}\b") if half else None


@lru_cache
def _cue(language: str) -> re.Pattern[str] | None:
    cue = _DECADE_CUES.get(language)
    return re.compile(rf"\b{cue}\Z") if cue else None


def _roman(text: str) -> int:
    values = [_ROMAN_VALUES[each] for each in text]
    return sum(-now if now < then else now for now, then in zip(values, [*values[1:], 0], strict=True))
