"""Translates sentences in which chosen words must become others, straight or through a third language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Final

from services.shared.phrases import Match, Phrase, find
from services.translation.protection import Disguised, disguised, stand_ins, unmet
from services.translation.standins import (
    DISGUISES,
    NONE,
    Demand,
    Disguise,
    Sort,
    as_code,
    as_its_like,
    as_itself,
    as_reference,
)

Translate = Callable[[Sequence[str]], Sequence[str]]

# The marks that go through the first of two translations are codes already.
_OF_MARKS: Final = (Disguise(terms=as_itself), Disguise(terms=as_reference))
# What is left to try when the terms of a sentence do not come through two translations.
_WITHOUT_TERMS: Final = (Disguise(frail=as_its_like), NONE)


class Failed(Exception):
    """Raised by a Translate that cannot now."""


def _none(_translated: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is to be translated.

    Attributes:
        text: As an engine takes it.
        demands: In its order, disjoint.
        faults: How many things a translation of it has wrong that cannot be demanded.
    """

    text: str
    demands: Sequence[Demand] = ()
    faults: Callable[[str], int] = _none

    @property
    def terms(self) -> list[Demand]:
        """The demands of a glossary."""
        return [demand for demand in self.demands if demand.sort is Sort.TERM]


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A translation, comparable by what is wrong with it.

    Attributes:
        faults: Numbers, names and the like that are not as in the source.
        missed: Terms that it lacks.
        text: The translation.
    """

    faults: int
    missed: int
    text: str

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults and not self.missed

    def or_better(self, others: Sequence[Candidate]) -> Candidate:
        """Return the best; of equals this one, then the first."""
        return min((self, *others), key=lambda each: (each.faults, each.missed))


def candidate(sentence: Sentence, worn: Disguised, translated: str) -> Candidate | None:
    """Return what a translation of a disguised sentence comes to; None where the disguise is lost.

    Args:
        sentence: As it was.
        worn: What was translated.
        translated: What came out.
    """
    text = worn.revealed(translated.strip())
    if text is None:
        return None
    return Candidate(sentence.faults(text), unmet(text, sentence.terms), text)


def forced(
    sentences: Sequence[Sentence], translate: Translate, disguises: Sequence[Disguise] = DISGUISES
) -> list[Candidate | None]:
    """Translate sentences in one disguise after the other, until nothing is wrong with them.

    Args:
        sentences: With demands or without.
        translate: From sentences to as many.
        disguises: In the order in which they are tried.

    Returns:
        The best that was had of each; None where no disguise came through.

    Raises:
        Failed: `translate` did, before each sentence had a translation.
    """
    best: list[Candidate | None] = [None] * len(sentences)
    known: list[dict[str, str]] = [{} for _ in sentences]
    for disguise in disguises:
        worn = {
            at: disguised(sentences[at].text, sentences[at].demands, disguise)
            for at, had in enumerate(best)
            if had is None or not had.clean
        }
        if not worn:
            break
        new = [at for at, each in worn.items() if each.text not in known[at]]
        try:
            made = translate([worn[at].text for at in new]) if new else ()
        except Failed:
            if None in best:
                raise
            break
        for at, out in zip(new, made, strict=True):
            known[at][worn[at].text] = out
        for at, each in worn.items():
            best[at] = _better(best[at], candidate(sentences[at], each, known[at][each.text]))
    return best


def forced_through(
    sentences: Sequence[Sentence], first: Translate, second: Translate
) -> list[Candidate | None]:
    """Translate sentences with demands by way of a third language, as `forced` does.

    In the language between, each demand is a mark that the sentence holds just once; the second translation
    then starts from the target in the mark's place.

    Args:
        sentences: Each with at least one demand.
        first: From the language of the texts to the one between.
        second: From there to the language of the demands' targets.
    """
    marks = [
        list(stand_ins(each.text, list(zip(each.demands, repeat(as_code), strict=False))))
        for each in sentences
    ]
    marked = [
        Sentence(
            each.text,
            [
                replace(demand, target=mark, exact=True, name=True, sort=Sort.TERM)
                for demand, mark in zip(each.demands, of_text, strict=True)
            ],
        )
        for each, of_text in zip(sentences, marks, strict=True)
    ]
    between = forced(marked, first, _OF_MARKS)
    onward = [
        None if there is None else _unmarked(there.text, dict(zip(of_text, each.demands, strict=True)), each)
        for there, of_text, each in zip(between, marks, sentences, strict=True)
    ]
    out = iter(forced([each for each in onward if each is not None], second))
    return [None if each is None else next(out) for each in onward]


def forced_all_through(
    sentences: Sequence[Sentence], first: Translate, second: Translate, both: Translate
) -> list[Candidate | None]:
    """Translate sentences with terms by way of a third language, with all that there is to try.

    What models seldom change is left as it is at first, and terms are given up at last.

    Args:
        sentences: Each with at least one term.
        first: See `forced_through`.
        second: See `forced_through`.
        both: The one after the other.
    """
    frail = [replace(each, demands=[demand for demand in each.demands if demand.frail]) for each in sentences]
    best = forced_through(frail, first, second)
    best = _again(sentences, best, lambda wanting: forced_through(wanting, first, second))
    return _again(sentences, best, lambda wanting: forced(wanting, both, _WITHOUT_TERMS))


def _again(
    sentences: Sequence[Sentence],
    had: Sequence[Candidate | None],
    translate: Callable[[Sequence[Sentence]], Sequence[Candidate | None]],
) -> list[Candidate | None]:
    """Translate those sentences once more that something is wrong with, and keep the better."""
    best = list(had)
    wanting = [at for at, each in enumerate(had) if each is None or not each.clean]
    try:
        made = translate([sentences[at] for at in wanting])
    except Failed:
        if None in best:
            raise
        return best
    for at, new in zip(wanting, made, strict=True):
        best[at] = _better(best[at], new)
    return best


def _better(had: Candidate | None, new: Candidate | None) -> Candidate | None:
    if had is None or new is None:
        return had or new
    return had.or_better([new])


def _unmarked(text: str, demands: dict[str, Demand], of: Sentence) -> Sentence | None:
    """Return a text with targets in place of its marks, and where; None if one is not there just once."""
    found = find(text, [Phrase(mark, exact=True) for mark in demands])
    if len(found) != len(demands) or {match.phrase.text for match in found} != demands.keys():
        return None
    parts, placed, length = [], [], 0
    for before, demand in _parted(text, found, demands):
        start = length + len(before)
        length = start + len(demand.target)
        parts += [before, demand.target]
        placed.append(replace(demand, start=start, end=length))
    rest = text[found[-1].end :] if found else text
    return Sentence("".join([*parts, rest]), placed, of.faults)


def _parted(text: str, found: Sequence[Match], demands: dict[str, Demand]) -> list[tuple[str, Demand]]:
    """Return the marks' demands in order, each with the text before it."""
    starts = [0, *(match.end for match in found)]
    return [
        (text[start : match.start], demands[match.phrase.text])
        for start, match in zip(starts, found, strict=False)
    ]
