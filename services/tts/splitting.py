"""Cuts long texts where a speaker would breathe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Memory of one synthesis grows with its length, and Kokoro's prosody is at its best well below its
# limit of 510 phonemes; about one phoneme per character.
MOST_CHARACTERS: Final = 160

_SENTENCE_PAUSE_MS: Final = 250
_CLAUSE_PAUSE_MS: Final = 100
_SENTENCE_MARKS: Final = ".!?…।"
_CLAUSE_MARKS: Final = ",;:"
# From the least to the most disruptive place to cut; a mark stays with the words before it.
_CUTS: Final = (
    re.compile(rf"(?<=[{_SENTENCE_MARKS}]) "),
    re.compile(rf"(?<=[{_CLAUSE_MARKS}]) "),
    re.compile(r" "),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that is spoken in one go.

    Attributes:
        text: At most MOST_CHARACTERS, unless it is one longer word.
        pause_ms: Silence before the next piece at rate 1; 0 for the last one.
    """

    text: str
    pause_ms: int


def split(text: str, most_characters: int = MOST_CHARACTERS) -> tuple[Piece, ...]:
    """Split a text into pieces that, joined by spaces, are its words in order.

    Returns:
        No piece when the text holds no letter and no digit.
    """
    if not any(map(str.isalnum, text)):
        return ()
    parts = list(_packed(_atoms(" ".join(text.split()), most_characters, _CUTS), most_characters))
    last = len(parts) - 1
    return tuple(Piece(part, 0 if at == last else _pause_ms(part)) for at, part in enumerate(parts))


def _atoms(text: str, most: int, cuts: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    if len(text) <= most or not cuts:
        yield text
        return
    for part in cuts[0].split(text):
        yield from _atoms(part, most, cuts[1:])


def _packed(atoms: Iterator[str], most: int) -> Iterator[str]:
    """Join neighbours while they fit: short pieces are spoken less naturally and cost more."""
    held = next(atoms)
    for atom in atoms:
        if len(held) + 1 + len(atom) <= most:
            held = f"{held} {atom}"
        else:
            yield held
            held = atom
    yield held


def _pause_ms(text: str) -> int:
    if text.endswith(tuple(_SENTENCE_MARKS)):
        return _SENTENCE_PAUSE_MS
    return _CLAUSE_PAUSE_MS if text.endswith(tuple(_CLAUSE_MARKS)) else 0
