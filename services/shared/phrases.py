"""Finds phrases in a text: whole words, the longest first, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Scripts that put no spaces between words, and Hangul, which puts particles right after them.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words to look for, and whether their case must be the same. Any space stands for any other."""

    text: str
    exact: bool = False

    @property
    def key(self) -> str:
        """The same for phrases that match the same texts."""
        return self.text if self.exact else self.text.casefold()


@dataclass(frozen=True, slots=True)
class Match:
    """Where a text holds a phrase: characters `start` to `end`, `end` excluded."""

    start: int
    end: int
    phrase: Phrase


def find(text: str, phrases: Iterable[Phrase]) -> list[Match]:
    """Return where a text holds phrases, in its order; of those that overlap the longest, then the first."""
    folded = _folded(text)
    near = [phrase for phrase in dict.fromkeys(phrases) if _folded(phrase.text) in folded]
    found = [match for phrase in near for match in _matches(text, phrase)]
    taken: list[Match] = []
    for match in sorted(found, key=lambda match: (match.start - match.end, match.start)):
        if all(match.end <= other.start or match.start >= other.end for other in taken):
            taken.append(match)
    return sorted(taken, key=lambda match: match.start)


def count(text: str, phrases: Iterable[Phrase]) -> Counter[str]:
    """Return how often a text holds phrases, by their keys."""
    return Counter(match.phrase.key for match in find(text, phrases))


def replaced(text: str, matches: Sequence[Match], by: Sequence[str]) -> str:
    """Return a text with other words in place of matches, which are in its order and disjoint."""
    for match, words in reversed(list(zip(matches, by, strict=True))):
        text = text[: match.start] + words + text[match.end :]
    return text


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _matches(text: str, phrase: Phrase) -> Iterator[Match]:
    words = r"\s+".join(map(re.escape, phrase.text.split()))
    # Within a lookahead, so that matches may overlap: which of them are whole words is seen only then.
    pattern = re.compile(f"(?=({words}))", re.NOFLAG if phrase.exact else re.IGNORECASE)
    for found in pattern.finditer(text) if words else ():
        start, end = found.span(1)
        if not _is_inside_word(text, start) and not _is_inside_word(text, end):
            yield Match(start, end, phrase)


def _is_inside_word(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.category(after).startswith("M"):
        return True
    return _is_of_word(before) and _is_of_word(after) and not _UNSPACED.search(before + after)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
