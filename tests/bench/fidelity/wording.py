"""How many words were heard wrong, by two readings: numbers alike however written, and as written."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import jiwer

from services.shared.entities.normal import normalised
from tests.bench import asr_quality

Reading = Callable[[str, str], str]


def numbers_alike(text: str, language: str) -> str:
    """Return a text as the service compares it, but without accents, which some transcripts lack."""
    letters = unicodedata.normalize("NFKD", normalised(text, language))
    return "".join(each for each in letters if not unicodedata.combining(each))


def as_written(text: str, _language: str) -> str:
    """Return a text in small letters, without punctuation and accents, its numbers as they stand there."""
    return asr_quality.plain(text, "")


def error_rate(said: Sequence[tuple[str, str]], heard: Sequence[str], reading: Reading) -> float:
    """Return the word error rate over all texts in percent.

    Args:
        said: Texts, each with its language; at least one with a word in it.
        heard: As many, in their order.
        reading: Of both.
    """
    # An empty text is all deletions, but jiwer takes no empty strings.
    pairs = [
        (reading(text, language) or "-", reading(other, language) or "-")
        for (text, language), other in zip(said, heard, strict=True)
    ]
    return 100 * jiwer.wer([one for one, _ in pairs], [other for _, other in pairs])
