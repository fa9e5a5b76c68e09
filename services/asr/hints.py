"""Keeps what hints add to a text, and drops what a model makes up from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from services.asr.engines.base import Caution, Hypothesis, Word

_LOST: Final = {Caution.LOW_CONFIDENCE, Caution.REPETITION}


def sober(guided: Hypothesis, hints: Sequence[str], unguided: Callable[[], Hypothesis]) -> Hypothesis:
    """Return a hypothesis that was made with hints, without what nobody said.

    Models go on with the words of their hints where the speech has ended, and get lost over them. So a
    text that ends in such words, or that the model is not sure of, is compared with one made without hints.

    Args:
        guided: Made with hints.
        hints: The hints.
        unguided: Recognises the same audio without hints; called only when there is something to doubt.
    """
    end = _end_of_speech(guided.words, hints)
    lost = not _LOST.isdisjoint(guided.warnings)
    if end == len(guided.words) and not lost:
        return guided
    plain = unguided()
    if not plain.words:
        return plain
    if lost or end == 0:
        return max(guided, plain, key=lambda heard: heard.log_probability)
    last = plain.words[-1]
    if (last.start_ms + last.end_ms) / 2 > guided.words[end].start_ms:
        return guided
    # The other warnings may be about the end that is cut off.
    doubts = {Caution.UNCERTAIN_NUMBER}.intersection(guided.warnings).difference(plain.warnings)
    return replace(
        plain,
        text=_first(guided.text, guided.words[:end]),
        words=guided.words[:end],
        warnings=(*plain.warnings, *doubts),
    )


def _end_of_speech(words: Sequence[Word], hints: Sequence[str]) -> int:
    """Return how many words there are before the words of hints that end a text."""
    known = {_bare(word) for hint in hints for word in hint.split()} | {""}
    end = len(words)
    while end and _bare(words[end - 1].text) in known:
        end -= 1
    return end


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word)).casefold()


def _first(text: str, words: Sequence[Word]) -> str:
    """Return the beginning of a text that holds these words."""
    marks = [at for at, mark in enumerate(text) if not mark.isspace()]
    length = sum(len("".join(word.text.split())) for word in words)
    return text[: marks[length]].rstrip()
