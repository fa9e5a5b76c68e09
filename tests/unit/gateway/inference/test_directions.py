"""Who translates what is heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from services.gateway.inference.directions import Direction, Translator, translator
from services.gateway.jobs import abilities
from services.shared.errors import Unavailable, Unsupported


@dataclass
class Abilities:
    """What an installation can do, and who was asked."""

    into_english: bool = True
    pairs: tuple[abilities.Pair, ...] = (abilities.Pair("en", "pt"), abilities.Pair("pt", "en"))
    asked: list[str] = field(default_factory=list)

    def asr(self) -> abilities.AsrCapabilities:
        self.asked.append("asr")
        return abilities.AsrCapabilities(("en", "pt", "fr"), self.into_english)

    def translation(self) -> abilities.TranslationCapabilities:
        self.asked.append("translation")
        return abilities.TranslationCapabilities(self.pairs)

    def tts(self) -> abilities.TtsCapabilities:
        raise Unavailable("Nobody speaks here.")

    def codec(self) -> abilities.CodecCapabilities:
        raise Unavailable("Nobody decodes here.")


@pytest.mark.parametrize(
    ("direction", "by"),
    [
        (Direction("en"), Translator.NOBODY),
        (Direction("auto"), Translator.NOBODY),
        (Direction("pt-BR", "pt-PT"), Translator.NOBODY),
        (Direction("en-GB", "en-US"), Translator.NOBODY),
        (Direction("fr", "en"), Translator.RECOGNISER),
        (Direction("auto", "en-US"), Translator.RECOGNISER),
        (Direction("en", "pt-BR"), Translator.SERVICE),
        (Direction("auto", "pt"), Translator.SERVICE),
    ],
)
def test_the_recogniser_translates_into_english_and_the_service_the_rest(
    direction: Direction, by: Translator
) -> None:
    assert translator(direction, Abilities()) is by


def test_where_the_recogniser_does_not_translate_the_service_does() -> None:
    assert translator(Direction("pt", "en"), Abilities(into_english=False)) is Translator.SERVICE


@pytest.mark.parametrize(
    ("direction", "code"),
    [
        (Direction("ja"), "unsupported_language"),
        (Direction("fr", "pt"), "unsupported_language_pair"),
        (Direction("auto", "ja"), "unsupported_language_pair"),
    ],
)
def test_what_nobody_does_is_refused(direction: Direction, code: str) -> None:
    with pytest.raises(Unsupported) as caught:
        translator(direction, Abilities())
    assert caught.value.code == code


def test_only_those_who_are_needed_are_asked() -> None:
    told = Abilities()
    translator(Direction("fr", "en"), told)
    assert told.asked == ["asr"]
