"""Lists, queues, parts of files and erasure over HTTP, on a real ledger."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import File, Final, JobState
from services.gateway.jobs.pipeline import PIPELINES
from services.gateway.scaling.publication import ServiceScale
from services.gateway.storage.redis import RedisJobStore
from services.gateway.storage.turns import RedisTurns
from services.shared.artifacts.local import LocalArtifacts
from services.shared.ledger.records import Child, Failure, NewJob, Node, Output
from tests.support.desk import Desk, desk, lonely

BODY = bytes(range(256)) * 1000
WORD = "Zanzibar"


@pytest_asyncio.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway whose model servers are away: jobs are written into its ledger."""
    async with desk(lonely(redis_url, tmp_path)) as opened:
        yield opened


@pytest.fixture
def client(house: Desk) -> httpx.AsyncClient:
    return house.admin


def submit(house: Desk, kind: str = "decode", tenant: str = "default", **more: Any) -> str:
    """Write a job, in a millisecond of its own; return its id."""
    begun_ms = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == begun_ms:
        pass
    job_id = new_job_id()
    graph = tuple(Node(stage.name, stage.scope, stage.attempts) for stage in PIPELINES[kind].stages)
    priority, metadata = more.pop("priority", "batch"), more.pop("metadata", {})
    house.ledger.submit(NewJob(job_id, tenant, kind, priority, graph, {"kind": kind, **more}, metadata))
    return job_id


def finish(house: Desk, job_id: str, name: str = "channel-0.wav") -> None:
    """Do the job's only unit, and end it with one file."""
    while (claim := house.ledger.claim("codec")) is not None and claim.job != job_id:
        pass
    assert claim is not None
    house.ledger.complete(claim, Output({"duration_ms": 1000}))
    key = f"{claim.tenant}/{job_id}/codec.decode/job.1/{name}"
    LocalArtifacts(house.settings.artifacts_dir).put(key, BODY)
    files = (File(name, key, "audio/wav", len(BODY)),)
    RedisJobStore(house.ledger).finish(job_id, Final(JobState.SUCCEEDED, files=files))


async def listed(client: httpx.AsyncClient, **params: str) -> list[str]:
    answer = await client.get("/v1/jobs", params=params)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_a_list_is_narrowed_by_everything_that_is_asked_for(
    house: Desk, client: httpx.AsyncClient
) -> None:
    blue = submit(house, "decode", metadata={"team": "blue", "call": "7"})
    red = submit(house, "encode", metadata={"team": "red"})
    submit(house, "decode", "acme", metadata={"team": "blue"})
    finish(house, blue)
    assert await listed(client) == [red, blue]
    assert await listed(client, state="succeeded") == [blue]
    assert await listed(client, kind="encode") == [red]
    assert await listed(client, **{"metadata.team": "blue"}) == [blue]
    assert await listed(client, **{"metadata.team": "blue", "metadata.call": "8"}) == []
    assert await listed(client, kind="decode", state="queued") == []
    created = (await client.get(f"/v1/jobs/{red}")).json()["created_at"]
    hour = timedelta(hours=1)
    assert await listed(client, created_after=created) == [red]
    assert await listed(client, created_before=created) == [blue]
    assert await listed(client, created_after=str(datetime.now(UTC) + hour)) == []
    assert await listed(client, created_before=str(datetime.now(UTC) - hour)) == []


async def test_pages_of_a_narrow_list_go_through_many_jobs(house: Desk, client: httpx.AsyncClient) -> None:
    wanted = []
    for number in range(230):
        job_id = submit(house, metadata={"odd": str(number % 2)})
        if number % 46 == 1:
            wanted.append(submit(house, "encode", metadata={"odd": "1"}))
        assert job_id
    found: list[str] = []
    params = {"kind": "encode", "metadata.odd": "1", "page_size": "2"}
    for _ in range(10):
        page = (await client.get("/v1/jobs", params=params)).json()
        found += [job["id"] for job in page["jobs"]]
        params["page_token"] = page["next_page_token"]
        if not page["next_page_token"]:
            break
    assert found == wanted[::-1]
    params["page_token"] = (await client.get("/v1/jobs?page_size=1")).json()["next_page_token"]
    refused = await client.get("/v1/jobs", params=params)
    assert refused.json()["code"] == "invalid_page_token"


