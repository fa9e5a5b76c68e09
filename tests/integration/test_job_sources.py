"""Where a job's file may come from beside the request: an upload, or a URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from tests.conftest import Logged
from tests.integration.test_gateway_http import wav
from tests.support.desk import Desk, desk, lonely
from tests.support.gateway_house import fakes, serving
from tests.support.uploading import begin, patch, stored

DECODE = {"kind": "decode"}
SECRET = "c2lnbmF0dXJl"
URL = f"https://files.example.com:8443/calls/7.wav?signature={SECRET}"


@pytest.fixture(scope="module")
def codec() -> Iterator[str]:
    """Where a codec server is."""
    with serving({"codec": fakes()["codec"]}) as targets:
        yield targets["codec_target"]


@pytest_asyncio.fixture
async def house(redis_url: str, tmp_path: Path, codec: str) -> AsyncIterator[Desk]:
    """A gateway with a codec server, which lets jobs name URLs of one host."""
    settings = lonely(redis_url, tmp_path, fetch_allowed_hosts="files.example.com,*.trusted.example")
    async with desk(settings.model_copy(update={"codec_target": codec})) as opened:
        opened.admin.headers["tus-resumable"] = "1.0.0"
        yield opened


@pytest.fixture
def client(house: Desk) -> httpx.AsyncClient:
    return house.admin


async def uploaded(client: httpx.AsyncClient, file: bytes) -> str:
    """Upload a file in two pieces; return the upload's id."""
    path = await begin(client, len(file))
    for start, end in ((0, len(file) // 2), (len(file) // 2, len(file))):
        assert (await patch(client, path, start, file[start:end])).status_code == 204
    return path.rpartition("/")[2]


async def submit(client: httpx.AsyncClient, spec: dict[str, Any], **headers: str) -> httpx.Response:
    return await client.post("/v1/jobs", json=DECODE | spec, headers=headers)


def claimed(house: Desk) -> Any:
    claim = house.ledger.claim("codec")
    assert claim is not None
    return claim


async def test_an_upload_becomes_the_file_of_a_job(house: Desk, client: httpx.AsyncClient) -> None:
    upload_id = await uploaded(client, wav())
    answer = await submit(client, {"upload_id": upload_id})
    assert answer.status_code == 202, answer.text
    claim = claimed(house)
    assert (claim.stage, claim.spec["input"]["container"]) == (tasks.DECODE, "wav")
    artifacts = LocalArtifacts(house.settings.artifacts_dir)
    assert artifacts.get(claim.spec["input"]["key"]) == wav()
    assert claim.spec["input"]["size_bytes"] == len(wav())
    # Its parts are gone, and its name still tells what became of it.
    assert len(stored(house)) == 1
    assert (await client.head(f"/v1/uploads/{upload_id}")).headers["upload-offset"] == str(len(wav()))


async def test_an_upload_is_the_file_of_one_job_only(client: httpx.AsyncClient) -> None:
    upload_id = await uploaded(client, wav())
    job = (await submit(client, {"upload_id": upload_id})).json()["id"]
    again = await submit(client, {"upload_id": upload_id})
    assert (again.status_code, again.json()["code"]) == (409, "upload_used")
    assert job in again.json()["detail"]


async def test_the_same_submission_of_an_upload_is_the_same_job(client: httpx.AsyncClient) -> None:
    upload_id = await uploaded(client, wav())
    key = {"idempotency-key": "call 7"}
    answers = await asyncio.gather(*(submit(client, {"upload_id": upload_id}, **key) for _ in range(5)))
    # Those that came while the first one was busy are told to come again.
    assert {answer.status_code for answer in answers} <= {202, 423}
    later = await submit(client, {"upload_id": upload_id}, **key)
    assert (later.status_code, later.headers["idempotency-replayed"]) == (202, "true")
    assert {answer.json()["id"] for answer in answers if answer.status_code == 202} == {later.json()["id"]}
    sdk = await submit(client, {"upload_id": upload_id}, **{"x-stainless-retry-count": "1"})
    assert sdk.json()["code"] == "upload_used"


async def test_an_upload_that_is_not_whole_waits_for_the_rest(client: httpx.AsyncClient) -> None:
    path = await begin(client, len(wav()))
    await patch(client, path, 0, wav()[:100])
    upload_id = path.rpartition("/")[2]
    answer = await submit(client, {"upload_id": upload_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")
    await patch(client, path, 100, wav()[100:])
    assert (await submit(client, {"upload_id": upload_id})).status_code == 202


async def test_an_upload_that_is_no_recording_may_be_looked_at_again(
    house: Desk, client: httpx.AsyncClient
) -> None:
    upload_id = await uploaded(client, b"Dear customer, this is no recording." * 10)
    for _ in range(2):
        answer = await submit(client, {"upload_id": upload_id})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_media")
    assert (await client.delete(f"/v1/uploads/{upload_id}")).status_code == 204
    assert stored(house) == []


async def test_a_job_has_one_file(client: httpx.AsyncClient) -> None:
    upload_id = await uploaded(client, wav())
    both = await submit(client, {"upload_id": upload_id, "source_url": URL})
    assert (both.status_code, both.json()["code"]) == (422, "several_files")
    spec = json.dumps(DECODE | {"upload_id": upload_id})
    beside = await client.post("/v1/jobs", files={"file": ("a.wav", wav())}, data={"spec": spec})
    assert (beside.status_code, beside.json()["code"]) == (422, "several_files")
    none = await submit(client, {})
    assert (none.status_code, none.json()["code"]) == (422, "missing_file")
    text = {"kind": "text_translation", "text": "a", "source_language": "en", "target_language": "pt"}
    assert (await client.post("/v1/jobs", json=text | {"source_url": URL})).json()["code"] == "invalid_spec"


async def test_a_url_is_fetched_later_and_never_shown(
    house: Desk, client: httpx.AsyncClient, logged: Logged
) -> None:
    answer = await submit(client, {"source_url": URL, "input": {"encoding": "mulaw"}})
    assert answer.status_code == 202, answer.text
    shown = await client.get(answer.headers["location"])
    assert shown.json()["source_url"] == "https://files.example.com"
    assert list(shown.json()["progress"]) == [tasks.FETCH, tasks.DECODE]
    listed = await client.get("/v1/jobs")
    for said in (answer.text, shown.text, listed.text, json.dumps(logged())):
        assert SECRET not in said
        assert "/calls/" not in said
    claim = claimed(house)
    assert (claim.stage, claim.spec["input"]["url"]) == (tasks.FETCH, URL)
    assert (claim.audio_ms, stored(house)) == (0, [])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://elsewhere.example.com/a.wav", "elsewhere.example.com"),
        ("http://files.example.com/a.wav", "https"),
        (f"https://u:{SECRET}@files.example.com/a.wav", "password"),
        ("https://files.example.com:22/a.wav", "port"),
        ("https://127.0.0.1/a.wav", "127.0.0.1"),
        ("file:///etc/passwd", "https"),
        ("nonsense", "https"),
    ],
)
async def test_a_url_that_may_not_be_asked_is_refused_at_once(
    house: Desk, client: httpx.AsyncClient, url: str, says: str
) -> None:
    answer = await submit(client, {"source_url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert says in answer.json()["detail"]
    assert SECRET not in answer.text
    assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_without_a_list_of_hosts_no_url_is_fetched(redis_url: str, tmp_path: Path) -> None:
    async with desk(lonely(redis_url, tmp_path)) as closed:
        answer = await submit(closed.admin, {"source_url": URL})
    assert (answer.status_code, answer.json()["code"]) == (422, "source_url_disabled")


async def test_the_same_url_under_the_same_key_is_the_same_job(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "call 8"}
    first, again = [await submit(client, {"source_url": URL}, **key) for _ in range(2)]
    assert first.json()["id"] == again.json()["id"]
    other = await submit(client, {"source_url": URL + "2"}, **key)
    assert other.json()["code"] == "idempotency_key_reused"
