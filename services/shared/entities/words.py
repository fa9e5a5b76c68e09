"""What the words of a number do, and tables of them made from plain lists."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto


class Role(Enum):
    """What a word does in a number."""

    CARDINAL = auto()
    ORDINAL = auto()
    TIMES = auto()  # multiplies what stands before it: hundred, million
    AND = auto()
    POINT = auto()
    MINUS = auto()
    REPEAT = auto()  # the next digit, so many times: double, triple
    HALF = auto()  # "two and a half", "meio milhão"
    ROW = auto()  # a digit in a row of digits alone: oh, meia


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a number.

    Attributes:
        role: What it does.
        value: What it adds or multiplies by.
        room: What may be added to it: less than this ("twenty" takes 1 to 9: 10; "one" takes nothing: 1).
        ordinal: Whether the number that ends with it is an ordinal.
        row: Whether it is said as a digit; articles are not.
        alone: Whether it is a number by itself: the Portuguese "mil", but not "milhão", nor the English "a".
    """

    role: Role
    value: int = 0
    room: int = 1
    ordinal: bool = False
    row: bool = True
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The number words of a language.

    Attributes:
        words: Each word in small letters.
        joined: Rooms after which the language's "and" may stand.
        phrases: Expressions of number words that consist of several words, or need what follows.
        per: Before the word for hundred, makes per cent of it.
        no_minus: Words after which "minus" means something else ("at least").
        no_second: Words after which "second" is a unit of time.
        coins: Words that are coins after a figure, and else numbers: "50 cents".
        apart: Words that make no row with one other digit, and what must follow them: "one" in "one of them".
        commas: Whether a comma may stand within a number: "one thousand, two hundred".
        years: Whether "nineteen ninety nine" is a year.
        compound: Reads a word made of number words, where the language has such.
    """

    words: dict[str, Word]
    joined: frozenset[int]
    phrases: tuple[str, ...] = ()
    per: str = ""
    no_minus: frozenset[str] = frozenset()
    no_second: frozenset[str] = frozenset()
    coins: frozenset[str] = frozenset()
    apart: str = ""
    commas: bool = False
    years: bool = False
    compound: Callable[[str], Word | None] | None = None


def _plain(word: str) -> str:
    """The word without its accents, as many people write it."""
    return "".join(char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char))


def _numbered(words: str, first: int, step: int = 1) -> Iterable[tuple[str, int]]:
    for place, spellings in enumerate(words.split()):
        for spelling in spellings.split("/"):
            yield spelling, first + place * step


def cardinals(units: str, tens: str, hundreds: str = "") -> dict[str, Word]:
    """The numbers from zero on (variants with a slash between), the tens from twenty, the hundreds."""
    found = {word: Word(Role.CARDINAL, value) for word, value in _numbered(units, 0)}
    found |= {word: Word(Role.CARDINAL, value, room=10) for word, value in _numbered(tens, 20, 10)}
    found |= {word: Word(Role.CARDINAL, value, room=100) for word, value in _numbered(hundreds, 100, 100)}
    return found


def ordinals(units: str, tens: str = "", *, romance: bool = False) -> dict[str, Word]:
    """Ordinals from the first on; the Romance ones have genders, and take others: "décimo quinto"."""
    found: dict[str, Word] = {}
    for word, value in (*_numbered(units, 1), *_numbered(tens, 10, 10)):
        room = 10 if value % 100 else 100
        ordinal = Word(Role.ORDINAL, value, room=room if romance and value % 10 == 0 else 1, ordinal=True)
        forms = (word, word[:-1] + "a") if romance and word.endswith("o") else (word,)
        found |= dict.fromkeys(forms, ordinal)
    return found


def times(words: str, *, alone: bool) -> dict[str, Word]:
    """Words that multiply by the given power of ten: "hundred=2"."""
    pairs = (entry.split("=") for entry in words.split())
    powers = ((spellings, 10 ** int(power)) for spellings, power in pairs)
    return {
        word: Word(Role.TIMES, value, room=value, alone=alone)
        for spellings, value in powers
        for word in spellings.split("/")
    }


def role(role: Role, words: str, value: int = 0) -> dict[str, Word]:
    """Words of one role."""
    return {word: Word(role, value) for word in words.split()}


def articles(words: str, value: int = 1) -> dict[str, Word]:
    """Words that are a number and an article, or never said as a digit."""
    return {word: Word(Role.CARDINAL, value, row=False) for word in words.split()}


def unaccented(words: dict[str, Word]) -> dict[str, Word]:
    """The words, and each without its accents."""
    return {_plain(word): meaning for word, meaning in words.items()} | words
