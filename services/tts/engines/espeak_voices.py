"""espeak-ng's voices under the names that everybody else uses for their languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from services.tts.engines.base import Voice
from services.tts.engines.espeak_library import EspeakVoice

# espeak's tag to BCP-47 where they are not the same but for upper case: some of espeak's regions are none.
_TAGS: Final = {
    "ca-ba": "ca-x-balear",
    "ca-nw": "ca-x-nw",
    "ca-va": "ca-valencia",
    "chr-us-qaaa-x-west": "chr",
    "cmn": "zh",
    "en-us-nyc": "en-US-x-nyc",
    "pt": "pt-PT",
    "ru-cl": "ru-x-classic",
}
# It reads kanji as "Chinese letter", and the package lacks the dictionaries of fo and kaa; the rest are other
# alphabets' spellings of a language, or nobody's language.
_LEFT_OUT: Final = {
    "cmn-latn-pinyin", "en-shaw", "fa-latn", "fo", "ja", "kaa", "piqd", "py", "qdb", "qya", "sjn", "xex",
}  # fmt: skip
# Which region stands for a language where espeak has several.
_COMMON: Final = ("en-US", "fr-FR", "pt-BR")
# espeak's own voices are male; its variant f3 makes a female one of each.
_GENDERS: Final = {"male": "", "female": "+f3"}


def listed(found: Iterable[EspeakVoice]) -> dict[Voice, str]:
    """Return a male and a female voice of each language, common regions first, with espeak's names."""
    identifiers: dict[str, str] = {}
    for voice in found:
        if voice.language.lower() not in _LEFT_OUT:
            identifiers.setdefault(tag(voice.language), voice.identifier)
    ordered = sorted(
        identifiers, key=lambda code: (code.partition("-")[0], code not in _COMMON, len(code), code)
    )
    return {voice: known for code in ordered for voice, known in _pair(code, identifiers[code])}


def _pair(code: str, identifier: str) -> Iterator[tuple[Voice, str]]:
    for gender, variant in _GENDERS.items():
        name = f"espeak-{code.lower()}" + ("" if gender == "male" else f"-{gender}")
        voice = Voice(name, code, gender, default=gender == "male", last_resort=True)
        yield voice, identifier + variant


def tag(language: str) -> str:
    """Return the BCP-47 tag of espeak's one."""
    if known := _TAGS.get(language.lower()):
        return known
    primary, *rest = language.lower().split("-")
    parts = [primary]
    for part in rest:
        private = "x" in parts
        parts.append(part.upper() if len(part) == 2 and not private else part)  # noqa: PLR2004 - a region
    return "-".join(parts)
