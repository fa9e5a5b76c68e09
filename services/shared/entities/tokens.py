"""The parts of a text that may belong to a number: figures and number words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from services.shared.entities.figures import (
    APOSTROPHES,
    FIGURE,
    FIGURE_SPACED,
    LONG,
    Figure,
    Number,
    figures,
    thousands,
)
from services.shared.entities.lexicon import vocabulary
from services.shared.entities.words import Role, Vocabulary, Word

_SUFFIXES = {
    "en": "st|nd|rd|th",
    "es": r"\.?er|ero|ra|do|da|to|ta|mo|ma|vo|va|no|na",
    "fr": "er|re|[eè]re|e|[eè]me|nd|nde",
}
# Letters, signs and digits that tie a figure to something else than the figure beside it: A4, 5kg, 3/4, 2:30.
_TIED_BEFORE = re.compile(r"(?:[^\W\d_]|[$€£¥]|\d[/:.,])$")
_TIED_AFTER = re.compile(r"[^\W\d_]|[%°$€£¥]|[/:.,]\d")
_POWER = re.compile(r"(?:.*[^\w])?[kcdm]?m[23]")  # km2, m3: units
_SIGN = re.compile("(?:^|[\\s($€£¥])[-\u2212]$")
_APOSTROPHES = tuple(APOSTROPHES)
_LAST_WORD = re.compile(r"(\w+)\s+$")
_DIGIT = re.compile(r"\d")
_WORD = r"[^\W\d_]+"
_WORDS = re.compile(_WORD)
# What these mean in a number needs another word of it.
_NO_NUMBERS = (Role.AND, Role.POINT, Role.MINUS, Role.REPEAT, Role.HALF)

_LONGEST_WORD = 12
_SECOND = 2
_HUNDRED = 100


@dataclass(slots=True)
class Token:
    """A figure or a number word.

    Attributes:
        start: First character in the text.
        end: After the last one.
        word: What it means, for a word and for an ordinal figure.
        value: Of a figure that is a quantity.
        digits: Of a figure.
        row: Whether it may be a part of a row of digits.
        role: Of the word.
        apart: Whether it makes no row with one other digit: "one" in "press two one more time".
    """

    start: int
    end: int
    word: Word | None = None
    value: Number | None = None
    digits: str = ""
    row: bool = True
    role: Role | None = None
    apart: bool = False

    @property
    def room(self) -> int:
        """What may be added to it: less than this."""
        return self.word.room if self.word else 1

    @property
    def is_word(self) -> bool:
        """Whether it is not a figure."""
        return self.word is not None and self.value is None

    @property
    def word_ordinal(self) -> bool:
        """Whether a number that ends with it is an ordinal."""
        return self.word is not None and self.word.ordinal


def adjacent(text: str, before: int, after: int) -> bool:
    """Whether only spaces or a hyphen stand between two places of a text."""
    gap = text[before:after]
    return gap == " " or gap in ("", "-", "\u2011") or gap.isspace()


def tokens(text: str, language: str) -> list[Token]:
    """The figures and number words of a text, in order."""
    words = vocabulary(language)
    found: list[Token] = []
    for match in _pattern(language).finditer(text) if _has_numbers(text, language, words) else ():
        kind = match.lastgroup
        if kind == "figure":
            parts = () if _is_power(text, *match.span()) else figures(match[0], match.start(), language)
            found += [_figure(figure, text, language) for figure in parts]
        elif meaning := words.words.get(match[0].lower()) or (kind and _composed(match[0], words)):
            (start, end), apart = match.span(), kind == "apart"
            if _counts(meaning, text, (start, end), found, words):
                found.append(Token(start, end, meaning, row=meaning.row, role=meaning.role, apart=apart))
    return found


@lru_cache
def _pattern(language: str) -> re.Pattern[str]:
    words = vocabulary(language)
    figure = FIGURE if thousands(language) == "," else FIGURE_SPACED
    parts = [f"(?P<figure>{figure})"]
    if words.words:
        parts += [f"(?P<apart>{words.apart})"] if words.apart else []
        parts += [f"(?P<made>{'|'.join(words.phrases)})"] if words.phrases else []
        parts += [f"(?P<made>{_WORD})" if words.compound else _WORD]
    return re.compile("|".join(parts), re.IGNORECASE)


def _has_numbers(text: str, language: str, words: Vocabulary) -> bool:
    """Whether there may be a number in a text: most have none, and that is seen sooner."""
    if words.compound is not None or _DIGIT.search(text):
        return True
    return not _numbers(language).isdisjoint(_WORDS.findall(text.lower()))


@lru_cache
def _numbers(language: str) -> frozenset[str]:
    """The words of which every number in words has one."""
    known = vocabulary(language).words.items()
    said = (
        word
        for word, meaning in known
        if meaning.role is Role.TIMES or (meaning.alone and meaning.role not in _NO_NUMBERS)
    )
    return frozenset(part for word in said for part in word.split("-"))


def _composed(written: str, words: Vocabulary) -> Word | None:
    """What a word, or words, made of several means."""
    if words.compound is not None:
        return words.compound(written.lower())
    return words.words.get("-".join(written.lower().split()))


def _is_power(text: str, start: int, end: int) -> bool:
    """Whether a figure is the 2 of a unit such as "km2"."""
    return end - start == 1 and _POWER.fullmatch(text, max(start - 3, 0), end) is not None


def _figure(figure: Figure, text: str, language: str) -> Token:
    start, end = figure.start, figure.end
    if 0 < len(figure.digits) < LONG and (suffix := _suffix(language).match(text, end)):
        value = int(figure.digits)
        word = Word(Role.ORDINAL, value, ordinal=True)
        return Token(start, suffix.end(), word, value, row=False, role=Role.ORDINAL)
    if figure.value is not None and _SIGN.search(text, max(start - 2, 0), start):
        return Token(start - 1, end, None, -figure.value, row=False)
    tied = _TIED_BEFORE.search(text, max(start - 2, 0), start) or _TIED_AFTER.match(text, end)
    return Token(start, end, None, figure.value, figure.digits, row=figure.row and not tied)


@lru_cache
def _suffix(language: str) -> re.Pattern[str]:
    own = _SUFFIXES.get(re.split("[-_]", language.lower())[0])
    marks = r"\.?[ºª](?![CF]\b)"
    return re.compile(rf"{marks}|(?:{own})(?!\w)" if own else marks, re.IGNORECASE)


def _counts(meaning: Word, text: str, span: tuple[int, int], found: list[Token], words: Vocabulary) -> bool:
    """Whether the word is one of a number here."""
    start, end = span
    last = found[-1] if found and adjacent(text, found[-1].end, start) else None
    if meaning.role is Role.AND:
        return last is not None
    if meaning.role is Role.MINUS:
        return (last is None or last.role is Role.AND) and _word_before(text, start) not in words.no_minus
    shortened = text[end : end + 1] in _APOSTROPHES and text[end + 1 : end + 2].isalpha()
    article = meaning.value == 1 and text[start - 1 : start] in _APOSTROPHES
    half = meaning.role is Role.ROW and last and last.role is Role.AND  # "duas e meia": half past two
    if shortened or article or half:
        return False
    if meaning.value == _SECOND and meaning.role is Role.ORDINAL:
        return not (_is_unit(last) if last else _word_before(text, start) in words.no_second)
    if last and last.word is None and text[start:end].lower() in words.coins:
        return False
    return meaning.value != _HUNDRED or not found or text[found[-1].end : start].split() != [words.per]


def _word_before(text: str, start: int) -> str:
    before = _LAST_WORD.search(text, max(start - _LONGEST_WORD, 0), start)
    return before[1].lower() if before else ""


def _is_unit(before: Token) -> bool:
    """Whether "second" is a unit of time after a number, which takes no ordinal: "one second"."""
    return before.role is not Role.AND and (before.word is None or before.word.room == 1)
