"""Translates sentences in which chosen words must become others, straight or through a third language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from services.shared.phrases import Match, Phrase, find
from services.translation.protection import (
    DISGUISES,
    Demand,
    Disguise,
    as_code,
    as_itself,
    as_reference,
    disguised,
    numbered,
    revealed,
)

Translate = Callable[[Sequence[str]], Sequence[str]]
Wanted = Sequence[Sequence[Demand]]

# The marks that go through the first of two translations are codes already.
_OF_MARKS: Final = (as_itself, as_reference)


def forced(
    texts: Sequence[str], wanted: Wanted, translate: Translate, disguises: Sequence[Disguise] = DISGUISES
) -> list[str | None]:
    """Translate sentences with demands in one disguise after the other, until one comes through.

    Args:
        texts: Sentences.
        wanted: What each of them demands, at least one thing.
        translate: From sentences to as many.
        disguises: In the order in which they are tried.

    Returns:
        Translations that hold what they must; None where no disguise came through.
    """
    done: list[str | None] = [None] * len(texts)
    for disguise in disguises:
        tried = [at for at, text in enumerate(done) if text is None]
        if not tried:
            break
        out = translate([disguised(texts[at], wanted[at], disguise) for at in tried])
        for at, translated in zip(tried, out, strict=True):
            done[at] = revealed(translated.strip(), texts[at], wanted[at], disguise)
    return done


def forced_through(
    texts: Sequence[str], wanted: Wanted, first: Translate, second: Translate
) -> list[str | None]:
    """Translate sentences with demands by way of a third language, as `forced` does.

    In the language between, each demand is a mark that the sentence holds just once; the second translation
    then starts from the target in the mark's place.

    Args:
        texts: Sentences.
        wanted: What each of them demands, at least one thing.
        first: From the language of the texts to the one between.
        second: From there to the language of the demands' targets.
    """
    marks = [numbered(text, each, as_code) for text, each in zip(texts, wanted, strict=True)]
    marked = [
        [replace(demand, target=mark, exact=True, name=True) for demand, mark in zip(*each, strict=True)]
        for each in zip(wanted, marks, strict=True)
    ]
    between = forced(texts, marked, first, _OF_MARKS)
    onward = [
        None if text is None else _unmarked(text, dict(zip(of_text, demands, strict=True)))
        for text, of_text, demands in zip(between, marks, wanted, strict=True)
    ]
    going = [each for each in onward if each is not None]
    out = iter(forced([text for text, _ in going], [demands for _, demands in going], second))
    return [None if each is None else next(out) for each in onward]


def _unmarked(text: str, demands: dict[str, Demand]) -> tuple[str, list[Demand]] | None:
    """Return a text with targets in place of its marks, and where; None if one is not there just once."""
    found = find(text, [Phrase(mark, exact=True) for mark in demands])
    if Counter(match.phrase.text for match in found) != Counter(list(demands)):
        return None
    parts, placed, length = [], [], 0
    for before, demand in _parted(text, found, demands):
        start = length + len(before)
        length = start + len(demand.target)
        parts += [before, demand.target]
        placed.append(replace(demand, start=start, end=length))
    return "".join([*parts, text[found[-1].end :]]), placed


def _parted(text: str, found: Sequence[Match], demands: dict[str, Demand]) -> list[tuple[str, Demand]]:
    """Return the marks' demands in order, each with the text before it."""
    starts = [0, *(match.end for match in found)]
    return [
        (text[start : match.start], demands[match.phrase.text])
        for start, match in zip(starts, found, strict=False)
    ]
