"""The gateway as it is wired: real Redis, real gRPC to four model servers with fake engines."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.asr import server as asr
from services.asr.settings import AsrSettings
from services.codec import server as codec
from services.codec.settings import CodecSettings
from services.gateway.access.admin_key import new_key
from services.gateway.app import create_app
from services.gateway.jobs.finish import Finisher
from services.gateway.settings import GatewaySettings
from services.gateway.storage.redis import RedisJobStore
from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import make_celery
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Failure, Output
from services.shared.redis_url import client as connect
from services.shared.rpc.server import RunningServer, start
from services.translation import server as translation
from services.translation.settings import TranslationSettings
from services.tts import server as tts
from services.tts.settings import TtsSettings

TEXT_SPEC = {"kind": "text_translation", "text": "Room 12", "source_language": "en", "target_language": "pt"}
CALL_SPEC = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}


ASR = AsrSettings(asr_engines="fake")
TRANSLATION = TranslationSettings(translation_engines="fake")
TTS = TtsSettings(tts_engines="fake")
CODEC = CodecSettings()


def wav() -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    return data.getvalue()


@pytest_asyncio.fixture
async def targets() -> AsyncIterator[dict[str, str]]:
    """The four model servers, and where they are."""
    running: dict[str, RunningServer[Any]] = {
        "asr_target": await start(asr.spec(ASR), ASR),
        "translation_target": await start(translation.spec(TRANSLATION), TRANSLATION),
        "tts_target": await start(tts.spec(TTS), TTS),
        "codec_target": await start(codec.spec(CODEC), CODEC),
    }
    yield {name: f"127.0.0.1:{server.port}" for name, server in running.items()}
    for server in running.values():
        await server.stop()


@pytest.fixture
def alone(redis_url: str, tmp_path: Path) -> GatewaySettings:
    """A gateway with Redis, and with services that nobody runs."""
    nobody = {f"{name}_target": "127.0.0.1:1" for name in tasks.SERVICES}
    prefix = f"test-{uuid.uuid4().hex}:"
    return GatewaySettings(home=tmp_path, redis_url=redis_url, key_prefix=prefix).model_copy(update=nobody)


@pytest.fixture
def settings(alone: GatewaySettings, targets: dict[str, str]) -> GatewaySettings:
    """A gateway with all that it needs."""
    return alone.model_copy(update=targets)


@asynccontextmanager
async def serving(settings: GatewaySettings) -> AsyncIterator[httpx.AsyncClient]:
    """Make the app; yield a client with the key that its start wrote."""
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        client.headers["x-api-key"] = settings.admin_key_file.read_text().strip()
        yield client


async def post(client: httpx.AsyncClient, spec: dict[str, Any], file: bytes) -> httpx.Response:
    """Submit a job with a file."""
    return await client.post("/v1/jobs", **form(spec, file))


def form(spec: dict[str, Any], file: bytes) -> dict[str, Any]:
    """Return the body of a submission with a file, as httpx takes it."""
    return {"files": {"file": ("call.wav", file)}, "data": {"spec": json.dumps(spec)}}


def ledger_of(settings: GatewaySettings) -> Ledger:
    return Ledger(connect(settings.redis_url), settings.key_prefix)


def stored(settings: GatewaySettings) -> list[Path]:
    return [path for path in settings.artifacts_dir.rglob("*") if path.is_file()]


async def test_everything_is_ready(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert [each["name"] for each in answer.json()["components"]] == ["redis", *tasks.SERVICES]


async def test_services_that_are_away_are_named_one_by_one(alone: GatewaySettings) -> None:
    async with serving(alone) as client:
        answer = await client.get("/readyz")
    ready = {each["name"]: each["ready"] for each in answer.json()["components"]}
    assert answer.status_code == 503
    assert ready == {"redis": True} | dict.fromkeys(tasks.SERVICES, False)


async def test_the_gateway_alone_is_ready_while_the_services_are_away(alone: GatewaySettings) -> None:
    async with serving(alone) as client:
        answer = await client.get("/readyz", params={"of": "gateway"})
    assert answer.status_code == 200, answer.text
    assert [each["name"] for each in answer.json()["components"]] == ["redis"]
    async with serving(alone.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as client:
        assert (await client.get("/readyz", params={"of": "gateway"})).status_code == 503


async def test_a_redis_that_is_away_is_named(alone: GatewaySettings) -> None:
    async with serving(alone.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as client:
        redis = (await client.get("/readyz")).json()["components"][0]
    assert (redis["name"], redis["ready"]) == ("redis", False)
    assert "check" in redis["detail"]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/job_01a20868c90673bdb81b99530a604069", "/v1/stages"])
async def test_without_redis_every_answer_is_to_ask_again(alone: GatewaySettings, path: str) -> None:
    async with serving(alone.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_without_redis_there_are_still_metrics(alone: GatewaySettings) -> None:
    async with serving(alone.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "dragoman_stage_units" not in answer.text


async def test_abilities_are_what_the_services_say(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        abilities = (await client.get("/v1/stages")).json()["capabilities"]
    assert ("en", "pt") in [(each["source_language"], each["target_language"]) for each in abilities["pairs"]]
    assert ("fake-pt", "pt-BR", "female", True) in [
        (each["name"], each["language"], each["gender"], each["default"]) for each in abilities["voices"]
    ]
    models = abilities["models"]
    assert [models[service][0]["name"] for service in ("asr", "translation", "tts")] == [
        "fake-counter", "fake-marks", "fake-tone",
    ]  # fmt: skip
    assert models["asr"][0]["languages"] == abilities["languages"]
    codecs = {each["name"]: each for each in abilities["codecs"]}
    lowest, highest = codecs["opus"]["bitrates_kbps"]
    assert lowest <= codecs["opus"]["default_bitrate_kbps"] == 24 <= highest
    assert codecs["flac"]["bitrates_kbps"] is None
    assert "wav" in abilities["containers"]


async def test_a_call_is_kept_and_written_into_the_ledger(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        answer = await post(client, CALL_SPEC, wav())
        assert answer.status_code == 202, answer.text
        shown = (await client.get(answer.headers["location"])).json()
    assert shown["state"] == "queued"
    claim = ledger_of(settings).claim("codec")
    assert claim is not None
    assert (claim.job, claim.stage) == (shown["id"], tasks.DECODE)
    assert LocalArtifacts(settings.artifacts_dir).get(claim.spec["input"]["key"]) == wav()
    assert (claim.spec["input"]["container"], claim.spec["target_language"]) == ("wav", "pt-BR")
    assert claim.spec["audio"] == {"codec": "opus", "bitrate_kbps": None, "layout": "both"}


async def test_its_hint_waits_in_the_queue_of_its_service(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        await post(client, {"kind": "decode", "priority": "interactive"}, wav())
    app = make_celery(settings, "test")
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("codec").get(timeout=60)
    assert message.headers["task"] == "codec"


@pytest.mark.parametrize(
    ("spec", "file", "code"),
    [
        ({"kind": "decode"}, b"", "empty_file"),
        ({"kind": "decode"}, b"Dear customer, this is not audio.\n" * 50, "unknown_media"),
        ({"kind": "decode"}, b"ffconcat version 1.0\nfile victim.wav\n", "unknown_media"),
        (CALL_SPEC | {"target_language": "ja"}, wav(), "unsupported_language_pair"),
        (CALL_SPEC | {"voices": {"pt-BR": "nobody"}}, wav(), "unknown_voice"),
        (CALL_SPEC | {"models": {"asr": "whisper-huge"}}, wav(), "unknown_model"),
        (CALL_SPEC | {"audio": {"codec": "realaudio"}}, wav(), "unknown_codec"),
        (CALL_SPEC | {"audio": {"bitrate_kbps": 1}}, wav(), "invalid_bitrate"),
    ],
)
async def test_bad_input_is_refused_and_leaves_nothing(
    settings: GatewaySettings, spec: dict[str, Any], file: bytes, code: str
) -> None:
    async with serving(settings) as client:
        answer = await post(client, spec, file)
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
        assert (await client.get("/v1/jobs")).json()["jobs"] == []
    assert stored(settings) == []


async def test_without_the_services_it_needs_a_job_is_to_be_sent_again(alone: GatewaySettings) -> None:
    async with serving(alone) as client:
        answer = await post(client, CALL_SPEC, wav())
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert stored(alone) == []


async def test_a_job_needs_only_its_own_services(alone: GatewaySettings, targets: dict[str, str]) -> None:
    only = alone.model_copy(update={"translation_target": targets["translation_target"]})
    async with serving(only) as client:
        assert (await client.post("/v1/jobs", json=TEXT_SPEC)).status_code == 202


async def test_a_job_ends_with_its_result_and_is_erased(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        job_id = (await client.post("/v1/jobs", json=TEXT_SPEC)).json()["id"]
        watching = asyncio.create_task(client.get(f"/v1/jobs/{job_id}/events"))
        translate(settings, job_id, "Quarto 12")
        assert '"state":"succeeded"' in (await watching).text
        result = (await client.get(f"/v1/jobs/{job_id}/result")).json()
        assert (result["translation"]["text"], result["needs_review"]) == ("Quarto 12", False)
        assert (await client.delete(f"/v1/jobs/{job_id}")).status_code == 200
        assert (await client.get(f"/v1/jobs/{job_id}")).status_code == 404
    assert stored(settings) == []


def translate(settings: GatewaySettings, job_id: str, text: str) -> None:
    """Do what the translation worker and the reconciler do."""
    ledger, artifacts = ledger_of(settings), LocalArtifacts(settings.artifacts_dir)
    claim = ledger.claim("translation")
    assert claim is not None
    assert claim.job == job_id
    key = f"{claim.tenant}/{job_id}/translation.json"
    document = {"text": text, "warnings": [], "model": {"name": "fake", "revision": "1"}}
    artifacts.put(key, json.dumps(document).encode())
    ledger.complete(claim, Output({"translation": key, "empty": False}))
    Finisher(RedisJobStore(ledger), artifacts).finish(job_id)


async def test_a_submission_that_is_sent_again_is_one_job(settings: GatewaySettings) -> None:
    key = {"idempotency-key": "call 42"}
    async with serving(settings) as one, serving(settings) as other:
        sent = [
            asyncio.create_task(client.post("/v1/jobs", **form(CALL_SPEC, wav()), headers=key))
            for client in (one, other) * 4
        ]
        answers = await asyncio.gather(*sent)
        assert {answer.status_code for answer in answers} == {202}
        (job_id,) = {answer.json()["id"] for answer in answers}
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
        assert [job["id"] for job in (await one.get("/v1/jobs")).json()["jobs"]] == [job_id]
        reused = await other.post("/v1/jobs", **form(CALL_SPEC, wav() + b"!"), headers=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stored(settings)) == 1


async def test_a_file_of_which_an_sdk_lost_the_answer_is_one_job(settings: GatewaySettings) -> None:
    """Larger than what is kept in memory, so that the fingerprint is taken of the spool on disk."""
    file = wav() + bytes(2 * 1024 * 1024)
    async with serving(settings) as client:
        first, again, new = [
            await client.post("/v1/jobs", **form({"kind": "decode"}, file), headers=retries(count))
            for count in (0, 1, 0)
        ]
    assert first.status_code == 202, first.text
    assert again.json()["id"] == first.json()["id"] != new.json()["id"]
    (one, other) = (file.stat().st_size for file in stored(settings))
    assert one == other > len(file)


def retries(count: int) -> dict[str, str]:
    return {"x-stainless-retry-count": str(count)}


async def test_a_full_backlog_is_said_and_leaves_nothing(settings: GatewaySettings) -> None:
    full = settings.model_copy(update={"gateway_max_tenant_backlog_jobs": 1})
    async with serving(full) as client:
        assert (await client.post("/v1/jobs", json=TEXT_SPEC)).status_code == 202
        refused = await post(client, CALL_SPEC, wav())
    assert (refused.status_code, refused.json()["code"]) == (429, "tenant_backlog_full")
    assert refused.headers["retry-after"] == "30"
    assert len(stored(settings)) == 1


async def test_a_failed_job_is_retried_and_ends_well(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        job_id = (await client.post("/v1/jobs", json=TEXT_SPEC)).json()["id"]
        ledger = ledger_of(settings)
        claim = ledger.claim("translation")
        assert claim is not None
        ledger.fail(claim, Failure("timeout", "It took too long.", retryable=False, cost="none", delay_ms=0))
        Finisher(RedisJobStore(ledger), LocalArtifacts(settings.artifacts_dir)).finish(job_id)
        assert (await client.get(f"/v1/jobs/{job_id}")).json()["state"] == "failed"
        retried = await client.post(f"/v1/jobs/{job_id}/retry")
        assert (retried.status_code, retried.json()["state"]) == (202, "running"), retried.text
        translate(settings, job_id, "Quarto 12")
        assert (await client.get(f"/v1/jobs/{job_id}/result")).json()["translation"]["text"] == "Quarto 12"


async def test_a_cancelled_job_leaves_nothing(settings: GatewaySettings) -> None:
    async with serving(settings) as client:
        job_id = (await post(client, CALL_SPEC, wav())).json()["id"]
        assert (await client.post(f"/v1/jobs/{job_id}/cancel")).json()["state"] == "cancelling"
        Finisher(RedisJobStore(ledger_of(settings)), LocalArtifacts(settings.artifacts_dir)).finish(job_id)
        assert (await client.get(f"/v1/jobs/{job_id}")).json()["state"] == "cancelled"
    assert stored(settings) == []


async def test_the_key_of_the_first_start_opens_later_ones(alone: GatewaySettings) -> None:
    async with serving(alone) as first, serving(alone) as second:
        assert first.headers["x-api-key"] == second.headers["x-api-key"]
        assert (await second.get("/v1/jobs")).status_code == 200
        refused = await second.get("/v1/jobs", headers={"x-api-key": new_key()})
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key")
