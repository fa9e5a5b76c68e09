"""Liveness, readiness, metrics, and the stages."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from services.gateway.jobs.spec import kinds
from services.shared import tasks
from services.shared.errors import Unavailable
from tests.unit.gateway import world as steps
from tests.unit.gateway.api.test_errors import check_shape
from tests.unit.gateway.conftest import Components
from tests.unit.gateway.world import CALL_SPEC, TEXT_SPEC, WAV, Several, World


async def test_liveness_asks_nobody(stranger: httpx.AsyncClient, components: Components) -> None:
    components.ready = False
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}


async def test_liveness_needs_no_thread(stranger: httpx.AsyncClient) -> None:
    """Requests that wait for Redis hold all of them when Redis is away."""
    limiter = to_thread.current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, 1
    try:
        async with limiter:
            assert (await asyncio.wait_for(stranger.get("/healthz"), timeout=5)).status_code == 200
    finally:
        limiter.total_tokens = before


PATHS = ("", "/{id}", "/{id}/events", "/{id}/result", "/{id}/artifacts")


@pytest.mark.parametrize("path", [*(f"/v1/jobs{path}" for path in PATHS), "/v1/stages"])
async def test_a_store_that_is_away_is_to_be_asked_again(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def away(*_arguments: object) -> None:
        raise Unavailable("Redis is away.", code="redis_unavailable")

    job = world.submit(TEXT_SPEC)
    for method in ("get", "list", "depths"):
        monkeypatch.setattr(world.store, method, away)
    answer = await client.get(path.format(id=job.id))
    assert (answer.status_code, check_shape(answer)["code"]) == (503, "redis_unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_readiness_lists_every_component(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert [each["name"] for each in answer.json()["components"]] == ["redis", "asr"]


async def test_one_missing_component_is_not_ready(
    stranger: httpx.AsyncClient, components: Components
) -> None:
    components.ready = False
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert int(answer.headers["retry-after"]) > 0
    assert [each["ready"] for each in answer.json()["components"]] == [True, False]


async def test_a_gateway_that_ends_is_not_ready(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    app.state.context.ending.set()
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["components"][-1]["name"] == "gateway"


async def test_metrics_show_how_deep_the_stages_are(stranger: httpx.AsyncClient, world: World) -> None:
    world.submit(TEXT_SPEC)
    answer = await stranger.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'dragoman_stage_units{stage="translation.translate",state="queued"} 1.0' in answer.text
    assert "dragoman_http_seconds" in answer.text


async def test_metrics_survive_a_store_that_is_away(
    stranger: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise Unavailable("Redis is away.")

    monkeypatch.setattr(world.store, "depths", away)
    answer = await stranger.get("/metrics")
    assert answer.status_code == 200
    assert "dragoman_stage_units" not in answer.text


async def test_stages_show_depth_and_abilities(client: httpx.AsyncClient, world: World) -> None:
    world.submit(CALL_SPEC, WAV)
    steps.decoded(world, world.submit(CALL_SPEC, WAV))
    shown = (await client.get("/v1/stages")).json()
    depths = {stage["name"]: stage for stage in shown["stages"]}
    assert list(depths) == list(tasks.STAGES)
    assert depths[tasks.DECODE] == {"name": tasks.DECODE, "queued": 1, "running": 0, "done": 1}
    assert depths[tasks.SEGMENT]["queued"] == 2
    abilities = shown["capabilities"]
    assert {
        "source_language": "en",
        "target_language": "pt",
        "models": [],
        "pivot_language": None,
    } in abilities["pairs"]
    assert "dora" in [voice["name"] for voice in abilities["voices"]]
    assert abilities["codecs"][1] == {
        "name": "flac", "bitrates_kbps": None, "default_bitrate_kbps": 0, "packet_ms": 0, "model": None,
    }  # fmt: skip
    assert abilities["translates_to_english"] is True


async def test_stages_show_who_does_what(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("asr", "translation", "tts", "codec"):
        monkeypatch.setattr(world.abilities, service, getattr(Several(), service))
    shown = (await client.get("/v1/stages")).json()["capabilities"]
    assert shown["models"]["asr"] == [
        {
            "name": "base",
            "revision": "1",
            "sha256": "ab",
            "languages": ["en", "pt", "fr"],
            "translates_to_english": True,
        },
        {"name": "nippon", "revision": "", "sha256": "", "languages": ["ja"], "translates_to_english": False},
    ]
    assert [each["name"] for each in shown["models"]["translation"]] == ["tiny", "m2m"]
    assert {
        "source_language": "pt", "target_language": "fr", "models": ["tiny", "m2m"], "pivot_language": "en",
    } in shown["pairs"]  # fmt: skip
    assert shown["voices"][0] == {
        "name": "robot-pt", "language": "pt", "gender": "male", "default": False, "model": "espeak",
        "cloned": False, "last_resort": True,
    }  # fmt: skip
    assert shown["voices"][-1]["gender"] is None
    assert shown["codecs"][-1] == {
        "name": "encodec", "bitrates_kbps": [1.5, 3, 6, 12, 24], "default_bitrate_kbps": 6, "packet_ms": 80,
        "model": {"name": "encodec-24khz", "revision": "1", "sha256": "aa"},
    }  # fmt: skip


async def test_a_service_that_never_answered_shows_no_abilities(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise Unavailable("Speech synthesis is away.")

    monkeypatch.setattr(world.abilities, "tts", away)
    abilities = (await client.get("/v1/stages")).json()["capabilities"]
    assert abilities["voices"] is None
    assert abilities["codecs"]


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    description = (await client.get("/v1/openapi.json")).json()
    assert "/v1/jobs/{job_id}/events" in description["paths"]
    body = description["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    form = body["multipart/form-data"]["schema"]["properties"]
    assert form["spec"] == body["application/json"]["schema"] == {"$ref": "#/components/schemas/JobSpec"}
    assert set(description["components"]["schemas"]["JobSpec"]["discriminator"]["mapping"]) == set(kinds())


async def test_the_description_names_the_headers_of_a_submission(client: httpx.AsyncClient) -> None:
    description = (await client.get("/v1/openapi.json")).json()
    described = {each["name"]: each for each in description["paths"]["/v1/jobs"]["post"]["parameters"]}
    assert set(described) == {"idempotency-key", "x-stainless-retry-count"}
    assert {each["in"] for each in described.values()} == {"header"}
    assert all(each["description"] and not each["required"] for each in described.values())
    assert "/v1/jobs/{job_id}/retry" in description["paths"]


async def test_every_reference_of_the_description_leads_somewhere(client: httpx.AsyncClient) -> None:
    for _ in range(2):  # the description is made once and kept
        text = (await client.get("/v1/openapi.json")).text
        named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
        assert named <= json.loads(text)["components"]["schemas"].keys()
        assert "$defs" not in text


@pytest.mark.parametrize("spec", [CALL_SPEC, TEXT_SPEC, {"kind": "decode"}, {"kind": "decode", "text": "no"}])
async def test_the_description_takes_what_the_gateway_takes(
    client: httpx.AsyncClient, spec: dict[str, Any]
) -> None:
    description = (await client.get("/v1/openapi.json")).json()
    described = Draft202012Validator({"$ref": "#/components/schemas/JobSpec"} | description)
    assert described.is_valid(spec) == ("no" not in spec.values())
