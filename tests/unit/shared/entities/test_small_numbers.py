"""A small number in words may be said otherwise, but not be another one."""

from __future__ import annotations

import pytest

from services.shared.entities.comparison import matched


@pytest.mark.parametrize(
    ("source_language", "source", "target_language", "target"),
    [
        ("en", "two dogs", "pt", "três cães"),
        ("es", "siete días", "fr", "six jours"),
        ("pt", "cem pessoas", "es", "mil personas"),
        ("en", "two, three and four", "pt", "dois, três e cinco"),
        ("pt", "onze, dez, trinta e três", "en", "11, Dec, 33"),
        ("pt", "onze, dez e trinta e três", "en", "11, Dec and 33"),
        ("en", "eight to twelve days", "pt", "até doze dias"),
        ("en", "twelve or nine", "pt", "doze ou novembro"),
    ],
)
def test_another_number_is_a_mismatch(
    source_language: str, source: str, target_language: str, target: str
) -> None:
    assert not matched(source, source_language, target, target_language)
    assert not matched(target, target_language, source, source_language)


@pytest.mark.parametrize(
    ("source_language", "source", "target_language", "target"),
    [
        ("en", "both dogs and three cats", "pt", "dois cães e três gatos"),
        ("en", "two dogs and three cats", "pt", "três gatos e dois cães"),
        ("en", "the second of three", "pt", "o segundo de três"),
        ("en", "a couple of the two", "es", "un par de los dos"),
        ("en", "one of two", "it", "tu sei uno di due"),
        ("en", "two are new", "fr", "ce qui est neuf"),
        ("en", "you have two", "it", "sei tu"),
        ("en", "twelve, a moment please", "pt", "doze, um momento por favor"),
        ("en", "between eight and twelve", "pt", "entre 8 e 12"),
    ],
)
def test_another_way_to_say_it_is_none(
    source_language: str, source: str, target_language: str, target: str
) -> None:
    assert matched(source, source_language, target, target_language)
    assert matched(target, target_language, source, source_language)
