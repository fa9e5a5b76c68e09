"""Numbers written in digits: their separators read as the language has them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

APOSTROPHES = "'\u2019"

_SPACES = "\u00a0\u202f\u2009"
_COMPANY = r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}"  # the Brazilian register: the one number with a slash in it
# Thousands set apart by a plain space, where no phone number looks like it; not in English.
_SPACED = r"(?<![\d+])(?<!\d[ -])(?:[1-9]\d? \d{3}(?: \d{3})?|[1-9]\d\d \d{3})(?:,\d+)?(?![\d]|[ .,-]\d)"
FIGURE = (
    rf"{_COMPANY}|\(\+?\d{{1,4}}\)(?=[\s-]?\d)|\+?\d+(?:[.,{APOSTROPHES}\u066b\u066c{_SPACES}\u2011-]\d+)*"
)

FIGURE_SPACED = f"{_SPACED}|{FIGURE}"

_GROUPED = re.compile(
    rf"\d{{1,3}}(?:(?P<gap>[ {APOSTROPHES}{_SPACES}])\d{{3}})(?:(?P=gap)\d{{3}})*(?:[.,]\d+)?"
)
_THOUSANDS = {
    ".": re.compile(r"\d{1,3}(?:\.\d{3})+"),
    ",": re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}"),  # the second is India's
}
_PLAIN_SPACES = str.maketrans(dict.fromkeys(_SPACES + APOSTROPHES + " "))
_SEPARATORS = str.maketrans({"\u066b": ".", "\u066c": ",", "\u2011": "-"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}")
YEAR = re.compile("1[0-9]{3}|20[0-9]{2}")

# Least digits of a number that is no quantity but a phone's, a card's or an account's.
LONG = 7
_LONGEST_QUANTITY = 24

_COMMA_FOR_THOUSANDS = frozenset(("en", "zh", "ja", "ko", "hi", "th", "he"))
_POINT_FOR_THOUSANDS = frozenset(("es", "pt", "fr", "it", "de", "nl", "id", "tr", "da", "el"))
# Spanish as the north of Latin America writes it: 1,234.50.
_SPANISH_AS_ENGLISH = frozenset(("mx", "us", "pr", "do", "gt", "hn", "ni", "pa", "sv", "pe"))


Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in digits.

    Attributes:
        start: First character in the text.
        end: After the last one.
        digits: All its digits in order, where it is a whole number without sign; else empty.
        value: Of the quantity; None where it is none, but digits in groups.
        row: Whether it may be a part of a row of digits; the ends of a range are not.
    """

    start: int
    end: int
    digits: str
    value: Number | None
    row: bool = True


@lru_cache
def thousands(language: str) -> str:
    """The separator of thousands, "," or "."; empty where the language's habit is not known."""
    base, *subtags = re.split("[-_]", language.lower())
    if base in _COMMA_FOR_THOUSANDS or (base == "es" and _SPANISH_AS_ENGLISH.intersection(subtags)):
        return ","
    return "." if base in _POINT_FOR_THOUSANDS else ""


def figures(text: str, start: int, language: str) -> list[Figure]:
    """What FIGURE found at `start`, as the numbers that it is: "10-15" is two."""
    shown = text.strip("()+")
    offset = start + text.index(shown)
    ascii_text = shown if shown.isascii() else _ascii(shown)
    if ascii_text.isdigit():
        return [_whole(start, start + len(text), ascii_text)]
    if "-" in ascii_text:
        if _is_identifier(ascii_text):
            return [Figure(start, offset + len(shown), _digits(ascii_text), None)]
        return [replace(figure, row=False) for figure in _split(shown, "-", offset, language)]
    value = quantity(ascii_text, thousands(language)) if len(ascii_text) <= _LONGEST_QUANTITY else None
    if value is not None:
        whole = str(value) if isinstance(value, int) else ""
        return [Figure(start, offset + len(shown), whole, value, row=False)]
    if len(ascii_text) > _LONGEST_QUANTITY or _is_dotted(ascii_text):
        return [Figure(start, offset + len(shown), _digits(ascii_text), None)]
    return _split(shown, next(char for char in ascii_text if not char.isdigit()), offset, language)


def quantity(text: str, separator: str) -> Number | None:
    """The value of digits with separators; None where they are no number.

    Two kinds of separators, or one several times, have one reading. A single one before three digits is that
    of thousands where the language has it so, or is not known.
    """
    if any(char in text for char in _SPACES + APOSTROPHES + " "):
        if not _GROUPED.fullmatch(text):
            return None
        text = text.translate(_PLAIN_SPACES).replace(",", ".")
        return Decimal(text) if "." in text else int(text)
    last = max(text.rfind("."), text.rfind(","))
    mark = text[last]
    other = "," if mark == "." else "."
    if other in text and text.count(mark) == 1:
        whole = _ungrouped(text[:last], other)
        return None if whole is None else Decimal(f"{whole}.{text[last + 1 :]}")
    if other in text or text.count(mark) > 1:
        whole = _ungrouped(text, mark)
        return None if whole is None else int(whole)
    if separator in ("", mark) and text[0] != "0" and (whole := _ungrouped(text, mark)):
        return int(whole)
    return Decimal(text.replace(mark, "."))


def _ungrouped(text: str, mark: str) -> str | None:
    return text.replace(mark, "") if _THOUSANDS[mark].fullmatch(text) else None


def _whole(start: int, end: int, digits: str) -> Figure:
    spelled = len(digits) >= LONG or (digits[0] == "0" and len(digits) > 1)
    return Figure(start, end, digits, None if spelled else int(digits))


def _is_identifier(text: str) -> bool:
    if "," in text or _DATE.fullmatch(text):
        return False
    groups = text.split("-")
    if len(groups) > 2:  # noqa: PLR2004 - a range has two ends
        return True
    years = all(map(YEAR.fullmatch, groups)) and groups[0] < groups[1]
    amounts = all("." in group for group in groups)
    return sum(map(str.isdigit, text)) >= LONG and not years and not amounts


def _is_dotted(text: str) -> bool:
    return text.count(".") > 1 and not set(text) - set(".0123456789")


def _split(shown: str, mark: str, offset: int, language: str) -> list[Figure]:
    found: list[Figure] = []
    for part in re.split(r"[-\u2011]" if mark == "-" else f"[{re.escape(mark)}\u066b\u066c]", shown):
        found += figures(part, offset, language)
        offset += len(part) + 1
    return found


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _ascii(text: str) -> str:
    return "".join(str(unicodedata.decimal(char, char)) for char in text.translate(_SEPARATORS))
