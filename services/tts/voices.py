"""Chooses the voice that answers a language and, perhaps, a name."""

from __future__ import annotations

from collections.abc import Sequence

from services.shared.errors import Unsupported
from services.tts.engines.base import Voice


def choose(voices: Sequence[Voice], language: str, name: str = "") -> Voice:
    """Return the voice called `name`, or the language's default voice when `name` is empty.

    A region without a voice of its own gets the language's first one: pt-PT is spoken by pt-BR.

    Args:
        voices: All there are.
        language: BCP-47.
        name: Of a voice, or empty.

    Raises:
        Unsupported: unsupported_language, unknown_voice or voice_language_mismatch.
    """
    speakers = [voice for voice in voices if _primary(voice.language_code) == _primary(language)]
    if not speakers:
        languages = ", ".join(dict.fromkeys(voice.language_code for voice in voices))
        raise Unsupported(
            f"No voice speaks that language; there are voices for {languages}.", code="unsupported_language"
        )
    if name:
        return _named(voices, speakers, name)
    defaults = [voice for voice in speakers if voice.default]
    exact = (voice for voice in defaults if voice.language_code.lower() == language.lower())
    return next(exact, defaults[0])


def _named(voices: Sequence[Voice], speakers: Sequence[Voice], name: str) -> Voice:
    for voice in speakers:
        if voice.name == name:
            return voice
    mine = ", ".join(voice.name for voice in speakers)
    if any(voice.name == name for voice in voices):
        raise Unsupported(
            f"That voice speaks another language; this one has {mine}.", code="voice_language_mismatch"
        )
    raise Unsupported(f"There is no such voice; this language has {mine}.", code="unknown_voice")


def _primary(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
