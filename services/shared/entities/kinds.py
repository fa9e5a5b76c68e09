"""What an entity is: a part of a text in which one wrong character is a wrong account, amount or person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of entities, and what the `value` of one is."""

    DIGITS = "digits"  # said or written digit by digit, of no kind that is known: "427"
    PHONE = "phone"  # its digits, with the + where it has one: "+551199887766"
    CARD = "card"  # digits whose check digit is that of a payment card
    DOCUMENT = "document"  # digits and letters of a national document that its check digits prove: CPF, NIF
    CODE = "code"  # letters, or letters and digits, in capitals: "AB12C"
    NUMBER = "number"  # a decimal number: "1234.5"; an ordinal is its number
    MONEY = "money"  # amount and ISO 4217 code: "1234.50 USD"; without the code where only "$" is known
    PERCENT = "percent"  # a decimal number: "12.5"
    DATE = "date"  # as ISO 8601 has it, without what is not said: "2026-03-05", "--03-05", "2026-03"
    TIME = "time"  # of 24 hours: "14:30"
    EMAIL = "email"  # in small letters
    NAME = "name"  # as written


# Read one by one, and copied character by character: no digit of them follows from another.
IDENTIFIERS = frozenset((Kind.DIGITS, Kind.PHONE, Kind.CARD, Kind.DOCUMENT, Kind.CODE))


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text, read.

    Attributes:
        kind: What it is.
        value: The same for all ways to write it, see Kind.
        text: As it is written.
        start: First character in the text.
        end: After the last one.
        weak: Whether a translation may leave it out or say it otherwise without a fault: numbers up to ten in
            words ("one moment"), Roman numerals. A weak one is only looked for as the partner of another one.
        counts: Of a weak one, whether it is surely a number, from two on ("two dogs"): another such number in
            its place is wrong.
    """

    kind: Kind
    value: str
    text: str
    start: int
    end: int
    weak: bool = False
    counts: bool = False

    @property
    def digits(self) -> str:
        """The digits of its value, in order."""
        return "".join(filter(str.isdecimal, self.value))


@dataclass(frozen=True, slots=True)
class Pair:
    """An entity of a text and its partner in the translation; None where one has no partner.

    Attributes:
        source: In the text.
        target: In the translation.
        match: Whether they mean the same.
    """

    source: Entity | None
    target: Entity | None
    match: bool
