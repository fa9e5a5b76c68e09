"""Voices are found by language, and by name within it."""

from __future__ import annotations

import pytest

from services.shared.errors import Unsupported
from services.tts.engines.base import Voice
from services.tts.voices import choose

VOICES = (
    Voice("ana", "en-US", "female", default=True),
    Voice("bob", "en-US", "male"),
    Voice("cat", "en-GB", "female", default=True),
    Voice("dora", "pt-BR", "female", default=True),
)


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en-US", "ana"),
        ("en", "ana"),
        ("en-GB", "cat"),
        ("EN-gb", "cat"),
        ("en-AU", "ana"),
        ("pt-BR", "dora"),
        ("pt", "dora"),
        ("pt-PT", "dora"),
        ("pt_PT", "dora"),
    ],
)
def test_a_language_is_spoken_by_its_region_or_else_by_its_first_one(language: str, name: str) -> None:
    assert choose(VOICES, language).name == name


def test_a_named_voice_speaks_any_region_of_its_language() -> None:
    assert choose(VOICES, "en-GB", "bob").name == "bob"


def test_a_language_without_voice_is_refused_with_the_languages_there_are() -> None:
    with pytest.raises(Unsupported, match="en-US, en-GB, pt-BR") as refused:
        choose(VOICES, "ja")
    assert refused.value.code == "unsupported_language"


def test_an_unknown_voice_is_refused_with_the_voices_of_the_language() -> None:
    with pytest.raises(Unsupported, match="ana, bob, cat") as refused:
        choose(VOICES, "en", "nobody")
    assert refused.value.code == "unknown_voice"


def test_a_voice_of_another_language_is_refused_with_the_voices_of_the_language() -> None:
    with pytest.raises(Unsupported, match="dora") as refused:
        choose(VOICES, "pt", "bob")
    assert refused.value.code == "voice_language_mismatch"


def test_a_language_that_only_begins_alike_is_another_one() -> None:
    with pytest.raises(Unsupported):
        choose(VOICES, "enm")
