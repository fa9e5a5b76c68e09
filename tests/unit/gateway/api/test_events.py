"""A job's changes as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from threading import Event

import httpx
import pytest

from services.gateway.api.events import Watching
from services.gateway.api.views import Views
from services.gateway.jobs.model import Job
from services.gateway.jobs.ports import Head
from services.gateway.settings import GatewaySettings
from services.shared import tasks
from services.shared.errors import Unavailable
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import TENANT, TEXT_SPEC, World

QUIET = GatewaySettings(gateway_events_poll_s=0.001, gateway_heartbeat_s=60)
FAST = GatewaySettings(gateway_events_poll_s=0.001, gateway_heartbeat_s=0.01)


class Store:
    """A job store that counts how often it is asked, and may be away."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.looks = 0
        self.reads = 0
        self.away = False

    def heads(self, job_ids: Sequence[str]) -> Sequence[Head | None]:
        self.looks += 1
        if self.away:
            raise Unavailable("Redis cannot be reached; check that it runs.")
        return self._store.heads(job_ids)

    def get_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        self.reads += len(job_ids)
        return self._store.get_all(job_ids)


class Desk:
    """What serves the watchers of a world."""

    def __init__(self, world: World, settings: GatewaySettings) -> None:
        self.store = Store(world)
        self.ending = Event()
        self.views = Views(self.store)  # type: ignore[arg-type]  # all of a store that is asked here
        self.watching = Watching(self.views, settings, self.ending)

    async def watch(self, job: Job, last_version: int = 0) -> AsyncIterator[bytes]:
        shown = await self.views.show(TENANT, job.id)
        return self.watching.events(job.id, shown, last_version)


@pytest.fixture
def desk(world: World) -> Desk:
    """Watchers who look all the time."""
    return Desk(world, QUIET)


def fields(event: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in event.decode().strip().split("\n"))


def state(event: bytes) -> str:
    return str(json.loads(fields(event)["data"])["state"])


async def test_a_watcher_sees_every_state_and_then_the_end(world: World, desk: Desk) -> None:
    job = world.submit(TEXT_SPEC)
    stream = await desk.watch(job)
    assert (await anext(stream)).startswith(b"retry: ")
    seen = [await anext(stream)]
    steps.translated(world, job, "job", "Quarto 12")
    seen.append(await anext(stream))
    job = world.done(job)
    seen += [event async for event in stream]
    assert [state(event) for event in seen] == ["queued", "running", "succeeded"]
    assert [fields(event)["event"] for event in seen] == ["job"] * 3
    assert fields(seen[-1])["id"] == str(job.version)


async def test_two_hundred_watchers_are_one_look(world: World, desk: Desk) -> None:
    job = world.submit(TEXT_SPEC)
    streams = [await desk.watch(job) for _ in range(200)]
    for stream in streams:
        await anext(stream)
        assert state(await anext(stream)) == "queued"
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    reads = desk.store.reads
    steps.translated(world, job, "job", "Quarto 12")
    assert {state(event) for event in await asyncio.gather(*waiting)} == {"running"}
    assert desk.store.reads == reads + 1


async def test_nothing_is_looked_at_when_nobody_watches(world: World, desk: Desk) -> None:
    job = world.submit(TEXT_SPEC)
    stream = desk.watching.events(job.id, await desk.views.show(TENANT, job.id))
    await anext(stream)
    await anext(stream)
    assert len(asyncio.all_tasks()) > 1
    await stream.aclose()
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - the end of a task is no event
        await asyncio.sleep(0)


async def test_events_come_as_a_stream_that_nobody_stores(client: httpx.AsyncClient, world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    job = world.done(job)
    answer = await client.get(f"/v1/jobs/{job.id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
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
    stream = await Desk(world, FAST).watch(world.submit(TEXT_SPEC), last_version=10**6)
    seen = [await anext(stream) for _ in range(3)]
    assert [event[:1] for event in seen] == [b"r", b":", b":"]


async def test_an_erased_job_ends_its_streams(world: World, desk: Desk) -> None:
    job = world.submit(TEXT_SPEC)
    stream = await desk.watch(job)
    assert [(await anext(stream))[:5], (await anext(stream))[:3]] == [b"retry", b"id:"]
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    world.store.erase(job.id)
    assert all(state(event) != "queued" for event in [event async for event in stream])


async def test_a_stream_ends_quietly_while_redis_is_away(world: World, desk: Desk) -> None:
    stream = await desk.watch(world.submit(TEXT_SPEC))
    await anext(stream)
    await anext(stream)
    desk.store.away = True
    assert [event async for event in stream] == []


async def test_a_stream_ends_with_the_gateway_and_not_with_its_job(world: World, desk: Desk) -> None:
    stream = await desk.watch(world.submit(TEXT_SPEC))
    seen = [await anext(stream), await anext(stream)]
    desk.ending.set()
    assert [event async for event in stream] == []
    assert fields(seen[1])["event"] == "job"


async def test_who_watches_after_a_retry_sees_the_job_run_and_end_again(
    client: httpx.AsyncClient, world: World, desk: Desk
) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
    failed = world.done(job)
    path, seen = f"/v1/jobs/{job.id}/events", {"last-event-id": str(failed.version)}
    assert (await client.get(path, headers=seen)).status_code == 204
    world.jobs.retry(TENANT, job.id)
    stream = await desk.watch(failed, failed.version)
    assert (await anext(stream)).startswith(b"retry: ")
    assert state(await anext(stream)) == "running"
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    assert state([event async for event in stream][-1]) == "succeeded"
    assert '"state":"succeeded"' in (await client.get(path, headers=seen)).text