@pytest.mark.parametrize(
    "params", [{"state": "lost"}, {"kind": "magic"}, {"created_after": "yesterday"}, {"page_size": "-1"}]
)
async def test_a_filter_that_means_nothing_is_refused(
    client: httpx.AsyncClient, params: dict[str, str]
) -> None:
    answer = await client.get("/v1/jobs", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("part", [":units", ":audio_ms", "/../x", "%00"])
async def test_a_part_of_a_job_in_redis_is_no_job(house: Desk, client: httpx.AsyncClient, part: str) -> None:
    answer = await client.get(f"/v1/jobs/{submit(house)}{part}")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def queue_of(client: httpx.AsyncClient, job_id: str) -> Any:
    return (await client.get(f"/v1/jobs/{job_id}")).json()["queue"]


async def test_a_job_that_waits_says_how_many_of_yours_are_before_it(
    house: Desk, client: httpx.AsyncClient
) -> None:
    first, second, third = (submit(house) for _ in range(3))
    submit(house, tenant="acme")
    urgent = submit(house, priority="interactive")
    assert [await queue_of(client, job_id) for job_id in (urgent, first, second, third)] == [
        {"position": position, "eta_ms": None} for position in (0, 0, 1, 2)
    ]
    claim = house.ledger.claim("codec")
    assert claim is not None
    assert claim.job == urgent
    assert await queue_of(client, urgent) is None


async def test_regions_of_earlier_jobs_count_as_their_jobs(house: Desk, client: httpx.AsyncClient) -> None:
    early, late = submit(house, "transcription"), submit(house, "transcription")
    for job_id in (early, late):
        claim = house.ledger.claim("codec")
        assert claim is not None
        house.ledger.complete(
            claim, Output({"duration_ms": 1000}, tuple(Child(f"c{n}", {}) for n in range(4)))
        )
        assert claim.job == job_id
    assert (await queue_of(client, late))["position"] == 1
    ahead = RedisTurns(house.ledger._redis, house.settings.key_prefix).ahead(
        RedisJobStore(house.ledger).get(late), "asr.segment"  # type: ignore[arg-type]  # it is there
    )  # fmt: skip
    assert ahead is not None
    assert (ahead.jobs, ahead.units, ahead.waiting, ahead.running) == (1, 4, 8, 0)


async def test_other_tenants_take_turns(house: Desk) -> None:
    for _ in range(5):
        submit(house, tenant="acme")
    submit(house)
    mine = submit(house)
    turns = RedisTurns(house.ledger._redis, house.settings.key_prefix)
    job = RedisJobStore(house.ledger).get(mine)
    assert job is not None
    ahead = turns.ahead(job, "codec.decode")
    # One of mine is before it, and two of acme's five.
    assert ahead is not None
    assert (ahead.jobs, ahead.units) == (1, 3)


async def test_an_estimate_comes_from_backlog_and_speed(redis_url: str, tmp_path: Path) -> None:
    class Fast:
        def __call__(self) -> list[ServiceScale]:
            return [ServiceScale("codec", 600_000, 100.0, 2, 1, 1, "backlog", datetime.now(UTC))]

    async with desk(lonely(redis_url, tmp_path)) as house:
        house.app.state.views._scaling = Fast()
        submit(house)
        mine = submit(house)
        # Half of 600 s of audio is before it, at 2 slots with 100 times real time.
        assert await queue_of(house.admin, mine) == {"position": 1, "eta_ms": 1500}


@pytest.fixture
def path(house: Desk) -> str:
    """Of a file of a finished job."""
    job_id = submit(house)
    finish(house, job_id)
    return f"/v1/jobs/{job_id}/artifacts/channel-0.wav"


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 256_000),
        ("bytes=100-99999", 100, 100_000),
        ("bytes=255999-", 255_999, 256_000),
        ("bytes=-5", 255_995, 256_000),
        ("bytes=10-999999999", 10, 256_000),
    ],
)
async def test_a_part_of_a_file_is_given(
    client: httpx.AsyncClient, path: str, wanted: str, start: int, end: int
) -> None:
    answer = await client.get(path, headers={"range": wanted})
    assert (answer.status_code, answer.content) == (206, BODY[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BODY)}"
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["content-disposition"] == 'attachment; filename="channel-0.wav"'


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "bytes=9-5", "bytes=", "bytes=-", "words=1-2", "bytes=a-b"]
)
async def test_what_is_no_single_range_gives_the_whole(
    client: httpx.AsyncClient, path: str, wanted: str
) -> None:
    answer = await client.get(path, headers={"range": wanted})
    assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize("wanted", ["bytes=256000-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_part_that_is_not_there_is_refused(client: httpx.AsyncClient, path: str, wanted: str) -> None:
    answer = await client.get(path, headers={"range": wanted})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(BODY)}"


async def test_who_has_a_file_is_not_given_it_again(client: httpx.AsyncClient, path: str) -> None:
    tag = (await client.get(path)).headers["etag"]
    assert not tag.startswith("W/")
    for mark in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        answer = await client.get(path, headers={"if-none-match": mark})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200
    part = {"range": "bytes=0-9"}
    assert (await client.get(path, headers=part | {"if-range": tag})).status_code == 206
    assert (await client.get(path, headers=part | {"if-range": '"other"'})).content == BODY


async def test_a_look_at_a_file_says_what_it_is(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(BODY))
    assert (answer.headers["accept-ranges"], answer.headers["content-type"]) == ("bytes", "audio/wav")
    assert (await client.head(path.replace("channel-0", "nothing"))).status_code == 404


async def test_two_files_have_two_tags(house: Desk, client: httpx.AsyncClient, path: str) -> None:
    job_id = submit(house)
    finish(house, job_id)
    other = f"/v1/jobs/{job_id}/artifacts/channel-0.wav"
    assert (await client.head(path)).headers["etag"] != (await client.head(other)).headers["etag"]


async def test_of_an_erased_job_nothing_is_left(house: Desk, client: httpx.AsyncClient) -> None:
    source: dict[str, Any] = {"input": {"url": f"https://files.example.com/{WORD}?signature={WORD}"}}
    job_id = submit(house, metadata={"note": WORD}, **source)
    claim = house.ledger.claim("codec")
    assert claim is not None
    house.ledger.fail(claim, Failure("x", WORD, retryable=False, cost="failure", delay_ms=0))
    RedisJobStore(house.ledger).finish(job_id, Final(JobState.FAILED))
    key = f"default/{job_id}/input"
    LocalArtifacts(house.settings.artifacts_dir).put(key, WORD.encode())
    for event in house.ledger.take_events(10):
        house.ledger.delivered(event)
    erased = await client.delete(f"/v1/jobs/{job_id}")
    assert erased.status_code == 200, erased.text
    receipt = erased.json()
    assert (receipt["id"][:4], receipt["job"]) == ("era_", job_id)
    assert (await client.get(f"/v1/erasures/{receipt['id']}")).json() == receipt
    dump = everything(house)
    assert not [name for name, text in dump.items() if WORD in name + text]
    # What still names it is the receipt, and what dies with the lease of its last worker.
    named = [name for name, text in dump.items() if job_id in name + text]
    assert {name.split(":")[0] for name in named} <= {"erasure", "claim", "wake"}
    assert any(receipt["id"] in name for name in named)
    assert not [path for path in house.settings.artifacts_dir.rglob("*") if job_id in str(path)]
    stranger = await house.holder("acme")
    assert (await stranger.get(f"/v1/erasures/{receipt['id']}")).json()["code"] == "erasure_not_found"


def everything(house: Desk) -> dict[str, str]:
    """Return all that Redis holds for the installation, as text by key without the prefix."""
    redis, prefix = house.ledger._redis, house.settings.key_prefix
    dump: dict[str, str] = {}
    for key in redis.scan_iter(f"{prefix}*"):
        read: dict[str, Any] = {
            "hash": redis.hgetall, "string": redis.get, "set": redis.smembers,
            "list": lambda name: redis.lrange(name, 0, -1),
            "zset": lambda name: redis.zrange(name, 0, -1),
        }  # fmt: skip
        found: Any = read[str(redis.type(key))](key)
        dump[key.removeprefix(prefix)] = json.dumps(found, default=str)
    return dump
