"""Chooses the voice of a text: one of the installation's own, or what stands for one of OpenAI's."""

from __future__ import annotations

from typing import Final

from services.gateway.jobs.languages import same_language
from services.gateway.jobs.ports import TtsCapabilities
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


def choose(name: str, language: str | None, tts: TtsCapabilities) -> tuple[str, str]:
    """Return the language of a text, and the voice that speaks it, empty for the language's default.

    Args:
        name: Of one of the installation's voices or of OpenAI's.
        language: BCP-47; None when the voice says it.
        tts: What there is.

    Raises:
        Unsupported: (codes unknown_voice, voice_language_mismatch, unsupported_language) the detail lists
            what there is.
    """
    own = next((voice for voice in tts.voices if voice.name == name), None)
    if own is None and name not in OPENAI_VOICES:
        voices = ", ".join(voice.name for voice in tts.voices) or "none"
        raise Unsupported(f"There is no voice of that name. Voices: {voices}.", code="unknown_voice")
    if own is not None and language is None:
        return own.language, own.name
    language = language or DEFAULT_LANGUAGE
    speakers = [voice.name for voice in tts.voices if same_language(voice.language, language)]
    if not speakers:
        spoken = ", ".join(dict.fromkeys(voice.language for voice in tts.voices)) or "none"
        raise Unsupported(f"{language} is not spoken here. Spoken: {spoken}.", code="unsupported_language")
    if own is not None and own.name not in speakers:
        raise Unsupported(
            f"That voice speaks another language. Voices of {language}: {', '.join(speakers)}.",
            code="voice_language_mismatch",
        )
    return language, own.name if own else ""
