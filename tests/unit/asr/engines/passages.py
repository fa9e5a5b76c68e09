"""Decoded passages, as the library would return them."""

from __future__ import annotations

from services.asr.engines.whisper_text import Passage

SENTENCE = " Please hold the line while I look at your order."
LOOP = " thank you" * 40


def passage(
    text: str = SENTENCE,
    end_s: float = 3.0,
    log_probability: float = -0.2,
    weakest: float = 0.9,
    no_speech: float = 0.1,
) -> Passage:
    """Return a passage whose words are all as likely as the weakest."""
    words = [{"word": f" {word}", "start": 0.1, "end": 0.2, "probability": weakest} for word in text.split()]
    return Passage(text, end_s, log_probability, max(len(words), 1), words, no_speech)
