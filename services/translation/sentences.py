"""Cuts a text into sentences that, joined again, are the text: models translate one sentence at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# A model's time grows with the square of a sentence's length, and past its training it loses the thread.
MOST_CHARACTERS: Final = 400

# A run of marks with its closing quotes and the space after it, or a line's end. It starts at the run's
# first mark only, so that a text of nothing but marks is not searched over and over.
_END: Final = re.compile(r"(?<![.!?…])[.!?…]++[\"'”\u2019»)\]]*+[^\S\n]++|(?P<line>\n\s*)|[。\uff01\uff1f]++")
# Titles in English, Portuguese and Spanish, and initials: their dot ends no sentence.
_TITLE: Final = re.compile(r"(?:^|[\s(])(?:mrs?|ms|dra?|sra?|srta|prof|av|st|vs|[A-Z])\.\s+$", re.IGNORECASE)
_LONGEST_TITLE: Final = 16
_CLAUSE: Final = re.compile(r"[,;:—\u2013]\s+")
_SPACE: Final = re.compile(r"\s+")


def split(text: str, most_characters: int = MOST_CHARACTERS) -> list[str]:
    """Cut a text into sentences, each with the space that follows it.

    A sentence of more than `most_characters` is cut again: after a comma or the like, else at a
    space, else anywhere.

    Returns:
        Non-empty pieces of at most `most_characters`; joined, they are `text`.
    """
    return [piece for sentence in _sentences(text) for piece in _pieces(sentence, most_characters)]


def has_letters(text: str) -> bool:
    """Say whether there is something to translate: models make words up for lone marks, numbers and emoji."""
    return any(map(str.isalpha, text))


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        goes_on = text[end : end + 1].islower() or _TITLE.search(text[max(start, end - _LONGEST_TITLE) : end])
        if match["line"] or not goes_on:
            yield text[start:end]
            start = end
    yield text[start:]


def _pieces(sentence: str, most: int) -> Iterator[str]:
    while len(sentence) > most:
        cut = _last(_CLAUSE, sentence, most) or _last(_SPACE, sentence, most) or most
        yield sentence[:cut]
        sentence = sentence[cut:]
    if sentence:
        yield sentence


def _last(pattern: re.Pattern[str], sentence: str, most: int) -> int:
    return max((match.end() for match in pattern.finditer(sentence, most // 2, most)), default=0)
