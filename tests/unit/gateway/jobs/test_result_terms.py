"""What became of a glossary's terms, in the result."""

from __future__ import annotations

from typing import Any

from tests.unit.gateway.jobs.test_result import SPEC, call, composed, transcript, translation

MISSED = {"source": "room", "target": "sala", "hit": False}


def test_a_term_that_was_missed_is_shown_warned_of_and_counted() -> None:
    units, documents = call()
    documents["u"] = translation("Quarto 12", terms=[MISSED])
    glossary = {"glossary": {"key": "k", "id": f"glo_{7:032x}", "version": 3}}
    result = composed("speech_translation", units, documents, SPEC | glossary)
    (region,) = result["channels"][0]["regions"]
    assert (region["terms"], region["warnings"]) == ([MISSED], ["term_missed"])
    assert region["needs_review"] is result["needs_review"] is True
    assert result["glossary"] == {
        "id": f"glo_{7:032x}",
        "version": 3,
        "terms": [{"source": "room", "target": "sala", "hits": 0, "misses": 1}],
    }


def test_a_term_of_a_translation_by_the_recogniser_is_counted_once() -> None:
    units, documents = call()
    made: dict[str, Any] = {"text": "Quarto 12", "terms": [MISSED | {"hit": True}]}
    documents |= {"t": transcript("Room 12", translation=made), "u": translation(**made)}
    glossary = {"glossary": {"key": "k", "id": f"glo_{7:032x}", "version": 3}}
    result = composed("speech_translation", units, documents, SPEC | glossary)
    assert result["glossary"]["terms"][0]["hits"] == 1


def test_a_job_without_a_glossary_tells_of_none() -> None:
    assert "glossary" not in composed("speech_translation", *call())
