"""What is read otherwise than it is written, and first of all what a glossary says so of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.shared.glossary import Pronunciation
from services.shared.phrases import Phrase, find


@dataclass(frozen=True, slots=True)
class Reading:
    """What is said in place of characters `start` to `end` of a text, `end` excluded."""

    start: int
    end: int
    words: str

    def overlaps(self, other: Reading) -> bool:
        """Say whether both are about the same characters."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: Reading) -> bool:
        """Say whether it is about the same characters, and about as many at least."""
        return self.overlaps(other) and self.end - self.start >= other.end - other.start


def pronounced(text: str, pronunciations: Iterable[Pronunciation]) -> list[Reading]:
    """Return where a text holds words that are read as somebody says, in its order and disjoint.

    Args:
        text: Any.
        pronunciations: Whole words are found, the longest first, in any case unless it counts; of two for
            the same, the first.
    """
    words: dict[Phrase, str] = {}
    for each in pronunciations:
        words.setdefault(Phrase(each.text, each.case_sensitive), each.spoken)
    return [Reading(match.start, match.end, words[match.phrase]) for match in find(text, words)]


def changed(text: str, readings: Iterable[Reading]) -> str:
    """Return a text as it is read; the readings are disjoint."""
    parts: list[str] = []
    end = 0
    for each in sorted(readings, key=lambda each: each.start):
        parts += (text[end : each.start], each.words)
        end = each.end
    return "".join([*parts, text[end:]])
