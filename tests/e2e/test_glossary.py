"""A glossary with the real models: recognition spells its names, and translation keeps to its terms."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.e2e.conftest import Installation
from tests.e2e.test_other_kinds import result_of, run, spoken

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

NAME = "Nimbra Flex"
SAID = "I ordered the Nimbra Flex and it never arrived. I want to open a claim."
TERMS: list[dict[str, Any]] = [
    {"source": NAME, "keep": True, "spoken": {"pt-BR": "nimbra fléks"}},
    {"source": "claim", "source_language": "en", "target": {"pt-BR": "sinistro"}, "hint": False},
]


@pytest.fixture(scope="module")
def glossary(installation: Installation) -> str:
    """The id of a glossary."""
    answer = installation.http.post("/v1/glossaries", json={"name": "e2e", "terms": TERMS})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def schema(repository: Any) -> dict[str, Any]:
    """What a result must fit."""
    document: dict[str, Any] = json.loads(
        (repository / "services/gateway/jobs/result.schema.json").read_text()
    )
    return document


def test_a_text_keeps_to_the_glossary(
    installation: Installation, glossary: str, schema: dict[str, Any]
) -> None:
    spec = {"kind": "text_translation", "source_language": "en", "target_language": "pt-BR", "text": SAID}
    plain = result_of(installation, run(installation, spec))
    assert "sinistro" not in plain["translation"]["text"]
    result = result_of(installation, run(installation, spec | {"glossary_id": glossary}))
    jsonschema.validate(result, schema)
    assert "sinistro" in result["translation"]["text"]
    assert NAME in result["translation"]["text"]
    assert [use["hit"] for use in result["terms"]] == [True, True]
    assert result["glossary"]["id"] == glossary


def test_a_call_keeps_to_the_glossary_from_hearing_to_speaking(
    installation: Installation, glossary: str, schema: dict[str, Any]
) -> None:
    speech = spoken(installation, SAID, "en")
    spec = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}
    plain = result_of(installation, run(installation, spec, speech))
    assert NAME not in " ".join(each["source"]["text"] for each in plain["channels"][0]["regions"])
    job = run(installation, spec | {"glossary_id": glossary}, speech)
    assert job["state"] == "succeeded", job
    result = result_of(installation, job)
    jsonschema.validate(result, schema)
    regions = result["channels"][0]["regions"]
    for side in ("source", "translation"):
        assert NAME in " ".join(each[side]["text"] for each in regions)
    hits = {each["source"]: (each["hits"], each["misses"]) for each in result["glossary"]["terms"]}
    assert hits == {NAME: (1, 0), "claim": (1, 0)}
    assert all(each["speech"]["duration_ms"] > 0 for each in regions)
