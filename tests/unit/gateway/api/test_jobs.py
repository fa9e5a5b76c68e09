"""The routes of /v1/jobs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from services.gateway.api.jobs import disposition
from services.gateway.jobs.model import File
from services.gateway.jobs.spec import MAX_SPEC_BYTES
from services.shared import tasks
from tests.conftest import Logged
from tests.unit.gateway import world as steps
from tests.unit.gateway.api.test_errors import check_shape
from tests.unit.gateway.conftest import KEY
from tests.unit.gateway.world import CALL_SPEC, TENANT, TEXT_SPEC, WAV, World

DECODE = {"kind": "decode"}
HUGE = json.dumps(DECODE | {"metadata": {"note": "x" * MAX_SPEC_BYTES}})


async def post(
    client: httpx.AsyncClient, spec: Any, file: bytes = WAV, name: str = "call.wav"
) -> httpx.Response:
    raw = spec if isinstance(spec, str) else json.dumps(spec)
    return await client.post("/v1/jobs", files={"file": (name, file)}, data={"spec": raw})


async def translated(client: httpx.AsyncClient, world: World) -> str:
    """Return the id of a finished text translation."""
    job_id = str((await client.post("/v1/jobs", json=TEXT_SPEC)).json()["id"])
    job = world.jobs.get(TENANT, job_id)
    steps.translated(world, job, "job", "Quarto 12")
    return world.done(job).id


async def test_a_call_is_accepted(client: httpx.AsyncClient, world: World) -> None:
    response = await post(client, CALL_SPEC | {"metadata": {"call": "42"}})
    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert int(response.headers["retry-after"]) > 0
    assert (job["state"], job["kind"], job["metadata"]) == ("queued", "speech_translation", {"call": "42"})
    assert world.artifacts.get(f"{TENANT}/{job['id']}/input") == WAV


async def test_a_text_is_accepted_as_json_and_as_a_form(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/jobs", json=TEXT_SPEC)).status_code == 202
    form = await client.post("/v1/jobs", files={"spec": (None, json.dumps(TEXT_SPEC))})
    assert form.status_code == 202


async def test_a_spec_may_be_sent_as_a_file(client: httpx.AsyncClient) -> None:
    parts = {"spec": ("spec.json", json.dumps(DECODE).encode()), "file": ("call.wav", WAV)}
    assert (await client.post("/v1/jobs", files=parts)).status_code == 202


@pytest.mark.parametrize(
    ("spec", "file", "status", "code"),
    [
        ("{kind: speech", WAV, 422, "invalid_spec"),
        (CALL_SPEC | {"glossary_id": "g"}, WAV, 422, "invalid_spec"),
        (CALL_SPEC | {"audio": {"codec": "realaudio"}}, WAV, 422, "unknown_codec"),
        (CALL_SPEC | {"voices": {"agent": "nobody"}}, WAV, 422, "unknown_voice"),
        ({"kind": "transcription", "source_language": "ja"}, WAV, 422, "unsupported_language"),
        (DECODE, b"", 422, "empty_file"),
        (DECODE, b"Dear customer", 422, "unknown_media"),
        (DECODE, WAV * 300, 413, "file_too_large"),
        (TEXT_SPEC, WAV, 422, "unexpected_file"),
    ],
)
async def test_bad_input_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, world: World, spec: Any, file: bytes, status: int, code: str
) -> None:  # fmt: skip
    response = await post(client, spec, file)
    assert (response.status_code, check_shape(response)["code"]) == (status, code)
    assert world.kept() == []
    assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_an_unsupported_pair_lists_those_there_are(client: httpx.AsyncClient) -> None:
    spec = {"kind": "speech_translation", "source_language": "en", "target_language": "ja"}
    body = check_shape(await post(client, spec))
    assert body["code"] == "unsupported_language_pair"
    assert "en to pt, pt to en" in str(body["detail"])


async def test_wrong_fields_are_listed(client: httpx.AsyncClient) -> None:
    body = check_shape(await post(client, CALL_SPEC | {"callback_url": "https://x", "priority": "now"}))
    assert isinstance(body["errors"], list)
    assert {each["field"] for each in body["errors"]} == {"callback_url", "priority"}
    assert isinstance(body["error"], dict)
    assert body["error"]["param"] in {"callback_url", "priority"}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": DECODE}, 422, "missing_file"),
        ({"files": {"file": ("call.wav", WAV)}}, 422, "missing_spec"),
        ({"data": {"spec": json.dumps(DECODE)}, "files": {"file": (None, "text")}}, 422, "missing_file"),
        ({"content": b"RIFF"}, 422, "unsupported_content_type"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "invalid_request"),
        ({"json": {"kind": "speech", "text": "x" * 300_000, "language": "en"}}, 413, "spec_too_large"),
        ({"data": {"spec": HUGE}, "files": {"file": ("call.wav", WAV)}}, 413, "spec_too_large"),
        ({"files": {"spec": ("spec.json", HUGE.encode())}}, 413, "spec_too_large"),
        ({"files": [("file", ("a.wav", WAV))] * 3}, 400, "invalid_request"),
    ],
)  # fmt: skip
async def test_a_malformed_submission_is_refused(
    client: httpx.AsyncClient, world: World, sent: dict[str, Any], status: int, code: str
) -> None:
    response = await client.post("/v1/jobs", **sent)
    assert (response.status_code, check_shape(response)["code"]) == (status, code)
    assert world.kept() == []


async def test_an_upload_that_breaks_off_is_the_clients_doing(
    app: FastAPI, world: World, logged: Logged
) -> None:
    """As the server hears it: a first part of the body, then the end of the connection."""
    first = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    heard: list[Message] = [
        {"type": "http.request", "body": first, "more_body": True},
        {"type": "http.disconnect"},
    ]
    said: list[Message] = []

    async def receive() -> Message:
        return heard.pop(0)

    async def send(message: Message) -> None:
        said.append(message)

    headers = [
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-type", b"multipart/form-data; boundary=b"),
    ]
    where = {"method": "POST", "path": "/v1/jobs", "query_string": b"", "headers": headers}
    await app({"type": "http", **where}, receive, send)
    assert said[0]["status"] == 422
    assert json.loads(said[1]["body"])["code"] == "upload_aborted"
    assert ([line["level"] for line in logged()], world.kept()) == (["info"], [])


async def test_a_body_of_unknown_length_stops_at_the_cap(client: httpx.AsyncClient, world: World) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        while sent < 10_000_000:
            sent += 10_000
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = await client.post("/v1/jobs", content=endless(), headers=headers)
    assert (response.status_code, check_shape(response)["code"]) == (413, "file_too_large")
    assert sent < 300_000
    assert world.kept() == []


async def test_a_file_near_the_cap_arrives_whole(client: httpx.AsyncClient, world: World) -> None:
    file = b"RIFF" + bytes(range(256)) * 700
    job = (await post(client, DECODE, file)).json()
    assert world.artifacts.get(f"{TENANT}/{job['id']}/input") == file


@pytest.mark.parametrize("name", ["../../etc/passwd", "%d", "-rf", "\u202egpj.wav", "x" * 4096, "a;b.wav"])
async def test_a_clients_file_name_is_never_a_path(
    client: httpx.AsyncClient, world: World, name: str
) -> None:
    job = (await post(client, DECODE, WAV, name)).json()
    assert world.kept() == [f"{TENANT}/{job['id']}/input"]


async def test_a_job_shows_its_progress_and_no_keys_of_artifacts(
    client: httpx.AsyncClient, world: World
) -> None:
    job = steps.one_turn_each(world)
    shown = (await client.get(f"/v1/jobs/{job.id}")).json()
    assert shown["progress"][tasks.TRANSCRIBE] == {"done": 2, "total": 2}
    assert shown["state"] == "running"
    steps.encoded(world, job)
    world.done(job)
    finished = await client.get(f"/v1/jobs/{job.id}")
    assert f"{TENANT}/" not in finished.text
    assert finished.json()["files"][0]["url"] == f"/v1/jobs/{job.id}/artifacts/result.json"


async def test_a_failed_job_says_why(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(DECODE, WAV)
    world.store.fail(job.id, (tasks.DECODE, "job"), "truncated_media", "Send the whole file.")
    world.done(job)
    shown = (await client.get(f"/v1/jobs/{job.id}")).json()
    assert shown["error"] == {"code": "truncated_media", "detail": "Send the whole file."}
    refused = await client.get(f"/v1/jobs/{job.id}/result")
    assert (refused.status_code, check_shape(refused)["code"]) == (409, "no_result")
    assert "truncated_media" in refused.json()["detail"]
    assert refused.headers["x-should-retry"] == "false"


async def test_a_list_comes_in_pages(client: httpx.AsyncClient, world: World) -> None:
    ids = [world.submit(TEXT_SPEC).id for _ in range(5)]
    found: list[str] = []
    token = ""
    for _ in range(3):
        page = (await client.get("/v1/jobs", params={"page_size": 2, "page_token": token})).json()
        found += [job["id"] for job in page["jobs"]]
        token = page["next_page_token"]
    assert (sorted(found), token) == (sorted(ids), "")


async def test_a_list_can_be_of_one_state(client: httpx.AsyncClient, world: World) -> None:
    world.submit(TEXT_SPEC)
    job_id = await translated(client, world)
    page = (await client.get("/v1/jobs", params={"state": "succeeded"})).json()
    assert [job["id"] for job in page["jobs"]] == [job_id]


@pytest.mark.parametrize("size", [0, 100_000])
async def test_a_page_size_of_nothing_or_too_much_is_the_most(client: httpx.AsyncClient, size: int) -> None:
    assert (await client.get("/v1/jobs", params={"page_size": size})).status_code == 200


async def test_a_result_is_waited_for(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(TEXT_SPEC)
    early = await client.get(f"/v1/jobs/{job.id}/result")
    assert (early.status_code, check_shape(early)["code"]) == (409, "job_not_finished")
    assert int(early.headers["retry-after"]) > 0
    assert "x-should-retry" not in early.headers
    job_id = await translated(client, world)
    result = await client.get(f"/v1/jobs/{job_id}/result")
    assert result.headers["content-type"] == "application/json"
    assert result.json()["translation"]["text"] == "Quarto 12"


async def test_files_are_listed_and_downloaded(client: httpx.AsyncClient, world: World) -> None:
    job = steps.one_turn_each(world)
    steps.encoded(world, job)
    world.done(job)
    listed = (await client.get(f"/v1/jobs/{job.id}/artifacts")).json()["artifacts"]
    assert "subtitles.pt-BR.vtt" in {file["name"] for file in listed}
    for file in listed:
        answer = await client.get(file["url"])
        assert answer.headers["content-type"].startswith(file["media_type"])
        assert answer.headers["content-disposition"] == f'attachment; filename="{file["name"]}"'
        assert len(answer.content) == file["size_bytes"]


@pytest.mark.parametrize("name", ["nothing.ogg", "..%2Finput", "input"])
async def test_a_file_that_was_not_made_is_not_found(
    client: httpx.AsyncClient, world: World, name: str
) -> None:
    job_id = await translated(client, world)
    answer = await client.get(f"/v1/jobs/{job_id}/artifacts/{name}")
    assert answer.status_code == 404
    check_shape(answer)


async def test_a_job_is_cancelled(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(TEXT_SPEC)
    answer = await client.post(f"/v1/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelling")
    world.done(job)
    assert (await client.get(f"/v1/jobs/{job.id}")).json()["state"] == "cancelled"


async def test_a_finished_job_is_erased(client: httpx.AsyncClient, world: World) -> None:
    job_id = await translated(client, world)
    erased = await client.delete(f"/v1/jobs/{job_id}")
    assert (erased.status_code, erased.json()["job"]) == (200, job_id)
    assert (await client.delete(f"/v1/jobs/{job_id}")).status_code == 404
    assert world.kept() == []
    receipt = await client.get(f"/v1/erasures/{erased.json()['id']}")
    assert (receipt.status_code, receipt.json()) == (200, erased.json())


@pytest.mark.parametrize("receipt", ["era_1", "era_0192a3b4c5d67e8f8a9b0c1d2e3f4a5b", "job_1"])
async def test_what_was_not_erased_has_no_receipt(client: httpx.AsyncClient, receipt: str) -> None:
    answer = await client.get(f"/v1/erasures/{receipt}")
    assert (answer.status_code, check_shape(answer)["code"]) == (404, "erasure_not_found")


async def test_a_running_job_is_not_erased(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.delete(f"/v1/jobs/{world.submit(TEXT_SPEC).id}")
    assert (answer.status_code, check_shape(answer)["code"]) == (409, "job_not_finished")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("speech.channel-0.ogg", 'attachment; filename="speech.channel-0.ogg"'),
        ('a"b.ogg', "attachment; filename*=UTF-8''a%22b.ogg"),
        ("olá.ogg", "attachment; filename*=UTF-8''ol%C3%A1.ogg"),
    ],
)
def test_a_download_is_named_as_rfc_6266_says(name: str, header: str) -> None:
    assert disposition(File(name, "k", "audio/ogg", 1)) == header
