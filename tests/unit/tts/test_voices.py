"""Voices are found by language, and by name within it, over all engines."""

from __future__ import annotations

import pytest

from services.shared.engines import Model, Reference
from services.shared.errors import Unsupported
from services.tts.engines.base import Voice
from services.tts.voices import Cast, choose, offers

FIRST: Cast = (
    Reference("first"),
    Model("one", "1"),
    (
        Voice("ana", "en-US", "female", default=True),
        Voice("bob", "en-US", "male"),
        Voice("cat", "en-GB", "female", default=True),
        Voice("dora", "pt-BR", "female", default=True),
    ),
)
SECOND: Cast = (
    Reference("second", "/models/two"),
    Model("two", "1"),
    (
        Voice("eva", "pt-PT", "female", default=True),
        Voice("bob", "fr", "male", default=True),
        Voice("gil", "en", "male", default=True),
    ),
)
THIRD: Cast = (
    Reference("third"),
    Model("two", "2"),
    (
        Voice("bob", "en-IE", "male", default=True, last_resort=True),
        Voice("hal", "ja", "male", default=True, last_resort=True),
    ),
)
OFFERS = offers((FIRST, SECOND, THIRD))


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
        ("pt-AO", "dora"),
        ("fr-CA", "two/bob"),
    ],
)
def test_a_language_is_spoken_by_its_region_or_else_by_the_first_one(language: str, name: str) -> None:
    assert choose(OFFERS, language).voice.name == name


@pytest.mark.parametrize("language", ["pt-PT", "pt_PT"])
def test_a_region_that_is_asked_for_is_spoken_by_the_first_engine_that_has_it(language: str) -> None:
    assert choose(OFFERS, language).voice.name == "eva"
    assert choose(offers((FIRST,)), language).voice.name == "dora"


def test_a_last_resort_speaks_only_what_nothing_else_speaks() -> None:
    assert choose(OFFERS, "en-IE").voice.name == "ana"
    assert choose(OFFERS, "ja-JP").voice.name == "hal"


def test_a_cloned_voice_speaks_for_who_names_it_and_unnamed_only_what_no_other_voice_does() -> None:
    cloned = (
        Voice("maria", "ja", "female", default=True, cloned=True),
        Voice("maria-ko", "ko", "", cloned=True),
    )
    every = offers(((Reference("zeroth"), Model("zero", "1"), cloned), THIRD))
    assert choose(every, "ja").voice.name == "hal", "a last resort belongs to nobody"
    assert choose(every, "ja", "maria").voice.cloned
    assert choose(every, "ko").voice.name == "maria-ko"
    assert [each.voice.name for each in every if each.voice.default] == ["maria-ko", "bob", "hal"]


def test_the_order_of_the_engines_decides() -> None:
    assert choose(offers((SECOND, FIRST)), "en").voice.name == "gil"


def test_the_defaults_are_the_voices_that_speak_when_none_is_named() -> None:
    for offer in OFFERS:
        speaks = choose(OFFERS, offer.voice.language_code).voice.name == offer.voice.name
        assert offer.voice.default == speaks, offer


def test_names_are_unique_over_all_engines_and_known_to_their_own() -> None:
    bobs = [(each.voice.name, each.own_name) for each in OFFERS if each.own_name == "bob"]
    assert bobs == [("bob", "bob"), ("two/bob", "bob"), ("third/bob", "bob")]


def test_a_named_voice_speaks_any_region_of_its_language() -> None:
    assert choose(OFFERS, "en-GB", "bob").voice.name == "bob"
    assert choose(OFFERS, "en-GB", "third/bob").reference == Reference("third")


def test_a_language_without_voice_is_refused_with_the_languages_there_are() -> None:
    with pytest.raises(Unsupported, match="en-US, en-GB, pt-BR") as refused:
        choose(OFFERS, "ko")
    assert refused.value.code == "unsupported_language"


def test_an_unknown_voice_is_refused_with_the_voices_of_the_language() -> None:
    with pytest.raises(Unsupported, match="ana, bob, cat") as refused:
        choose(OFFERS, "en", "nobody")
    assert refused.value.code == "unknown_voice"


def test_a_voice_of_another_language_is_refused_with_the_voices_of_the_language() -> None:
    with pytest.raises(Unsupported, match="dora") as refused:
        choose(OFFERS, "pt", "bob")
    assert refused.value.code == "voice_language_mismatch"


def test_a_language_that_only_begins_alike_is_another_one() -> None:
    with pytest.raises(Unsupported):
        choose(OFFERS, "enm")
