"""Chooses the voice of a text: one of the installation's own, or what stands for one of OpenAI's."""

from __future__ import annotations

from typing import Final

from services.gateway.jobs import voices
from services.gateway.jobs.abilities import TtsCapabilities
from services.gateway.jobs.listing import listed
from services.shared.errors import Unsupported

# Existing clients send these; here they all mean the default voice of the language.
OPENAI_VOICES: Final = frozenset(
    (
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
        *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
    )
)
# Of a text of which neither its field nor its voice says the language.
DEFAULT_LANGUAGE: Final = "en"


def choose(
    name: str, language: str | None, tts: TtsCapabilities, *, of_model: bool = False
) -> tuple[str, str]:
    """Return the language of a text, and the voice that speaks it, empty for the language's default.

    Args:
        name: Of one of the installation's voices or of OpenAI's, or a gender.
        language: BCP-47; None when the voice says it.
        tts: What there is.
        of_model: Whether that is one model of several: a default voice, which may be another one's, is
            named then.

    Raises:
        Unsupported: (codes unknown_voice, voice_language_mismatch, unsupported_language) the detail lists
            what there is.
    """
    own = next((voice for voice in tts.voices if voice.name == name), None)
    if own is None and name not in OPENAI_VOICES | voices.GENDERS:
        known = listed([voice.name for voice in tts.voices])
        raise Unsupported(f"There is no voice of that name. Voices: {known}.", code="unknown_voice")
    if own is not None and language is None:
        return own.language, own.name
    language = language or DEFAULT_LANGUAGE
    speakers = voices.speakers(tts.voices, language)
    if not speakers:
        spoken = listed(dict.fromkeys(voice.language for voice in tts.voices))
        raise Unsupported(f"{language} is not spoken here. Spoken: {spoken}.", code="unsupported_language")
    if own is None and name in OPENAI_VOICES:
        return language, speakers[0].name if of_model else ""
    if (found := voices.find(name, speakers)) is not None:
        return language, found.name
    known = f"Voices of {language}: {listed(voices.described(speakers))}."
    if own is None:
        raise Unsupported(f"There is no {name} voice. {known}", code="unknown_voice")
    raise Unsupported(f"That voice speaks another language. {known}", code="voice_language_mismatch")
