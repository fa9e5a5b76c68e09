"""Tests of how numbers are read."""

from __future__ import annotations

from services.tts.spoken.tongues import Tongue, tongue_of


def tongue(language: str) -> Tongue:
    """Return the words of a language that has them."""
    found = tongue_of(language)
    assert found is not None
    return found
