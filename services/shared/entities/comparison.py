"""Compares the entities of a text with those of its translation, in any order, and pairs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from services.shared.entities.extraction import entities
from services.shared.entities.kinds import Entity, Kind, Pair
from services.shared.entities.likeness import alike, as_numbers, identity, in_pieces, likeness
from services.shared.entities.page import folded

# How many of a side, without those that are equal, are compared with each of the other.
_CROSSED: Final = 256
_COMPARED: Final = 32
_SEEN_AS_WRITTEN: Final = frozenset((Kind.NAME, Kind.CODE, Kind.EMAIL))


def pairs(source: Sequence[Entity], target: Sequence[Entity]) -> tuple[Pair, ...]:
    """Pair the entities of a text with those of its translation.

    Equal ones come together first, then those of different kinds or in different pieces whose value or digits
    prove them the same; what is left is a mismatch, beside the most similar one of the other side or alone.
    Pairs of two weak ones, and weak ones and names without a partner, are left out.

    Args:
        source: Of the text.
        target: Of the translation.

    Returns:
        In the order of the text, then those of the translation alone.
    """
    return _Comparison(source, target).pairs()


def compared(
    source_text: str, source_language: str, target_text: str, target_language: str
) -> tuple[Pair, ...]:
    """Return the pairs of a text and its translation, with the names that one of them has alone.

    A name, code or address that only one side is known to have is looked for, as it is, in the other text.
    """
    source, target = entities(source_text, source_language), entities(target_text, target_language)
    found = pairs(source, target)
    partners = {id(each.source) for each in found}
    lone = [each for each in source if each.kind is Kind.NAME and id(each) not in partners]
    found += tuple(Pair(each, None, match=False) for each in lone)
    plain = folded(target_text), folded(source_text)
    return tuple(_looked_for(each, *plain) for each in found)


def matched(source_text: str, source_language: str, target_text: str, target_language: str) -> bool:
    """Whether a translation has the entities of its text, and no others."""
    return all(each.match for each in compared(source_text, source_language, target_text, target_language))


def _looked_for(pair: Pair, target_text: str, source_text: str) -> Pair:
    lone, text = (pair.source, target_text) if pair.source else (pair.target, source_text)
    other = pair.target if pair.source else None
    if (
        pair.match
        or lone is None
        or lone.kind not in _SEEN_AS_WRITTEN
        or (other and lone.kind is not Kind.NAME)
    ):
        return pair
    words = folded(lone.text)
    at = text.find(words)
    if at < 0 or text[:at][-1:].isalnum() or text[at + len(words) :][:1].isalnum():
        return pair
    seen = Entity(lone.kind, lone.value, lone.text, at, at + len(words))
    return Pair(pair.source, seen, match=True) if pair.source else Pair(seen, pair.target, match=True)


class _Comparison:
    """What is not paired yet, of both sides, and the pairs so far."""

    def __init__(self, source: Sequence[Entity], target: Sequence[Entity]) -> None:
        self._source = list(source)
        self._target = list(target)
        self._found: list[Pair] = []

    def pairs(self) -> tuple[Pair, ...]:
        """Pair the surest ones first."""
        self._join_equal()
        self._join(lambda one, other: not (one.weak or other.weak) and alike(one, other))
        self._join(lambda one, other: one.weak != other.weak and alike(one, other))
        if self._source and self._target:
            self._join_parts(in_pieces)
            self._join_parts(as_numbers)
        self._join_mismatches()
        self._join_counts()
        self._found += [Pair(each, None, match=False) for each in self._source if _counts_alone(each)]
        self._found += [Pair(None, each, match=False) for each in self._target if _counts_alone(each)]
        return tuple(sorted(self._found, key=_order))

    def _join_equal(self) -> None:
        waiting: dict[tuple[Kind, str], list[Entity]] = defaultdict(list)
        for other in reversed(self._target):
            if not other.weak:
                waiting[identity(other)].append(other)
        for one in tuple(self._source):
            if not one.weak and (others := waiting.get(identity(one))):
                self._pair(one, others.pop(), match=True)

    def _join(self, same: Callable[[Entity, Entity], bool]) -> None:
        for one in self._source[:_CROSSED]:
            if other := next((each for each in self._target[:_CROSSED] if same(one, each)), None):
                self._pair(one, other, match=True)

    def _join_parts(self, parts: Callable[[Entity, Sequence[Entity]], Sequence[Entity]]) -> None:
        """Pair each entity that the other side has in parts with all of these."""
        for whole in self._source[:_CROSSED]:
            for part in () if whole.weak else parts(whole, self._target[:_CROSSED]):
                self._pair(whole, part, match=True)
        for whole in self._target[:_CROSSED]:
            for part in () if whole.weak else parts(whole, self._source[:_CROSSED]):
                self._pair(part, whole, match=True)

    def _join_mismatches(self) -> None:
        """Show what is wrong beside what it should be: the most similar first."""
        scored = [
            (likeness(one, other), one, other)
            for one in self._source[:_COMPARED]
            for other in self._target[:_COMPARED]
            if not (one.weak or other.weak)
        ]
        for score, one, other in sorted(scored, key=lambda each: -each[0]):
            if score and _in(one, self._source) and _in(other, self._target):
                self._pair(one, other, match=False)

    def _join_counts(self) -> None:
        """Show small numbers in words that are others in the translation, if each side has as many left."""
        source, target = ([each for each in side if each.weak] for side in (self._source, self._target))
        for one in tuple(source):
            if same := next((each for each in target if alike(one, each)), None):
                source.remove(one)
                target.remove(same)
        source, target = ([each for each in side if each.counts] for side in (source, target))
        if len(source) == len(target):
            for one, other in zip(source, target, strict=True):
                self._pair(one, other, match=False)

    def _pair(self, source: Entity, target: Entity, *, match: bool) -> None:
        self._found.append(Pair(source, target, match))
        self._source = [each for each in self._source if each is not source]
        self._target = [each for each in self._target if each is not target]


def _in(entity: Entity, among: Sequence[Entity]) -> bool:
    return any(each is entity for each in among)


def _counts_alone(entity: Entity) -> bool:
    return not entity.weak and entity.kind is not Kind.NAME


def _order(pair: Pair) -> tuple[bool, int]:
    shown = pair.source or pair.target
    return pair.source is None, shown.start if shown else 0
