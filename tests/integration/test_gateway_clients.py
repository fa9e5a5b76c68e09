"""The gateway's process with clients that nobody here wrote, with many at once, and with large files."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tusclient.client import TusClient

from tests.integration.test_gateway_http import wav
from tests.support.gateway_house import House, fakes, house
from tests.support.waiting import until

MIB = 1024 * 1024
TEXT = {"kind": "text_translation", "text": "Room 12", "source_language": "en", "target_language": "pt"}


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway as patient as it comes: a busy machine may keep a client waiting."""
    services = {name: fakes()[name] for name in ("codec", "translation")}
    with house(services, redis_url, tmp_path_factory.mktemp("home"), gateway_events_poll_s=0.2) as opened:
        yield opened


@pytest.fixture
def client(gateway: House) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {gateway.key}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=60, trust_env=False) as opened:
        yield opened


def offset_of(client: httpx.Client, path: str) -> int:
    answer = client.head(path, headers={"tus-resumable": "1.0.0"})
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def connected(gateway: House) -> socket.socket:
    host, port = gateway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def head_of(gateway: House, method: str, path: str, **headers: object) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {gateway.key}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.fixture
def tus(gateway: House) -> TusClient:
    """An official client of the tus protocol, as it comes."""
    return TusClient(f"{gateway.url}/v1/uploads", headers={"Authorization": f"Bearer {gateway.key}"})


@pytest.mark.parametrize("checksum", [False, True])
def test_a_tus_client_uploads_a_recording_for_a_job(
    tus: TusClient, client: httpx.Client, tmp_path: Path, *, checksum: bool
) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(wav() + os.urandom(3 * MIB))
    with file.open("rb") as stream:
        uploader = tus.uploader(
            file_stream=stream, chunk_size=MIB, metadata={"filename": "call.wav"}, upload_checksum=checksum
        )
        uploader.upload()
    upload_id = str(uploader.url).rpartition("/")[2]
    job = client.post("/v1/jobs", json={"kind": "decode", "upload_id": upload_id})
    assert job.status_code == 202, job.text


def test_a_tus_client_resumes_after_its_connection_broke(
    gateway: House, tus: TusClient, client: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(wav() + bytes(2 * MIB))
    size = file.stat().st_size
    with file.open("rb") as stream:
        url = tus.uploader(file_stream=stream).create_url()
    path = url.removeprefix(gateway.url)
    sent = {"Tus_Resumable": "1.0.0", "Upload_Offset": 0, "Content_Type": "application/offset+octet-stream"}
    with connected(gateway) as broken:
        broken.sendall(head_of(gateway, "PATCH", path, Content_Length=size, **sent))
        broken.sendall(file.read_bytes()[:MIB])
    # What came before the break is there, and the client goes on from it.
    until(lambda: offset_of(client, path) > 0)
    with file.open("rb") as stream:
        resumed = tus.uploader(file_stream=stream, url=url, chunk_size=MIB)
        assert 0 < resumed.offset <= MIB
        resumed.upload()
    assert offset_of(client, path) == size
    job = client.post("/v1/jobs", json={"kind": "decode", "upload_id": path.rpartition("/")[2]})
    assert job.status_code == 202, job.text


def test_two_hundred_watchers_hear_of_a_change(gateway: House) -> None:
    headers = {"authorization": f"Bearer {gateway.key}"}

    async def watch(client: httpx.AsyncClient, job_id: str, everybody: asyncio.Barrier) -> list[str]:
        async with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            assert stream.status_code == 200
            states = []
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    states.append(json.loads(line.removeprefix("data: "))["state"])
                    if states == ["queued"]:
                        await everybody.wait()
                if "cancelling" in states:
                    break
            return states

    async def all_of_them() -> list[list[str]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=gateway.url, headers=headers, timeout=60, limits=limits, trust_env=False
        ) as client:
            job = (await client.post("/v1/jobs", json=TEXT)).json()
            everybody = asyncio.Barrier(201)
            # A group: whose connection is lost, ends the test at once, and says so.
            async with asyncio.TaskGroup() as group:
                watching = [group.create_task(watch(client, job["id"], everybody)) for _ in range(200)]
                await everybody.wait()
                assert (await client.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
            return [each.result() for each in watching]

    assert asyncio.run(all_of_them()) == [["queued", "cancelling"]] * 200


def test_fifty_uploads_at_once_are_all_taken(client: httpx.Client) -> None:
    def submit(number: int) -> int:
        files = {"file": ("call.wav", wav() + bytes(100_000 + number))}
        return client.post("/v1/jobs", files=files, data={"spec": '{"kind": "decode"}'}).status_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(submit, range(50))) == [202] * 50


@pytest.mark.parametrize("way", ["form", "tus"])
def test_a_large_file_takes_no_memory(gateway: House, client: httpx.Client, way: str) -> None:
    size = 200 * MIB
    server = serving(gateway)

    def pieces(extra: bytes = b"", end: bytes = b"") -> Iterator[bytes]:
        yield extra + wav()
        for _ in range(size // MIB - 1):
            yield bytes(MIB)
        yield bytes(MIB - len(wav())) + end

    before = server.memory_info().rss
    if way == "tus":
        headers = {"tus-resumable": "1.0.0", "upload-length": str(size)}
        path = client.post("/v1/uploads", headers=headers).headers["location"]
        headers = {
            "tus-resumable": "1.0.0",
            "upload-offset": "0",
            "content-type": "application/offset+octet-stream",
        }
        answer = client.patch(path, content=pieces(), headers=headers)
        assert answer.status_code == 204, answer.text
        answer = client.post("/v1/jobs", json={"kind": "decode", "upload_id": path.rpartition("/")[2]})
    else:
        start = (
            b'--b\r\nContent-Disposition: form-data; name="spec"\r\n\r\n{"kind": "decode"}\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        )
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/v1/jobs", content=pieces(start, b"\r\n--b--\r\n"), headers=headers)
    assert answer.status_code == 202, answer.text
    assert server.memory_info().rss - before < 50 * MIB


def serving(gateway: House) -> Any:
    """Return the gateway's process."""
    port = int(gateway.url.rpartition(":")[2])
    found = (
        each
        for each in psutil.Process().children(recursive=True)
        if any(port == entry.laddr.port and entry.status == "LISTEN" for entry in each.net_connections())
    )
    return next(found)
