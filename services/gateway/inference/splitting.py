"""Cuts a text after its sentences, so that several parts of it are spoken at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Of a pause after a sentence, at the usual speed.
PAUSE_MS: Final = 250

# What the speech service speaks in one breath: it would cut a longer text by itself.
_MOST_CHARACTERS: Final = 160
_SENTENCE_END: Final = re.compile(  # Chinese and Japanese marks have no space after them
    r"(?<=[.!?…।])\s+|(?<=[。\uFF01\uFF1F])|\n\s*\n"
)


def split(text: str) -> list[str]:
    """Return parts of whole sentences that are the text in order: none without a letter or a digit.

    Each has up to 160 characters, unless it is one longer sentence.
    """
    return list(_packed(part.strip() for part in _SENTENCE_END.split(text)))


def _packed(sentences: Iterator[str]) -> Iterator[str]:
    held = ""
    for sentence in sentences:
        if not any(map(str.isalnum, sentence)):
            continue
        joined = f"{held} {sentence}".strip()
        if held and len(joined) > _MOST_CHARACTERS:
            yield held
            joined = sentence
        held = joined
    if held:
        yield held
