"""The typed client and the command line against a whole installation: gateway, workers, reconciler, Redis."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import uuid
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dragoman
from dragoman import AsyncDragoman, Dragoman, uploads
from services.gateway.settings import GatewaySettings
from tests.support.gateway_house import _listens, fakes, serving
from tests.support.processes import RECONCILER, process
from tests.support.redis_server import free_port
from tests.support.waiting import until

WORKERS = ("services.codec.worker", "services.translation.worker")
TEXT: dragoman.JobSpec = {
    "kind": "text_translation",
    "text": "Room 12",
    "source_language": "en",
    "target_language": "pt",
}


@dataclass(frozen=True)
class Installation:
    """What a client needs to know, and the home folder behind it."""

    url: str
    key: str
    home: Path

    def client(self, key: str = "") -> Dragoman:
        return Dragoman(self.url, api_key=key or self.key)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        environment = {**os.environ, "DRAGOMAN_GATEWAY_URL": self.url, "DRAGOMAN_API_KEY": self.key}
        command = [sys.executable, "-m", "services.cli.main", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def installation(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as ends:
        targets: dict[str, Any] = dict(ends.enter_context(serving(fakes())))
        settings = GatewaySettings(
            home=home,
            redis_url=redis_url,
            key_prefix=f"test-{uuid.uuid4().hex}:",
            http_port=free_port(),
            log_level="error",
            **targets,
        )
        for module in (*WORKERS, RECONCILER, "services.gateway.app"):
            ends.enter_context(process(settings, module))
        until(lambda: _listens(settings.http_port))
        key = settings.admin_key_file.read_text().strip()
        yield Installation(f"http://127.0.0.1:{settings.http_port}", key, home)


def wav(seconds: int = 1) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(os.urandom(16_000 * seconds))
    return data.getvalue()


def test_a_text_comes_back_translated(installation: Installation) -> None:
    told: list[str] = []
    with installation.client() as client:
        job = client.jobs.submit(TEXT, metadata={"call": "7"})
        ended = client.jobs.wait(job, on_progress=lambda seen: told.append(seen.state), timeout_s=60)
        assert (ended.id, ended.state, told[-1]) == (job.id, "succeeded", "succeeded")
        result = client.jobs.result(job)
        assert result.translation is not None
        assert result.translation.text
        assert [each.id for each in client.jobs.list(metadata={"call": "7"})] == [job.id]
        assert client.jobs.get(job).progress["translation.translate"].done == 1


def test_a_recording_comes_back_as_files_and_is_erased(installation: Installation, tmp_path: Path) -> None:
    with installation.client() as client:
        job = client.jobs.wait(client.jobs.submit(kind="decode", file=wav()), timeout_s=60)
        files = client.jobs.download_all(job, tmp_path / "out")
        assert {file.name: file.stat().st_size for file in files} == {
            file.name: file.size_bytes for file in client.jobs.artifacts(job)
        }
        receipt = client.jobs.erase(job)
        assert client.jobs.erasure(receipt.id) == receipt
        with pytest.raises(dragoman.NotFound) as caught:
            client.jobs.get(job)
        assert (caught.value.code, caught.value.status) == ("job_not_found", 404)
        assert caught.value.request_id


def test_a_large_recording_is_uploaded_in_pieces(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "RESUMABLE_FROM_BYTES", 100_000)
    monkeypatch.setattr(uploads, "PIECE_BYTES", 60_000)
    arrived: list[int] = []
    with installation.client() as client:
        ended = client.jobs.wait(client.jobs.submit(kind="decode", file=wav(10)), timeout_s=60)
        assert (ended.state, ended.audio_ms) == ("succeeded", 10_000)
        upload = client.uploads.send(wav(10), on_progress=arrived.append)
        assert arrived == [60_000, 120_000, 160_044]
        client.uploads.delete(upload)
        with pytest.raises(dragoman.Refused):
            client.jobs.submit(kind="decode", upload_id=upload)


async def test_many_jobs_are_watched_at_once(installation: Installation) -> None:
    async with AsyncDragoman(installation.url, api_key=installation.key) as client:
        jobs = [await client.jobs.submit(TEXT) for _ in range(5)]
        ended = await asyncio.gather(*(client.jobs.wait(job, timeout_s=60) for job in jobs))
        assert {job.state for job in ended} == {"succeeded"}
        seen = [job.state async for job in client.jobs.events(jobs[0])]
        assert seen[-1] == "succeeded"
        listed = [job.id async for job in client.jobs.list(state="succeeded", limit=3)]
        assert len(listed) == 3


def test_wrong_requests_say_what_is_wrong(installation: Installation) -> None:
    with installation.client() as client, pytest.raises(dragoman.InvalidRequest) as caught:
        client.jobs.submit(kind="decode", priority="now", file=wav())
    assert caught.value.code == "invalid_spec"
    assert [each["field"] for each in caught.value.errors] == ["priority"]
    with installation.client("dgm_wrong") as stranger, pytest.raises(dragoman.Unauthorized):
        stranger.stages()


def test_keys_tenants_and_usage(installation: Installation) -> None:
    with installation.client() as admin:
        ends = datetime.now(UTC) + timedelta(days=1)
        key = admin.keys.create("acme", name="ci", scopes=["jobs:read", "jobs:write"], expires_at=ends)
        assert key.key is not None
        with installation.client(key.key) as acme:
            job = acme.jobs.wait(acme.jobs.submit(TEXT), timeout_s=60)
            with pytest.raises(dragoman.Forbidden):
                list(acme.keys.list())
        with pytest.raises(dragoman.NotFound):
            admin.jobs.get(job)
        assert admin.tenants.set("acme", unfinished_jobs=5).limits.unfinished_jobs == 5
        assert "acme" in [tenant.name for tenant in admin.tenants.list()]
        used = admin.usage(tenant="acme")
        assert {stage.stage: stage.units for stage in used.stages}["translation.translate"] == 1
        assert admin.keys.revoke(key).revoked_at is not None
        with installation.client(key.key) as acme, pytest.raises(dragoman.Unauthorized):
            acme.jobs.get(job)


def test_glossaries_and_webhooks(installation: Installation) -> None:
    with installation.client() as client:
        glossary = client.glossaries.create("words", [{"source": "Room", "target": {"pt": "Sala"}}])
        again = client.glossaries.replace(glossary, "words", [{"source": "Room", "keep": True}])
        assert (again.version, again.terms[0].keep) == (glossary.version + 1, True)
        assert client.glossaries.get(again) == again
        hook = client.webhooks.create("https://hooks.example.org/dragoman", events=["job.failed"])
        assert hook.secret is not None
        assert client.webhooks.rotate(hook).secret != hook.secret
        assert not client.webhooks.update(hook, enabled=False).enabled
        assert [each.id for each in client.webhooks.list()] == [hook.id]
        assert list(client.webhooks.deliveries(hook)) == []
        client.webhooks.delete(hook)
        client.glossaries.delete(glossary)
        assert [*client.webhooks.list(), *client.glossaries.list()] == []


def test_the_command_line_does_it_all_too(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(wav())
    (tmp_path / "words.json").write_text('{"name": "cli", "terms": [{"source": "Room", "keep": true}]}')
    made = installation.run("keys", "create", "cli")
    assert made.stdout.startswith("dgm_"), made.stderr
    for command in (
        ("submit", str(tmp_path / "call.wav"), "--kind", "decode", "--out", str(tmp_path / "out")),
        ("keys", "list", "--tenant", "cli"),
        ("tenants", "set", "cli", "--unfinished-jobs", "7"),
        ("tenants", "show", "cli"),
        ("usage",),
        ("glossaries", "set", str(tmp_path / "words.json")),
        ("glossaries", "list"),
        ("webhooks", "add", "https://hooks.example.org/cli"),
        ("webhooks", "list"),
        ("jobs",),
    ):
        done = installation.run(*command)
        assert (done.returncode, done.stderr.count("error")) == (0, 0), (command, done.stderr)
    assert (tmp_path / "out" / "result.json").exists()
    missing = installation.run("erase", "job_1")
    assert (missing.returncode, missing.stderr.split(":")[0]) == (1, "error job_not_found")
