"""What a glossary says to each stage, by the languages that it works on."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import NotFound
from services.shared.glossary import Glossary, Pronunciation, Term, glossary_of

CLAIM: dict[str, Any] = {
    "source": "claim",
    "source_language": "en",
    "target": {"pt-BR": "sinistro", "pt-PT": "participação", "es": "siniestro"},
}
PLUS: dict[str, Any] = {"source": "Care Plus", "keep": True, "spoken": {"pt": "quér plâs"}}
NAME: dict[str, Any] = {"source": "Nguyen", "spoken": {"en": "win"}}
ANY: dict[str, Any] = {"source": "dial tone", "target": {"pt-BR": "tom de linha"}, "case_sensitive": True}


def glossary(*entries: dict[str, Any]) -> Glossary:
    return Glossary.of({"terms": entries})


@pytest.mark.parametrize(
    ("language", "hints"),
    [
        ("en-US", ["claim", "Care Plus", "Nguyen", "dial tone"]),
        ("pt", ["sinistro", "Care Plus", "Nguyen", "tom de linha"]),
        ("pt-PT", ["participação", "Care Plus", "Nguyen", "dial tone"]),
        ("ja", ["Care Plus", "Nguyen", "dial tone"]),
    ],
)
def test_recognition_expects_what_may_be_said_in_its_language(language: str, hints: list[str]) -> None:
    assert glossary(CLAIM, PLUS, NAME, ANY).hints(language) == hints


def test_recognition_does_not_expect_what_is_no_hint_and_nothing_twice() -> None:
    assert glossary({**CLAIM, "hint": False}, PLUS, PLUS).hints("en") == ["Care Plus"]


def test_translation_gets_what_is_said_of_its_languages() -> None:
    terms = glossary(CLAIM, PLUS, NAME, ANY)
    plus, tone = Term("Care Plus", "Care Plus"), Term("dial tone", "tom de linha", case_sensitive=True)
    assert terms.terms("en-GB", "pt-BR") == [Term("claim", "sinistro"), plus, tone]
    assert terms.terms("en", "pt-PT") == [Term("claim", "participação"), plus]
    assert terms.terms("de", "pt") == [plus, tone]
    assert terms.terms("pt", "en") == [plus]


def test_a_kept_name_of_one_language_is_kept_from_that_language_only() -> None:
    only = glossary({**PLUS, "source_language": "pt"})
    assert only.terms("pt-BR", "en") == [Term("Care Plus", "Care Plus")]
    assert only.terms("en", "pt") == []


def test_speech_reads_what_is_written_in_its_language() -> None:
    spoken = glossary({**CLAIM, "spoken": {"pt": "siníixtru", "en": "cleim"}}, PLUS, NAME)
    read = [Pronunciation("sinistro", "siníixtru"), Pronunciation("Care Plus", "quér plâs")]
    assert spoken.pronunciations("pt-BR") == read
    assert spoken.pronunciations("en") == [Pronunciation("claim", "cleim"), Pronunciation("Nguyen", "win")]
    assert spoken.pronunciations("de") == []
    acronym = {"source": "IT", "case_sensitive": True, "spoken": {"en": "eye tee"}}
    assert glossary(acronym).pronunciations("en") == [Pronunciation("IT", "eye tee", case_sensitive=True)]


def test_a_job_without_a_glossary_has_an_empty_one(tmp_path: Path) -> None:
    assert glossary_of({}, LocalArtifacts(tmp_path)) == Glossary()


def test_a_jobs_glossary_is_read_once(tmp_path: Path) -> None:
    artifacts = LocalArtifacts(tmp_path)
    spec = {"glossary": {"key": "default/job_once/glossary.json"}}
    with pytest.raises(NotFound):
        glossary_of(spec, artifacts)
    artifacts.put(spec["glossary"]["key"], json.dumps({"terms": [PLUS]}).encode())
    assert glossary_of(spec, artifacts) == glossary(PLUS)
    artifacts.delete_prefix("default/")
    assert glossary_of(spec, artifacts) == glossary(PLUS)


def test_only_the_last_glossaries_are_kept(tmp_path: Path) -> None:
    artifacts = LocalArtifacts(tmp_path)
    keys = [f"default/job_{number}/glossary.json" for number in range(40)]
    for key in keys:
        artifacts.put(key, json.dumps({"terms": [PLUS]}).encode())
    readers = [
        threading.Thread(target=lambda: [glossary_of({"glossary": {"key": key}}, artifacts) for key in keys])
        for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    artifacts.delete_prefix("default/")
    assert glossary_of({"glossary": {"key": keys[-1]}}, artifacts) == glossary(PLUS)
    with pytest.raises(NotFound):
        glossary_of({"glossary": {"key": keys[0]}}, artifacts)
