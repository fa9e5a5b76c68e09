"""Gets chosen words through a translation: puts them into the source in disguise, and looks for them after.

A model that has never heard of glossaries copies what it takes for a name. So each demand is tried in
disguises, from the one that reads best to the one that survives most (README.md, Terms).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.shared.phrases import Match, Phrase, count, find, replaced


@dataclass(frozen=True, slots=True)
class Demand:
    """Characters `start` to `end` of a source, and what must stand for them in its translation.

    Attributes:
        start: First character.
        end: After the last one.
        target: What the translation must hold.
        exact: Whether in the same case.
        name: Whether it is a name, which keeps its own spelling wherever it stands.
    """

    start: int
    end: int
    target: str
    exact: bool = False
    name: bool = False

    @property
    def phrase(self) -> Phrase:
        """What to look for in the translation."""
        return Phrase(self.target, self.exact)


# From the number of a demand, from 1, and the demand itself, to what stands for it in the source.
Disguise = Callable[[int, Demand], str]


def as_itself(_number: int, demand: Demand) -> str:
    """Put the target into the source: models copy it, and make the sentence around it agree with it."""
    return demand.target


def as_code(number: int, _demand: Demand) -> str:
    """Put something like a product's number into the source."""
    return f"XQ{number}"


def as_reference(number: int, _demand: Demand) -> str:
    """Put something like a footnote's mark into the source."""
    return f"[{number}]"


DISGUISES: Final[tuple[Disguise, ...]] = (as_itself, as_code, as_reference)


def disguised(source: str, demands: Sequence[Demand], disguise: Disguise) -> str:
    """Return the source with its demands in disguise.

    Args:
        source: A sentence.
        demands: In its order, disjoint.
        disguise: One of DISGUISES.
    """
    places = [Match(each.start, each.end, each.phrase) for each in demands]
    return replaced(source, places, numbered(source, demands, disguise))


def revealed(translated: str, source: str, demands: Sequence[Demand], disguise: Disguise) -> str | None:
    """Return a translation with its disguises taken off; None where it does not hold what it must.

    Args:
        translated: Of what `disguised` returned.
        source: The sentence as it was.
        demands: As they were given there.
        disguise: As it was given there.
    """
    if disguise is not as_itself:
        marks = numbered(source, demands, disguise)
        found = find(translated, [Phrase(mark, exact=True) for mark in marks])
        if Counter(match.phrase.text for match in found) != Counter(marks):
            return None
        targets = dict(zip(marks, (each.target for each in demands), strict=True))
        translated = replaced(translated, found, [targets[match.phrase.text] for match in found])
    if not met(translated, demands):
        return None
    return _begun_as(source, respelled(translated, demands), demands)


def met(translated: str, demands: Sequence[Demand]) -> bool:
    """Say whether a translation holds every target as often as it must."""
    needed = Counter(each.phrase.key for each in demands)
    return not needed - count(translated, [each.phrase for each in demands])


def respelled(translated: str, demands: Sequence[Demand]) -> str:
    """Return a translation with its names spelled as they were demanded."""
    found = find(translated, [each.phrase for each in demands if each.name])
    return replaced(translated, found, [match.phrase.text for match in found])


def numbered(source: str, demands: Sequence[Demand], disguise: Disguise) -> list[str]:
    """Return what stands for the demands: themselves, or numbers that the source does not have.

    Args:
        source: A sentence.
        demands: In its order.
        disguise: One of DISGUISES.
    """
    first = 1
    marks = _from(demands, disguise, first)
    while disguise is not as_itself and any(mark.casefold() in source.casefold() for mark in marks):
        first += 1
        marks = _from(demands, disguise, first)
    return marks


def _from(demands: Sequence[Demand], disguise: Disguise, first: int) -> list[str]:
    return [disguise(number, demand) for number, demand in enumerate(demands, start=first)]


def _begun_as(source: str, translated: str, demands: Sequence[Demand]) -> str:
    """Return a translation that begins with a capital where its source does, unless that is fixed."""
    fixed = tuple(each.target for each in demands if each.name or each.exact)
    if source[:1].isupper() and not translated.startswith(fixed):
        return translated[:1].upper() + translated[1:]
    return translated
