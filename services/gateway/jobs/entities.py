"""The numbers, codes and names of a result: each beside what became of it, and when it was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from services.shared.entities.comparison import compared
from services.shared.entities.extraction import entities
from services.shared.entities.kinds import Entity, Pair

Json = dict[str, Any]
Word = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a result.

    Attributes:
        text: As it is shown.
        language: BCP-47, or "auto" where nobody knows.
        words: As they were heard, in the order of the text: text, start_ms, end_ms and confidence of each.
        whole: The same of all that was heard together, for what lies in no word; None where nobody heard it.
    """

    text: str
    language: str
    words: Sequence[Word] = ()
    whole: Word | None = None


def listed(source: Text, target: Text | None) -> list[Json]:
    """Return the entities of a text, beside those of its translation where there is one."""
    found = _pairs(source, target)
    owners = owners_of(source.text, source.words) if any(pair.source for pair in found) else []
    return [
        {
            "kind": next(str(each.kind) for each in (pair.source, pair.target) if each),
            "source": pair.source and pair.source.value,
            "target": pair.target and pair.target.value,
            "source_text": pair.source and pair.source.text,
            "target_text": pair.target and pair.target.text,
            **_moment(source, owners, pair.source),
            "match": pair.match if target else None,
        }
        for pair in found
    ]


def _pairs(source: Text, target: Text | None) -> tuple[Pair, ...]:
    if target is None:
        found = entities(source.text, source.language)
        return tuple(Pair(entity, None, match=False) for entity in found if not entity.weak)
    # What is passed on as it is was spoken in one language, whatever was declared.
    spoken = target.language if source.text == target.text else source.language
    return compared(source.text, spoken, target.text, target.language)


def owners_of(text: str, words: Sequence[Word]) -> list[int | None]:
    """Return for each character of a text the position of the word that it lies in; None for no word.

    Words make up the text but for spaces. Where a recogniser's do not, what both have in common counts.
    """
    places = [place for place, character in enumerate(text) if not character.isspace()]
    letters = [
        (character, number)
        for number, word in enumerate(words)
        for character in word["text"]
        if not character.isspace()
    ]
    owners: list[int | None] = [None] * len(text)
    written, spoken = "".join(text[place] for place in places), "".join(each for each, _ in letters)
    for at, heard, length in _common(written, spoken):
        for offset in range(length):
            owners[places[at + offset]] = letters[heard + offset][1]
    return owners


def _common(written: str, spoken: str) -> Sequence[tuple[int, int, int]]:
    if written == spoken:
        return [(0, 0, len(written))]
    return SequenceMatcher(None, written, spoken, autojunk=False).get_matching_blocks()


def _moment(source: Text, owners: Sequence[int | None], entity: Entity | None) -> Json:
    """Return when an entity was said, and how sure the least sure of its words is."""
    words: list[Word] = []
    if entity is not None:
        numbers = sorted({each for each in owners[entity.start : entity.end] if each is not None})
        words = [source.words[each] for each in numbers] or ([source.whole] if source.whole else [])
    return {
        "start_ms": min((word["start_ms"] for word in words), default=None),
        "end_ms": max((word["end_ms"] for word in words), default=None),
        "confidence": min((word["confidence"] for word in words), default=None),
    }
