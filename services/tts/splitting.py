"""Cuts long texts where a speaker would breathe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

# Memory of one synthesis grows with its length, and Kokoro's prosody is at its best well below its
# limit of 510 phonemes; about one phoneme per character.
MOST_CHARACTERS: Final = 160

_SENTENCE_PAUSE_MS: Final = 250
_CLAUSE_PAUSE_MS: Final = 100
_SENTENCE_MARKS: Final = ".!?…।"
_CLAUSE_MARKS: Final = ",;:"
# Those of scripts without spaces, in which a wide character is a syllable, of about three phonemes.
_WIDE_SENTENCE_MARKS: Final = "。！？"  # noqa: RUF001 - they are meant
_WIDE_CLAUSE_MARKS: Final = "，、；："  # noqa: RUF001 - they are meant
_PHONEMES: Final = {"W": 3, "F": 3}
# From the least to the most disruptive place to cut; a mark and a space stay with the words before them.
_CUTS: Final = (
    re.compile(rf"(?<=[{_SENTENCE_MARKS}] )|(?<=[{_WIDE_SENTENCE_MARKS}])"),
    re.compile(rf"(?<=[{_CLAUSE_MARKS}] )|(?<=[{_WIDE_CLAUSE_MARKS}])"),
    re.compile(r"(?<= )"),
    re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff])"),
)
_CLAUSES: Final = re.compile("|".join(cut.pattern for cut in _CUTS[:2]))
# A first clause that is shorter is over before the next one is made.
_FIRST_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that is spoken in one go.

    Attributes:
        text: At most MOST_CHARACTERS, unless it is one longer word.
        pause_ms: Silence before the next piece at rate 1; 0 for the last one.
    """

    text: str
    pause_ms: int


def split(
    text: str, most_characters: int = MOST_CHARACTERS, *, first_clause: bool = False
) -> tuple[Piece, ...]:
    """Split a text into pieces that are its words in order.

    Args:
        text: Any.
        most_characters: Of a piece, unless it is one longer word; characters of scripts that write syllables
            count three.
        first_clause: Whether the first piece is but the first clause, because somebody waits for it.

    Returns:
        No piece when the text holds no letter and no digit.
    """
    if not any(map(str.isalnum, text)):
        return ()
    whole = " ".join(text.split())
    head = _first_clause(whole, most_characters) if first_clause else ""
    tail = whole[len(head) :]
    parts = [head] if head else []
    if tail:
        parts += _packed(_atoms(tail, most_characters, _CUTS), most_characters)
    last = len(parts) - 1
    return tuple(Piece(part.strip(), 0 if at == last else _pause_ms(part)) for at, part in enumerate(parts))


def _first_clause(text: str, most: int) -> str:
    """Return the shortest beginning that ends with a clause and is no mere word; else nothing."""
    for found in _CLAUSES.finditer(text):
        head, tail = text[: found.end()], text[found.end() :]
        if _size(head) > most:
            break
        if _size(head) >= _FIRST_CHARACTERS:
            return head if any(map(str.isalnum, head)) and any(map(str.isalnum, tail)) else ""
    return ""


def _atoms(text: str, most: int, cuts: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    if _size(text.rstrip()) <= most or not cuts:
        yield text
        return
    for part in filter(None, cuts[0].split(text)):
        yield from _atoms(part, most, cuts[1:])


def _packed(atoms: Iterable[str], most: int) -> Iterator[str]:
    """Join neighbours while they fit: short pieces are spoken less naturally and cost more."""
    held, size = "", 0
    for atom in atoms:
        if held and size + _size(atom.rstrip()) > most:
            yield held
            held, size = "", 0
        held, size = held + atom, size + _size(atom)
    yield held


def _size(text: str) -> int:
    """Return about how many phonemes a text has."""
    return sum(_PHONEMES.get(unicodedata.east_asian_width(mark), 1) for mark in text)


def _pause_ms(text: str) -> int:
    mark = text.rstrip()[-1:]
    if mark in _SENTENCE_MARKS + _WIDE_SENTENCE_MARKS:
        return _SENTENCE_PAUSE_MS
    return _CLAUSE_PAUSE_MS if mark in _CLAUSE_MARKS + _WIDE_CLAUSE_MARKS else 0
