"""Tells the language of a recording from its first speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from services.asr.engines.base import SAMPLE_RATE_HZ, AsrEngine, Audio, Span
from services.asr.sounds.base import Samples, floats

# Language detection hears up to three stretches of speech of 10 s.
_VOTE: Final = 10 * SAMPLE_RATE_HZ
_VOTES: Final = 3


def vote(
    engine: AsrEngine, samples: Samples, found: Sequence[Span], cancelled: Callable[[], bool]
) -> tuple[str, float]:
    """Return the language that is likeliest over the first speech, and its share; ("", 0.0) where is none.

    Args:
        engine: Votes on each stretch.
        samples: The recording.
        found: Its speech, in order.
        cancelled: Asked before each vote.

    Raises:
        Cancelled: `cancelled()` became true.
    """
    votes = dict.fromkeys(engine.languages, 0.0)
    windows = _windows(samples, found)
    for window in windows:
        for language, probability in engine.language_probabilities(window, cancelled).items():
            votes[language] += probability / len(windows)
    return max(votes.items(), key=lambda vote: vote[1]) if windows else ("", 0.0)


def _windows(samples: Samples, found: Sequence[Span]) -> list[Audio]:
    """Return up to _VOTES windows of _VOTE samples of speech; a last one only if it is at least half full."""
    heard = [samples[span.start : span.end] for span in found]
    needed = np.cumsum([0, *map(len, heard)]).searchsorted(_VOTE * _VOTES)
    speech = np.concatenate(heard[:needed])[: _VOTE * _VOTES] if heard else samples[:0]
    windows = [speech[start : start + _VOTE] for start in range(0, len(speech), _VOTE)]
    return [floats(window) for window in windows[:1] + [it for it in windows[1:] if len(it) >= _VOTE // 2]]
