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
# Typographers' apostrophes and hyphens, which one writes and another does not.
_ALIKE: Final = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc", "'") | dict.fromkeys("\u2010\u2011", "-"))
# Where case does not count, an i is an i: Turkish has one with and one without a dot in either case.
_ANY_I: Final = str.maketrans("\u0130\u0131", "ii")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words to look for, and whether their case must be the same.

    Any space stands for any other, and an accent may be a character of its own.
    """

    text: str
    exact: bool = False

    @property
    def key(self) -> str:
        """The same for phrases that match the same texts."""
        return _same(" ".join(self.text.split()), exact=self.exact)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a text holds a phrase: characters `start` to `end`, `end` excluded."""

    start: int
    end: int
    phrase: Phrase


class Phrasebook:
    """Phrases, ready to be looked for in many texts.

    Args:
        phrases: Of two for the same place the longer one counts, then the exact one, then the first.
    """

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        keyed = [(phrase.key, phrase) for phrase in dict.fromkeys(phrases)]
        order = sorted(keyed, key=lambda each: (-len(each[0]), not each[1].exact))
        self._phrases = [(key, phrase) for key, phrase in order if key]
        self._cases = {phrase.exact for _, phrase in self._phrases}

    def find(self, text: str) -> list[Match]:
        """Return where a text holds the phrases, in its order; no two overlap."""
        folded = {exact: _Folded(text, exact=exact) for exact in self._cases}
        taken = bytearray(len(text))
        found: list[Match] = []
        for key, phrase in self._phrases:
            for start, end in folded[phrase.exact].spans(key):
                if taken.find(1, start, end) < 0:
                    taken[start:end] = b"\1" * (end - start)
                    found.append(Match(start, end, phrase))
        return sorted(found, key=lambda match: match.start)


def find(text: str, phrases: Iterable[Phrase]) -> list[Match]:
    """Return where a text holds phrases, see Phrasebook."""
    return Phrasebook(phrases).find(text)


def count(text: str, phrases: Iterable[Phrase]) -> Counter[str]:
    """Return how often a text holds phrases, by their keys."""
    return Counter(match.phrase.key for match in find(text, phrases))


def replaced(text: str, matches: Sequence[Match], by: Sequence[str]) -> str:
    """Return a text with other words in place of matches, which are in its order and disjoint."""
    parts: list[str] = []
    end = 0
    for match, words in zip(matches, by, strict=True):
        parts += (text[end : match.start], words)
        end = match.end
    return "".join([*parts, text[end:]])


class _Folded:
    """A text in which what counts as the same is written the same, and where its characters come from."""

    def __init__(self, text: str, *, exact: bool) -> None:
        parts: list[str] = []
        self._origins: list[int] = []
        # Where a phrase may begin or end, one by one: not within a word, nor between a letter and its accent.
        self._bounds = bytearray()
        for start, part in _characters(text):
            same = " " if part.isspace() else _same(part, exact=exact)
            parts.append(same)
            self._origins += [start] * len(same)
            self._bounds += bytes([not _is_inside_word(text, start)]) + bytes(len(same) - 1)
        self.text = "".join(parts)
        self._origins.append(len(text))
        self._bounds.append(1)

    def spans(self, key: str) -> Iterator[tuple[int, int]]:
        """Yield where the text holds a key as whole words, in characters of the text as it was."""
        at = self.text.find(key)
        while at >= 0:
            end = at + len(key)
            if self._bounds[at] and self._bounds[end]:
                yield self._origins[at], self._origins[end]
            after = self._bounds.find(1, at + 1)
            at = self.text.find(key, after) if after >= 0 else -1


def _characters(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character with its accents, and each run of spaces, and where it starts."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _belongs(text[at - 1], text[at]):
            yield start, text[start:at]
            start = at


def _belongs(before: str, after: str) -> bool:
    return _is_mark(after) or (before.isspace() and after.isspace())


def _same(text: str, *, exact: bool) -> str:
    alike = unicodedata.normalize("NFC", text).translate(_ALIKE)
    return alike if exact else alike.translate(_ANY_I).casefold()


def _is_inside_word(text: str, at: int) -> bool:
    if at == 0:
        return False
    before, after = text[at - 1], text[at]
    return _is_of_word(before) and _is_of_word(after) and not _UNSPACED.search(before + after)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_" or _is_mark(character)


def _is_mark(character: str) -> bool:
    return character > "\u02ff" and unicodedata.category(character).startswith("M")
