"""Who translates what is heard: the recogniser, the translation service, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from services.gateway.jobs.abilities import AsrCapabilities, Capabilities, TranslationCapabilities
from services.gateway.jobs.languages import AUTO, any_serves, same_language, serves
from services.gateway.jobs.listing import listed
from services.shared.errors import Unsupported

_ENGLISH: Final = "en"


class Translator(Enum):
    """Who makes the text that is wanted of what is heard."""

    NOBODY = "nobody"
    RECOGNISER = "recogniser"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Direction:
    """From which language into which.

    Attributes:
        source: BCP-47, or "auto".
        target: BCP-47; None to leave what is said as it is.
    """

    source: str
    target: str | None = None


def translator(direction: Direction, capabilities: Capabilities) -> Translator:
    """Return who translates. Only the services that are needed for the answer are asked.

    Raises:
        Unsupported: (codes unsupported_language, unsupported_language_pair) nobody does; the detail lists
            what there is.
        Unavailable: a needed service has not answered yet.
    """
    asr = capabilities.asr()
    _check_recognised(direction.source, asr)
    if direction.target is None or _same(direction):
        return Translator.NOBODY
    if serves(direction.target, _ENGLISH) and asr.translates_to_english:
        return Translator.RECOGNISER
    _check_pair(direction, asr, capabilities.translation)
    return Translator.SERVICE


def _same(direction: Direction) -> bool:
    return direction.source != AUTO and same_language(direction.source, direction.target or "")


def _check_recognised(language: str, asr: AsrCapabilities) -> None:
    if language != AUTO and not any_serves(asr.languages, language):
        raise Unsupported(
            f"{language} is not recognised here. Recognised: {listed(asr.languages)};"
            " leave the language out to have it detected.",
            code="unsupported_language",
        )


def _check_pair(
    direction: Direction, asr: AsrCapabilities, ask: Callable[[], TranslationCapabilities]
) -> None:
    source, target = direction.source, direction.target or ""
    pairs = ask().pairs
    if any((source == AUTO or serves(pair.source, source)) and serves(pair.target, target) for pair in pairs):
        return
    known = list(dict.fromkeys(f"{pair.source} to {pair.target}" for pair in pairs))
    known += ["any recognised language to en"] if asr.translates_to_english else []
    raise Unsupported(
        f"Translation from {source} to {target} is not supported. Supported: {listed(known)}.",
        code="unsupported_language_pair",
    )
