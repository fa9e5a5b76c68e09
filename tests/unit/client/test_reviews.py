"""What a person should check: how it is set, and how a result says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dragoman.models import ReviewPolicy
from dragoman.parts import Timing
from dragoman.results import Result
from tests.support.stub_gateway import StubGateway
from tests.unit.client.conftest import Either

TENANT: dict[str, Any] = {
    "name": "acme",
    "limits": {},
    "review": {"min_confidence": 0.7, "ignored": ["hole"]},
}
REGION: dict[str, Any] = {
    "start_ms": 0,
    "end_ms": 1000,
    "source": {"text": "Code 427.", "confidence": 0.9, "words": []},
    "translation": {"text": "Código 47."},
    "speech": {
        "voice": "dora",
        "duration_ms": 900,
        "overlap_ms": 20,
        "spoken_text": "Cód. 47.",
        "heard": {"word_error_rate": 0.2, "entities_match": False, "passes": 2},
    },
    "entities": [
        {
            "kind": "digits",
            "source": "427",
            "target": "47",
            "source_text": "427",
            "target_text": "47",
            "start_ms": 300,
            "end_ms": 900,
            "confidence": 0.8,
            "match": False,
        }
    ],
    "warnings": ["entity_mismatch"],
    "needs_review": True,
    "review_reasons": ["entity_mismatch"],
}
CHANNEL = {
    "index": 0,
    "sounds": [{"kind": "dtmf", "start_ms": 1, "end_ms": 2, "digits": "42#"}],
    "regions": [REGION],
}
TIMING = {"regions": 1, "within_slot": 1, "shortened": 1, "overlapping": 1}


def sent(gateway: StubGateway) -> Any:
    return json.loads(gateway.requests[-1][2])


def test_a_policy_is_sent_only_where_one_is_given(gateway: StubGateway, either: Either) -> None:
    gateway.say("PUT /v1/tenants/acme", TENANT)
    made = either(
        lambda client: client.tenants.set("acme", review={"min_confidence": 0.7}, unfinished_jobs=5)
    )
    wanted = {"name": "acme", "limits": {"unfinished_jobs": 5}, "review": {"min_confidence": 0.7}}
    assert sent(gateway) == wanted
    assert made.review == ReviewPolicy(min_confidence=0.7, ignored=["hole"])
    either(lambda client: client.tenants.set("acme"))
    assert sent(gateway) == {"name": "acme", "limits": {}}
    either(lambda client: client.tenants.set("acme", review={}))
    assert sent(gateway) == {"name": "acme", "review": {}}, "a review alone leaves the limits"


def test_a_result_says_why_to_look_at_it() -> None:
    document = {
        "job": "job_1",
        "kind": "speech_translation",
        "needs_review": True,
        "review_reasons": {"entity_mismatch": 1},
        "channels": [CHANNEL],
        "timing": TIMING,
    }
    result = Result.model_validate(document)
    (channel,) = result.channels
    (region,) = channel.regions
    assert result.review_reasons == {"entity_mismatch": 1}
    assert region.review_reasons == ["entity_mismatch"]
    assert (region.entities[0].start_ms, region.entities[0].match) == (300, False)
    assert region.speech is not None
    assert region.speech.heard is not None
    assert (region.speech.spoken_text, region.speech.heard.passes) == ("Cód. 47.", 2)
    assert channel.sounds[0].digits == "42#"
    assert result.timing is not None
    assert (result.timing.shortened, result.timing.delayed) == (1, 0)


def test_the_client_knows_every_count_of_the_timing(repository: Path) -> None:
    schema = json.loads((repository / "services/gateway/jobs/result.schema.json").read_text(encoding="utf-8"))
    assert set(Timing.model_fields) == set(schema["$defs"]["timing"]["properties"])


def test_a_result_of_an_older_gateway_has_none_of_it() -> None:
    old = {"kind": "number", "source": "427", "target": None, "match": False}
    region = {name: REGION[name] for name in ("start_ms", "end_ms", "source")} | {"entities": [old]}
    document = {"job": "job_1", "kind": "transcription", "channels": [{"index": 0, "regions": [region]}]}
    result = Result.model_validate(document)
    assert (result.timing, result.review_reasons, result.channels[0].sounds) == (None, {}, [])
    assert result.channels[0].regions[0].entities[0].source_text is None
