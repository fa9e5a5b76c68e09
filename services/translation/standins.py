"""What stands for a chosen word while its sentence is translated: the word that it must become, or a mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import permutations
from typing import Final

from services.shared.phrases import Phrase


class Sort(Enum):
    """What a demand is of, so that what stands for it behaves in a sentence as it does."""

    TERM = auto()  # of a glossary
    FIGURE = auto()  # a number, or what goes where one goes, such as an address
    MONEY = auto()
    DATE = auto()
    TIME = auto()
    NAME = auto()


@dataclass(frozen=True, slots=True)
class Demand:
    """Characters `start` to `end` of a source, and what must stand for them in its translation.

    Attributes:
        start: First character.
        end: After the last one.
        target: What the translation must hold.
        exact: Whether in the same case.
        name: Whether it is a name, which keeps its own spelling wherever it stands.
        sort: What it is.
        frail: Whether models often change it, so that it goes in disguise at once.
    """

    start: int
    end: int
    target: str
    exact: bool = False
    name: bool = False
    sort: Sort = Sort.TERM
    frail: bool = True

    @property
    def phrase(self) -> Phrase:
        """What to look for in the translation."""
        return Phrase(self.target, self.exact)


# From the number of a demand, from 1, and the demand itself, to what stands for it in the source.
StandIn = Callable[[int, Demand], str]

# Three different digits, no zero: of all that was tried, what a model changes least and takes for a number
# like any other. In an order in which none looks like the one before it.
_FIGURES: Final = tuple(map("".join, permutations("123456789", 3)))
_FIRST, _STRIDE = 90, 211
_MINUTES: Final = 48
DOLLAR: Final = "$"
# The same in all countries, which do not agree on whether the day goes first.
_DATES: Final = tuple(f"{day:02}/{day:02}" for day in (5, 7, 4, 9, 8, 3, 6, 11, 2, 12))


def as_itself(_number: int, demand: Demand) -> str:
    """Put the target into the source: models copy it, and make the sentence around it agree with it."""
    return demand.target


def as_code(number: int, _demand: Demand) -> str:
    """Put something like a product's number into the source."""
    return f"XQ{number}"


def as_reference(number: int, _demand: Demand) -> str:
    """Put something like a footnote's mark into the source."""
    return f"[{number}]"


def as_its_like(number: int, demand: Demand) -> str:
    """Put something of its sort into the source: a short number, a date, a time."""
    match demand.sort:
        case Sort.DATE if number <= len(_DATES):
            return _DATES[number - 1]
        case Sort.TIME if number < _MINUTES:
            return f"{2 + number % 8}:{12 + number}"
        case Sort.NAME:
            return as_reference(number, demand)
        case sort:
            return _figure(number, sort)


def as_number(number: int, demand: Demand) -> str:
    """Put a number into the source, and another one than `as_its_like` does."""
    if demand.sort is Sort.NAME:
        return as_reference(number, demand)
    return _figure(number + len(_FIGURES) // 2, demand.sort)


def _figure(number: int, sort: Sort) -> str:
    # Whatever the currency: dollars come through.
    sign = DOLLAR if sort is Sort.MONEY else ""
    if number > len(_FIGURES):
        return f"{sign}{len(_FIGURES) * 100 + number}"
    return sign + _FIGURES[(_FIRST + _STRIDE * number) % len(_FIGURES)]


@dataclass(frozen=True, slots=True)
class Disguise:
    """What stands for the demands of each kind; None leaves them as they are in the source.

    Attributes:
        terms: For what a glossary demands.
        frail: For what models often change.
        others: For the rest.
    """

    terms: StandIn | None = None
    frail: StandIn | None = None
    others: StandIn | None = None

    def of(self, demand: Demand) -> StandIn | None:
        """Return what stands for a demand."""
        if demand.sort is Sort.TERM:
            return self.terms
        return self.frail if demand.frail else self.others


NONE: Final = Disguise()
# In the order in which they are tried: from what reads best to what survives most, and at last none.
DISGUISES: Final = (
    Disguise(terms=as_itself, frail=as_its_like),
    Disguise(terms=as_code),
    Disguise(terms=as_reference, frail=as_number, others=as_its_like),
    Disguise(frail=as_code, others=as_code),
    NONE,
)
