"""Gets chosen words through a translation: puts them into the source in disguise, and looks for them after.

A model that has never heard of glossaries or account numbers copies what it takes for a name, and short
numbers. So each demand is tried in disguises, from the one that reads best to the one that survives most
(README.md, Terms; Numbers and names).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as numbers
from typing import Final

from services.shared.phrases import Match, Phrase, count, find, replaced
from services.translation.standins import DOLLAR, Demand, Disguise, Sort, StandIn, as_itself

# As languages write them: "US$ 583", "583 $".
_DOLLARS: Final = re.compile(r"(?:\bUS ?)?\$ ?(\d+)|(\d+) ?\$")


@dataclass(frozen=True, slots=True)
class Disguised:
    """A sentence with some of its demands in disguise.

    Attributes:
        source: As it was.
        demands: In its order, disjoint.
        text: What is translated.
        marks: What its translation must hold just once, and what is to stand there.
        must: The demands whose targets the translation must hold as often as they were demanded.
    """

    source: str
    demands: Sequence[Demand]
    text: str
    marks: Mapping[str, Demand]
    must: Sequence[Demand]

    def revealed(self, translated: str) -> str | None:
        """Return a translation with its disguises taken off; None where it does not hold what it must.

        Args:
            translated: Of `text`.
        """
        unmasked = self._unmasked(translated) if self.marks else translated
        if unmasked is None or unmet(unmasked, self.must):
            return None
        spelled = respelled(unmasked, self.demands)
        if self.text == self.source:
            return spelled
        return _ended_as(self.source, _begun_as(self.source, spelled, self.demands))

    def _unmasked(self, translated: str) -> str | None:
        """Return a translation with targets in place of its marks; None unless each is there once."""
        if any(mark.startswith(DOLLAR) for mark in self.marks):
            translated = _DOLLARS.sub(rf"{DOLLAR}\1\2", translated)
        found = find(translated, [Phrase(mark, exact=True) for mark in self.marks])
        if len(found) != len(self.marks) or {match.phrase.text for match in found} != set(self.marks):
            return None
        return replaced(translated, found, [self.marks[match.phrase.text].target for match in found])


def disguised(source: str, demands: Sequence[Demand], disguise: Disguise) -> Disguised:
    """Put a sentence's demands in disguise.

    Args:
        source: A sentence.
        demands: In its order, disjoint.
        disguise: One of DISGUISES.
    """
    put = [(demand, disguise.of(demand)) for demand in demands]
    changed = [(demand, stand_in) for demand, stand_in in put if stand_in is not None]
    if not changed:
        return Disguised(source, demands, source, {}, ())
    words = list(stand_ins(source, changed))
    places = [Match(demand.start, demand.end, demand.phrase) for demand, _ in changed]
    return Disguised(
        source,
        demands,
        replaced(source, places, words),
        {word: demand for word, (demand, by) in zip(words, changed, strict=True) if by is not as_itself},
        [demand for demand, _ in changed if demand.sort is Sort.TERM],
    )


def stand_ins(source: str, demands: Sequence[tuple[Demand, StandIn]]) -> Iterator[str]:
    """Yield what stands for demands: their targets, or marks that neither the source nor another one has.

    Args:
        source: A sentence.
        demands: In its order, each with what makes its mark.
    """
    taken, number = source.casefold(), 0
    for demand, stand_in in demands:
        if stand_in is as_itself:
            yield demand.target
            continue
        marks = ((at, stand_in(at, demand)) for at in numbers(number + 1))
        number, mark = next((at, mark) for at, mark in marks if mark.casefold() not in taken)
        yield mark


def unmet(translated: str, demands: Sequence[Demand]) -> int:
    """Return how many targets a translation lacks."""
    if not demands:
        return 0
    needed = Counter(each.phrase.key for each in demands)
    return (needed - count(translated, [each.phrase for each in demands])).total()


def respelled(translated: str, demands: Sequence[Demand]) -> str:
    """Return a translation with its names spelled as they were demanded."""
    names = [each.phrase for each in demands if each.name]
    if not names:
        return translated
    found = find(translated, names)
    return replaced(translated, found, [match.phrase.text for match in found])


def _begun_as(source: str, translated: str, demands: Sequence[Demand]) -> str:
    """Return a translation that begins with a capital where its source does, unless that is fixed."""
    fixed = tuple(each.target for each in demands if each.name or each.exact)
    if source[:1].isupper() and not translated.startswith(fixed):
        return translated[:1].upper() + translated[1:]
    return translated


def _ended_as(source: str, translated: str) -> str:
    """Return a translation with the full stop of its source, which "2:30 p.m." or "Inc." may have held."""
    return f"{translated}." if source.endswith(".") and translated[-1:].isalnum() else translated
