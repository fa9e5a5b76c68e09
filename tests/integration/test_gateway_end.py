"""How the gateway's process ends: at once for who only listens, in order for who is being served."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio

from services.gateway.settings import GatewaySettings
from services.shared.rpc.server import start
from services.translation import server as translation
from services.translation.settings import TranslationSettings
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.waiting import becomes

TEXT_SPEC = {"kind": "text_translation", "text": "Room 12", "source_language": "en", "target_language": "pt"}
# Far longer than any test waits: what ends sooner did not end because it ran out.
DRAIN_S = 600


@pytest_asyncio.fixture
async def settings(redis_url: str, tmp_path: Path) -> AsyncIterator[GatewaySettings]:
    """A gateway that can translate texts, on a port of its own."""
    wanted = TranslationSettings(translation_engines="fake")
    server = await start(translation.spec(wanted), wanted)
    yield GatewaySettings(
        home=tmp_path,
        redis_url=redis_url,
        key_prefix=f"test-{uuid.uuid4().hex}:",
        http_port=free_port(),
        translation_target=f"127.0.0.1:{server.port}",
        drain_s=DRAIN_S,
    )
    await server.stop()


@asynccontextmanager
async def running(
    settings: GatewaySettings,
) -> AsyncIterator[tuple[subprocess.Popen[bytes], httpx.AsyncClient]]:
    """Run the gateway; yield its process and a client with the key, once it answers."""
    url = f"http://127.0.0.1:{settings.http_port}"
    with process(settings, "services.gateway.app") as gateway:
        await becomes(lambda: listens(settings))
        headers = {"x-api-key": settings.admin_key_file.read_text().strip()}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            yield gateway, client


def listens(settings: GatewaySettings) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", settings.http_port)) == 0


async def ended(gateway: subprocess.Popen[bytes]) -> int:
    """Return how the process ended; fail when it does not."""
    await becomes(lambda: gateway.poll() is not None)
    assert gateway.returncode is not None
    return gateway.returncode


async def test_a_watcher_is_let_go_at_once_though_its_job_runs(settings: GatewaySettings) -> None:
    async with running(settings) as (gateway, client):
        job = (await client.post("/v1/jobs", json=TEXT_SPEC)).json()
        async with client.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith("data: "):
                pass
            gateway.send_signal(signal.SIGTERM)
            # To its regular end: were the connection cut off, this would raise.
            assert [line async for line in lines if line.startswith("data: ")] == []
        assert await ended(gateway) in {0, -signal.SIGTERM}


async def test_a_submission_on_its_way_is_still_accepted(settings: GatewaySettings) -> None:
    async with running(settings) as (gateway, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
        body = json.dumps(TEXT_SPEC).encode()
        head = (
            "POST /v1/jobs HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            f"X-API-Key: {client.headers['x-api-key']}\r\nContent-Length: {len(body)}\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        # Said when the route asks for the body: from here on the request runs.
        assert (await reader.readline()).split()[1] == b"100"
        gateway.send_signal(signal.SIGTERM)
        await becomes(lambda: not listens(settings))
        assert gateway.poll() is None
        writer.write(body)
        answer = await reader.read()
        assert b"HTTP/1.1 202 " in answer
        assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["state"] == "queued"
        writer.close()
        assert await ended(gateway) in {0, -signal.SIGTERM}
