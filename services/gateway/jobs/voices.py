"""Voices by what people ask for: a name, or a gender and a language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.gateway.jobs.abilities import Voice
from services.gateway.jobs.languages import same_language, serves

# In place of a voice's name: the best voice of the language that is.
GENDERS: Final = frozenset(("female", "male"))


def speakers(voices: Sequence[Voice], language: str) -> list[Voice]:
    """Return the voices of a language, the best one first.

    A voice of another region is better than none: pt-PT is spoken by pt-BR. One that is a last resort comes
    after all others, but for cloned ones, which are somebody's.
    """
    found = [voice for voice in voices if same_language(voice.language, language)]

    def rank(voice: Voice) -> tuple[bool, ...]:
        return voice.cloned, voice.last_resort, not serves(voice.language, language), not voice.default

    return sorted(found, key=rank)


def find(wish: str, among: Sequence[Voice]) -> Voice | None:
    """Return the voice of a name, or the first one of a gender that is nobody's; None when there is none."""
    named = (voice for voice in among if voice.name == wish)
    alike = (voice for voice in among if wish in GENDERS and voice.gender == wish and not voice.cloned)
    return next(named, None) or next(alike, None)


def described(voices: Sequence[Voice]) -> list[str]:
    """Return the names of voices, each with its gender where it is known, for the detail of an error."""
    return [f"{voice.name} ({voice.gender})" if voice.gender else voice.name for voice in voices]
