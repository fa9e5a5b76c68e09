"""The fetch stage on a real ledger, a real codec server and a real file server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.codec.server import spec
from services.codec.settings import CodecSettings
from services.codec.worker import HANDLERS
from services.gateway.jobs.pipeline import FETCH, PIPELINES
from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import NewJob, Node
from services.shared.rpc.server import start
from services.shared.stage import StageRunner
from tests.conftest import Logged
from tests.support import recordings
from tests.support.calls import instant
from tests.support.stub_gateway import Answer, StubGateway, stub_gateway

FILE = recordings.wav(recordings.tone(1, 8000, 440), 8000)
PATH = "GET /calls/7.wav"
SECRET = "c2lnbmF0dXJl"


@pytest.fixture
def files() -> Iterator[StubGateway]:
    """A server of recordings."""
    with stub_gateway() as server:
        yield server


class Plant:
    """A codec worker and its server, one unit at a time."""

    def __init__(self, ledger: Ledger, artifacts: LocalArtifacts, settings: Settings) -> None:
        self.ledger = instant(ledger)
        self.artifacts = artifacts
        self.runner = StageRunner(HANDLERS, self.ledger, artifacts, lambda _hints: None, settings)

    def submit(self, url: str, **source: Any) -> None:
        stages = (FETCH, *PIPELINES["decode"].stages)
        graph = tuple(Node(stage.name, stage.scope, stage.attempts) for stage in stages)
        job = {"kind": "decode", "input": {"url": url, **source}}
        self.ledger.submit(NewJob("job_1", "acme", "decode", "batch", graph, job))

    async def run(self) -> None:
        await asyncio.to_thread(self.runner.run, "codec")

    def unit(self, stage: str) -> Any:
        return self.ledger.unit(f"job_1:{stage}:job")


@pytest_asyncio.fixture
async def plant(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plant]:
    """A codec worker that may fetch from this machine."""
    monkeypatch.setenv("DRAGOMAN_FETCH_ALLOWED_HOSTS", "127.0.0.1")
    monkeypatch.setenv("DRAGOMAN_OUTBOUND_TRUSTED", "127.0.0.0/8")
    monkeypatch.setenv("DRAGOMAN_FETCH_MAX_BYTES", "100000")
    codec = CodecSettings()
    server = await start(spec(codec), codec)
    settings = Settings(codec_target=f"127.0.0.1:{server.port}")
    yield Plant(ledger, LocalArtifacts(tmp_path), settings)
    await server.stop()


async def test_what_a_url_leads_to_is_decoded(plant: Plant, files: StubGateway) -> None:
    files.say_bytes(PATH, FILE, "audio/wav")
    plant.submit(f"{files.url}/calls/7.wav?signature={SECRET}")
    await plant.run()
    fetched = plant.unit(tasks.FETCH)
    key = "acme/job_1/codec.fetch/job.1/input"
    assert fetched.output == {"key": key, "size_bytes": len(FILE), "container": "wav"}
    assert plant.artifacts.get(key) == FILE
    assert files.queries == [f"signature={SECRET}"]
    await plant.run()
    assert plant.unit(tasks.DECODE).output["duration_ms"] == 1000


async def test_a_file_without_a_header_is_declared(plant: Plant, files: StubGateway) -> None:
    files.say_bytes(PATH, bytes(8000), "application/octet-stream")
    raw = {"encoding": "mulaw", "sample_rate_hertz": 8000, "channel_count": 1}
    plant.submit(f"{files.url}/calls/7.wav", **raw)
    await plant.run()
    await plant.run()
    assert plant.unit(tasks.DECODE).output["duration_ms"] == 1000


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(b"", 404), "url_status"),
        (Answer(b"", 403), "url_status"),
        (Answer(b"", 302, headers={"location": "https://files.example.com/"}), "url_status"),
        (Answer(FILE, media_type="text/html"), "url_content_type"),
        (Answer(bytes(100_001), media_type="audio/wav"), "url_too_large"),
        (Answer(b"", media_type="audio/wav"), "empty_file"),
        (Answer(b"Dear customer" * 100, media_type="audio/wav"), "unknown_media"),
    ],
)
async def test_what_cannot_be_used_ends_the_job_at_once(
    plant: Plant, files: StubGateway, answer: Answer, code: str
) -> None:
    files.add(PATH, answer)
    plant.submit(f"{files.url}/calls/7.wav")
    await plant.run()
    unit = plant.unit(tasks.FETCH)
    assert (unit.state, unit.error_code, unit.attempt) == ("dead", code, 1)
    assert plant.unit(tasks.DECODE).error_code == "upstream_failed"
    assert [each.key for each in plant.artifacts.list()] == []


@pytest.mark.parametrize("answer", [Answer(b"", 503), Answer(FILE, media_type="audio/wav", cut_at=100)])
async def test_what_may_pass_is_tried_again(plant: Plant, files: StubGateway, answer: Answer) -> None:
    files.add(PATH, answer)
    plant.submit(f"{files.url}/calls/7.wav")
    await plant.run()
    unit = plant.unit(tasks.FETCH)
    assert (unit.state, unit.attempt) == ("ready", 1)
    assert [each.key for each in plant.artifacts.list()] == []


async def test_a_host_that_is_not_on_the_list_is_not_asked(
    plant: Plant, files: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_FETCH_ALLOWED_HOSTS", "files.example.com")
    plant.submit(f"{files.url}/calls/7.wav")
    await plant.run()
    assert plant.unit(tasks.FETCH).error_code == "url_not_allowed"
    assert files.requests == []


async def test_no_log_holds_more_of_a_url_than_its_host(
    plant: Plant, files: StubGateway, logged: Logged
) -> None:
    files.add(PATH, Answer(b"", 500))
    plant.submit(f"{files.url}/calls/7.wav?signature={SECRET}")
    await plant.run()
    said = json.dumps(logged()) + json.dumps(plant.unit(tasks.FETCH).error_detail)
    assert "codec.fetch" in said
    assert SECRET not in said
    assert "/calls/" not in said
