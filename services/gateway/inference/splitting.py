"""Cuts a text after its sentences, so that the first is heard while the next ones are still being spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Of a pause after a sentence, at the usual speed.
PAUSE_MS: Final = 250

# What the speech service speaks in one breath: a shorter text is not cut.
_FIRST_CHARACTERS: Final = 160
# Few calls, and yet no long wait for the next one.
_LATER_CHARACTERS: Final = 480
_SENTENCE_END: Final = re.compile(  # Chinese and Japanese marks have no space after them
    r"(?<=[.!?…।])\s+|(?<=[。\uFF01\uFF1F])|\n\s*\n"
)


def split(text: str) -> list[str]:
    """Return parts of whole sentences that are the text in order: none without a letter or a digit.

    The first has up to 160 characters, later ones up to 480, unless a sentence is longer.
    """
    return list(_packed(part.strip() for part in _SENTENCE_END.split(text)))


def _packed(sentences: Iterator[str]) -> Iterator[str]:
    most, held = _FIRST_CHARACTERS, ""
    for sentence in sentences:
        if not any(map(str.isalnum, sentence)):
            continue
        joined = f"{held} {sentence}".strip()
        if held and len(joined) > most:
            yield held
            most, joined = _LATER_CHARACTERS, sentence
        held = joined
    if held:
        yield held
