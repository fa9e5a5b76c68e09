"""An entity is written as the target language does, and is the same when it is read there."""

from __future__ import annotations

import pytest

from services.shared.entities.comparison import pairs
from services.shared.entities.extraction import entities
from services.shared.entities.writing import written
from tests.unit.shared.entities.test_sentences import ALL

WRITTEN = ["en", "en-GB", "es", "es-MX", "pt-BR", "pt-PT", "fr", "it", "de"]


@pytest.mark.parametrize(
    ("source", "target", "text", "expected"),
    [
        ("en", "pt-BR", "$1,234.50", "US$ 1.234,50"),
        ("en", "pt-PT", "$1,234.50", "1.234,50 US$"),
        ("en", "pt", "1,234.50", "1.234,50"),
        ("en", "es-MX", "1,234.50", "1,234.50"),
        ("en", "fr", "€1,234.50", "1\u202f234,50 €"),
        ("pt", "en", "R$ 1.234,50", "R$1,234.50"),
        ("en", "pt", "50 cents", "50 centavos"),
        ("en", "pt", "03/05/2026", "05/03/2026"),
        ("pt", "en", "5/3/26", "3/5/26"),
        ("en", "pt", "2026-03-05", "2026-03-05"),
        ("en", "pt", "March 5th, 2026", "5 de março de 2026"),
        ("fr", "en-GB", "1er août", "1 August"),
        ("pt", "fr", "em março de 2026", "mars 2026"),
        ("en", "pt", "2:30 pm", "14h30"),
        ("en", "es", "2:30 pm", "14:30"),
        ("pt", "en", "14h30", "2:30 pm"),
        ("pt", "en", "às duas e meia", "2:30"),
        ("en", "pt", "four two seven", "427"),
        ("en", "pt", "341-351-5158", "341-351-5158"),
        ("en", "pt", "A B C 1 2", "ABC12"),
        ("en", "pt", "Il-76", "Il-76"),
        ("pt", "en", "Boeing-747", "Boeing-747"),
        ("en", "pt", "forty-six, oh nine", "4609"),
        ("en", "pt", "twenty-one, sixty-seven, eleven", "21, 67, 11"),
        ("en", "fr", "12.5%", "12,5\u00a0%"),
        ("en", "pt", "one hundred thousand", "100.000"),
        ("en", "pt", "in 1990", "1990"),
        ("en", "pt", "the 21st", "21º"),
        ("pt", "en", "o 22º", "22nd"),
        ("en", "de", "four two seven", "427"),
    ],
)
def test_an_entity_is_written_as_the_language_does(
    source: str, target: str, text: str, expected: str
) -> None:
    (entity,) = entities(text, source)
    assert written(entity, source, target) == expected


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize(("source", "text"), [each[:2] for each in ALL])
def test_what_is_written_is_read_as_the_same(source: str, text: str, target: str) -> None:
    for entity in entities(text, source):
        again = entities(f"xyz {written(entity, source, target)} xyz", target)
        assert entity.kind == "name" or all(pair.match for pair in pairs([entity], again)), again
