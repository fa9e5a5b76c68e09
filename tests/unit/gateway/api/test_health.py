"""Liveness, readiness, metrics, and the stages."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from services.shared import tasks
from services.shared.errors import Unavailable
from tests.unit.gateway import world as steps
from tests.unit.gateway.conftest import Components
from tests.unit.gateway.world import CALL_SPEC, TEXT_SPEC, WAV, World


async def test_liveness_asks_nobody(stranger: httpx.AsyncClient, components: Components) -> None:
    components.ready = False
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}


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
    assert [each["ready"] for each in answer.json()["components"]] == [True, False]


async def test_metrics_show_how_deep_the_stages_are(stranger: httpx.AsyncClient, world: World) -> None:
    world.submit(TEXT_SPEC)
    answer = await stranger.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'dragoman_stage_units{stage="translation.translate",state="queued"} 1.0' in answer.text
    assert "dragoman_stage_seconds" in answer.text


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
    assert {"source_language": "en", "target_language": "pt"} in abilities["pairs"]
    assert {"name": "dora", "language": "pt-BR"} in abilities["voices"]
    assert abilities["codecs"][1] == {"name": "flac", "bitrates_kbps": None, "default_bitrate_kbps": 0}
    assert abilities["translates_to_english"] is True


async def test_a_service_that_never_answered_shows_no_abilities(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise Unavailable("Speech synthesis is away.")

    monkeypatch.setattr(world.abilities, "tts", away)
    abilities = (await client.get("/v1/stages")).json()["capabilities"]
    assert abilities["voices"] is None
    assert abilities["codecs"]


async def test_the_api_describes_itself(app: FastAPI, client: httpx.AsyncClient) -> None:
    paths = (await client.get("/v1/openapi.json")).json()["paths"]
    assert "multipart/form-data" in paths["/v1/jobs"]["post"]["requestBody"]["content"]
    assert "/v1/jobs/{job_id}/events" in paths
