"""Submissions that are sent more than once, retries, and submissions for which there is no room."""

from __future__ import annotations

import json
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services.shared import tasks
from tests.unit.gateway import world as steps
from tests.unit.gateway.api.test_errors import check_shape
from tests.unit.gateway.world import BACKLOG, TENANT, TEXT_SPEC, WAV, World

DECODE = {"kind": "decode"}


async def post(
    client: httpx.AsyncClient, spec: dict[str, Any] = DECODE, file: bytes = WAV, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    parts = {"file": ("call.wav", file)}
    return await client.post("/v1/jobs", files=parts, data={"spec": json.dumps(spec)}, headers=named)


def fill(world: World) -> None:
    for _ in range(BACKLOG.jobs_per_tenant):
        world.submit(TEXT_SPEC)


async def test_a_repetition_is_answered_like_the_first_and_says_what_it_is(
    client: httpx.AsyncClient, world: World
) -> None:
    first = await post(client, idempotency_key="k")
    again = await post(client, idempotency_key="k")
    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert world.kept() == [f"{TENANT}/{first.json()['id']}/input"]


async def test_a_repetition_may_be_formatted_in_another_way(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k"}
    first = await client.post("/v1/jobs", json=TEXT_SPEC, headers=headers)
    spec = json.dumps(dict(reversed(TEXT_SPEC.items())), indent=2)
    again = await client.post("/v1/jobs", files={"spec": (None, spec)}, headers=headers)
    assert again.json()["id"] == first.json()["id"]


async def test_other_content_under_a_used_key_is_refused_for_good(client: httpx.AsyncClient) -> None:
    await post(client, idempotency_key="k")
    refused = await post(client, file=WAV + b"!", idempotency_key="k")
    assert (refused.status_code, check_shape(refused)["code"]) == (422, "idempotency_key_reused")
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, world: World, key: str) -> None:
    headers = [(b"idempotency-key", key.encode())]
    refused = await client.post("/v1/jobs", json=TEXT_SPEC, headers=headers)
    assert (refused.status_code, check_shape(refused)["code"]) == (422, "invalid_idempotency_key")
    assert world.kept() == []


async def test_an_sdk_that_repeats_itself_makes_one_job(client: httpx.AsyncClient, world: World) -> None:
    first = await post(client, x_stainless_retry_count="0")
    again = await post(client, x_stainless_retry_count="1")
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (await post(client, x_stainless_retry_count="0")).json()["id"] != first.json()["id"]


async def test_a_count_that_is_none_is_named(client: httpx.AsyncClient) -> None:
    refused = await post(client, x_stainless_retry_count="often")
    assert (refused.status_code, check_shape(refused)["code"]) == (422, "invalid_parameter")


async def test_a_full_backlog_is_said_before_the_upload_is_read(
    client: httpx.AsyncClient, world: World
) -> None:
    fill(world)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 20:
            sent += 1
            yield bytes(1000)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    refused = await client.post("/v1/jobs", content=body(), headers=headers)
    assert (refused.status_code, check_shape(refused)["code"]) == (429, "tenant_backlog_full")
    assert refused.headers["retry-after"] == "30"
    assert sent == 0


async def test_a_repetition_is_answered_although_the_backlog_is_full(
    client: httpx.AsyncClient, world: World
) -> None:
    first = await post(client, idempotency_key="k")
    for _ in range(BACKLOG.jobs_per_tenant - 1):
        world.submit(TEXT_SPEC)
    assert (await post(client, idempotency_key="other")).status_code == 429
    assert (await post(client, idempotency_key="k")).json()["id"] == first.json()["id"]


async def test_a_failed_job_is_retried(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
    world.done(job)
    answer = await client.post(f"/v1/jobs/{job.id}/retry")
    shown = answer.json()
    assert (answer.status_code, shown["state"], shown["error"]) == (202, "running", None)
    again = await client.post(f"/v1/jobs/{job.id}/retry")
    assert (again.status_code, check_shape(again)["code"]) == (409, "job_not_finished")
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    over = await client.post(f"/v1/jobs/{job.id}/retry")
    assert (over.status_code, check_shape(over)["code"]) == (409, "job_not_retryable")
    assert over.headers["x-should-retry"] == "false"


async def test_no_job_is_not_retried(client: httpx.AsyncClient) -> None:
    assert check_shape(await client.post("/v1/jobs/job_1/retry"))["code"] == "job_not_found"


@contextmanager
def no_file_over(size_bytes: int) -> Iterator[None]:
    """Have the system refuse to write larger files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Starlette keeps a file of up to 1 MiB in memory, and the app of these tests takes no larger one.
@pytest.mark.parametrize("spooled_bytes", [1, 1024 * 1024], ids=["spool", "store"])
async def test_a_disk_that_is_full_is_to_be_tried_again_and_leaves_nothing(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, spooled_bytes: int
) -> None:
    monkeypatch.setattr("starlette.formparsers.MultiPartParser.spool_max_size", spooled_bytes)
    with no_file_over(100_000):
        refused = await post(client, file=WAV * 200)
    assert (refused.status_code, check_shape(refused)["error"]["type"]) == (503, "storage_failure")  # type: ignore[index]  # a dict, as check_shape saw
    assert int(refused.headers["retry-after"]) > 0
    assert world.kept() == []
    assert (await post(client, file=WAV * 200)).status_code == 202
