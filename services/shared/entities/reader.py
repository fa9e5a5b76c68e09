"""What a text's number tokens are read with: their neighbours, and the numbers found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.shared.entities.figures import Number
from services.shared.entities.tokens import Token, adjacent
from services.shared.entities.words import Role

TEN = 10
HUNDRED = 100
THOUSAND = 1000

_STARTS = (Role.CARDINAL, Role.ORDINAL)


@dataclass(slots=True)
class Group:
    """A number as it stands alone; several may be one row of digits.

    Attributes:
        start: First character in the text.
        end: After the last one.
        value: None where it is digits in groups and no quantity, or a digit of rows alone.
        digits: As a part of a row; empty where it cannot be one.
        words: Whether a word is part of it.
        ordinal: Whether it is an ordinal.
        loose: Whether it is no number unless in a row: "oh", "meia".
        tied: Whether it may not join a row, though its digits are known.
        apart: Whether it makes no row with one other digit.
    """

    start: int
    end: int
    value: Number | None
    digits: str = ""
    words: bool = False
    ordinal: bool = False
    loose: bool = False
    tied: bool = False
    apart: bool = False


@dataclass(slots=True)
class Part:
    """A part of a sum.

    Attributes:
        value: What it adds.
        room: What may still be added to it: less than this.
        index: Its first token.
        after_comma: Whether a comma stands before it.
    """

    value: Number
    room: int
    index: int
    after_comma: bool = False


@dataclass(slots=True)
class Reader:
    """The tokens of a text, and what follows what."""

    text: str
    tokens: Sequence[Token]
    joined: frozenset[int]
    commas: bool

    def starts(self, index: int) -> bool:
        """Whether a sum may begin here."""
        token = self.tokens[index]
        if token.word is None:
            return token.value is not None
        if token.word.alone:
            return token.role in _STARTS or token.role is Role.TIMES
        following = self.near(index + 1)
        return token.role is Role.CARDINAL and following is not None and following.role is Role.TIMES

    def near(self, index: int) -> Token | None:
        """The token that follows another one without anything between."""
        if 0 < index < len(self.tokens):
            token = self.tokens[index]
            if adjacent(self.text, self.tokens[index - 1].end, token.start):
                return token
        return None

    def has(self, index: int, role: Role) -> bool:
        """Whether a token of that role follows without anything between."""
        token = self.near(index)
        return token is not None and token.role is role

    def after_article(self, index: int) -> int:
        """The token at a place, or the next one where an article ("a") stands there."""
        token = self.near(index)
        return index + (
            token is not None and token.word is not None and not token.word.alone and not token.row
        )


def digit(token: Token) -> str:
    """The digit that a token says; empty where it says none."""
    if token.word is None:
        return token.digits
    said = token.role in (Role.CARDINAL, Role.ROW) and token.word.value < TEN and token.row
    return str(token.word.value) if said else ""


def total_of(parts: Sequence[Part]) -> Number:
    """What the parts are together."""
    total = parts[0].value
    for part in parts[1:]:
        total += part.value
    return total
