"""Names and language codes of the speakers that a model of coqui-tts holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.tts.cloning import ClonedVoice
from services.tts.engines.base import Voice

# Of several regions that one model speaks, these come first: what most calls want.
_COMMON: Final = ("en-US", "es-ES", "fr-FR", "pt-BR", "zh-CN")
_SCRIPT: Final = 4


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, and what the library calls it.

    Attributes:
        voice: As clients see it.
        name: The library's speaker, or the cloned voice; empty for the only one of a model.
        language: The library's code.
    """

    voice: Voice
    name: str
    language: str


def bcp47(language: str) -> str:
    """Return a language as BCP-47 writes it: pt-BR for pt-br and pt_BR, zh-Hans for zh-hans, zh for cmn."""
    primary, *rest = language.replace("_", "-").split("-")
    primary = "zh" if primary.lower() == "cmn" else primary.lower()
    return "-".join((primary, *(each.title() if len(each) == _SCRIPT else each.upper() for each in rest)))


def speakers(names: Sequence[str], languages: Iterable[str], only: str = "") -> tuple[Speaker, ...]:
    """Return every speaker in every language, the first one of each language as its default.

    Args:
        names: The library's.
        languages: The library's.
        only: What the voice of a model without named speakers is called.
    """
    codes = {language: bcp47(language) for language in languages}
    ordered = sorted(codes, key=lambda language: codes[language] not in _COMMON)
    found = []
    for language in ordered:
        for at, name in enumerate(names or [""]):
            voice = _voice_name(name or only, codes[language], len(codes))
            found.append(Speaker(Voice(voice, codes[language], "", default=at == 0), name, language))
    return tuple(found)


def with_cloned(
    found: tuple[Speaker, ...], cloned: Iterable[ClonedVoice], languages: Sequence[str]
) -> tuple[Speaker, ...]:
    """Add cloned voices, each in those of the model's languages that its person agreed to.

    A cloned voice speaks for who names it; it is a language's default only where there is no other voice.
    """
    everyone, taken = list(found), {each.voice.language_code for each in found}
    for clone in cloned:
        agreed = {bcp47(each).partition("-")[0] for each in clone.languages}
        spoken = [each for each in languages if bcp47(each).partition("-")[0] in agreed]
        for language in spoken:
            code = bcp47(language)
            name = _voice_name(clone.name, code, len(spoken))
            voice = Voice(name, code, clone.gender, default=code not in taken, cloned=True)
            everyone.append(Speaker(voice, clone.name, language))
            taken.add(code)
    return tuple(everyone)


def _voice_name(name: str, code: str, languages: int) -> str:
    # Some speakers of VCTK end in a line feed, and those of XTTS have spaces.
    plain = "_".join(name.split())
    return plain if languages == 1 else f"{plain}-{code}"
