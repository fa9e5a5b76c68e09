"""From what Whisper decoded to a hypothesis: its text, words and times, and what looks made up in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from faster_whisper.transcribe import get_compression_ratio

from services.asr.engines.base import Caution, Hypothesis, Word, silence

# Whisper's own tests for a failed decoding (Radford et al. 2022, section 4.5).
MAX_COMPRESSION_RATIO: Final = 2.4
_MIN_LOG_PROBABILITY: Final = -1.0
# By the library a window is silent where it finds this likely and its text not even _MIN_LOG_PROBABILITY. It
# drops that text; what is better than that by little is kept here, with a warning.
_LIKELY: Final = 0.6
_DOUBTFUL_LOG_PROBABILITY: Final = -0.7
# A loop is a phrase of so many words at most, said over and over: more often than people do.
_LONGEST_PHRASE: Final = 8
_MOST_TIMES: Final = 4
# Digits and letters are spelled one by one, and may well be the same: "zero zero zero zero".
_MOST_TIMES_ALONE: Final = 8


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of decoded text as both ways of decoding give it; times in seconds."""

    text: str
    end_s: float
    log_probability: float
    tokens: int
    words: Sequence[Mapping[str, Any]]
    no_speech: float = 0.0


def passage(found: Mapping[str, Any]) -> Passage:
    """Return what the library calls a segment."""
    return Passage(
        found["text"],
        found["end"],
        found["avg_logprob"],
        len(found["tokens"]),
        found["words"] or (),
        found["no_speech_prob"],
    )


def text_of(passages: Sequence[Passage]) -> str:
    """Return all that is said."""
    return "".join(each.text for each in passages).strip()


def log_probability(passages: Sequence[Passage]) -> float:
    """Return the mean over all tokens."""
    tokens = sum(each.tokens for each in passages)
    return sum(each.log_probability * each.tokens for each in passages) / max(tokens, 1)


def compresses(text: str) -> bool:
    """Return whether a text is too regular to have been said."""
    return bool(get_compression_ratio(text) > MAX_COMPRESSION_RATIO)


def loops(text: str) -> bool:
    """Return whether a phrase follows itself more often than anybody says it."""
    words = [bare for word in text.split() if (bare := "".join(filter(str.isalnum, word)).casefold())]
    return any(_longest_run(words, size) > _most(size) for size in range(1, _LONGEST_PHRASE + 1))


def _most(size: int) -> int:
    return _MOST_TIMES_ALONE if size == 1 else _MOST_TIMES


def _longest_run(words: Sequence[str], size: int) -> int:
    """Return how many times in a row a phrase of `size` words is there at most."""
    longest = same = 0
    for before, after in zip(words, words[size:], strict=False):
        same = same + 1 if before == after else 0
        longest = max(longest, same)
    return longest // size + 1


def hypothesis(passages: Sequence[Passage], duration_s: float, language: str) -> Hypothesis:
    """Return what a region says.

    Args:
        passages: Decoded, in order.
        duration_s: Of the region, which no word leaves.
        language: Of the text.
    """
    text = text_of(passages)
    if not text:
        return silence(language)
    likely = log_probability(passages)
    no_speech = min(each.no_speech for each in passages)
    cautions = {
        Caution.LOW_CONFIDENCE: likely < _MIN_LOG_PROBABILITY,
        Caution.UNLIKELY_SPEECH: no_speech > _LIKELY and likely < _DOUBTFUL_LOG_PROBABILITY,
        Caution.REPETITION: loops(text),
        Caution.HIGH_COMPRESSION: compresses(text),
    }
    return Hypothesis(
        text=text,
        language=language,
        confidence=min(math.exp(likely), 1.0),
        words=_words(passages, round(duration_s * 1000)),
        warnings=tuple(caution for caution, holds in cautions.items() if holds),
        log_probability=min(likely, 0.0),
        no_speech=no_speech,
    )


def _words(passages: Sequence[Passage], duration_ms: int) -> tuple[Word, ...]:
    """Return the words with times that never run backwards or out of the region."""
    words: list[Word] = []
    for found in (word for each in passages for word in each.words):
        earliest_ms = words[-1].end_ms if words else 0
        start_ms = min(max(round(found["start"] * 1000), earliest_ms), duration_ms)
        end_ms = min(max(round(found["end"] * 1000), start_ms), duration_ms)
        words.append(Word(found["word"].strip(), start_ms, end_ms, float(found["probability"])))
    return tuple(words)
