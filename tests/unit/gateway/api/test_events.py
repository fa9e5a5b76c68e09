"""A job's changes as server-sent events."""

from __future__ import annotations

import json
from threading import Event

import httpx

from services.gateway.api.events import events
from services.gateway.jobs.model import Job
from services.gateway.settings import GatewaySettings
from services.shared import tasks
from services.shared.errors import NotFound, Unavailable
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import TENANT, TEXT_SPEC, World

QUIET = GatewaySettings(gateway_events_poll_s=0.001)
FAST = GatewaySettings(gateway_events_poll_s=0.001, gateway_heartbeat_s=0.01)


def fields(event: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in event.strip().split("\n"))


async def test_a_watcher_sees_every_state_and_then_the_end(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    stream = events(lambda: world.jobs.get(TENANT, job.id), QUIET, Event())
    assert (await anext(stream)).startswith("retry: ")
    seen = [fields(await anext(stream))]
    steps.translated(world, job, "job", "Quarto 12")
    seen.append(fields(await anext(stream)))
    job = world.done(job)
    seen += [fields(event) async for event in stream]
    assert [json.loads(event["data"])["state"] for event in seen] == ["queued", "running", "succeeded"]
    assert [event["event"] for event in seen] == ["job"] * 3
    assert seen[-1]["id"] == str(job.version)


async def test_events_come_as_a_stream_that_nobody_stores(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    job = world.done(job)
    answer = await client.get(f"/v1/jobs/{job.id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: ")
    assert answer.text.count("event: job") == 1


async def test_a_watcher_that_comes_back_sees_only_what_is_new(
    client: httpx.AsyncClient, world: World
) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    job = world.done(job)
    path = f"/v1/jobs/{job.id}/events"
    behind = await client.get(path, headers={"last-event-id": str(job.version - 1)})
    assert behind.text.count("data: ") == 1
    up_to_date = await client.get(path, headers={"last-event-id": str(job.version)})
    assert (up_to_date.status_code, up_to_date.content) == (204, b"")


async def test_nobody_watches_a_job_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/jobs/job_1/events")).status_code == 404


async def test_a_silent_job_keeps_the_connection_open_with_comments(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    stream = events(lambda: world.jobs.get(TENANT, job.id), FAST, Event(), last_version=10**6)
    seen = [await anext(stream) for _ in range(3)]
    assert [event[:1] for event in seen] == ["r", ":", ":"]


async def test_an_erased_job_ends_its_streams() -> None:
    def gone() -> Job:
        raise NotFound("There is no such job.")

    assert [event[:5] async for event in events(gone, FAST, Event())] == ["retry"]


async def test_a_stream_ends_quietly_while_redis_is_away() -> None:
    def away() -> Job:
        raise Unavailable("Redis cannot be reached; check that it runs.")

    assert [event[:5] async for event in events(away, FAST, Event())] == ["retry"]


async def test_a_stream_ends_with_the_gateway_and_not_with_its_job(world: World) -> None:
    job, ending = world.submit(TEXT_SPEC), Event()
    stream = events(lambda: world.jobs.get(TENANT, job.id), QUIET, ending)
    seen = [await anext(stream), await anext(stream)]
    ending.set()
    assert [event async for event in stream] == []
    assert fields(seen[1])["event"] == "job"


async def test_who_watches_after_a_retry_sees_the_job_run_and_end_again(
    client: httpx.AsyncClient, world: World
) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
    failed = world.done(job)
    path, seen = f"/v1/jobs/{job.id}/events", {"last-event-id": str(failed.version)}
    assert (await client.get(path, headers=seen)).status_code == 204
    world.jobs.retry(TENANT, job.id)
    stream = events(lambda: world.jobs.get(TENANT, job.id), QUIET, Event(), failed.version)
    assert (await anext(stream)).startswith("retry: ")
    assert json.loads(fields(await anext(stream))["data"])["state"] == "running"
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    assert json.loads(fields([event async for event in stream][-1])["data"])["state"] == "succeeded"
    assert '"state":"succeeded"' in (await client.get(path, headers=seen)).text
