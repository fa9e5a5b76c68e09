"""Links, with which a browser reads one job without a key, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.gateway.access.model import Scope
from services.gateway.jobs.ids import new_job_id
from services.shared.redis_url import client as connect
from tests.support.calls import new_job
from tests.support.desk import Desk, desk, lonely
from tests.support.waiting import becomes


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway."""
    async with desk(lonely(redis_url, tmp_path)) as made:
        yield made


def kept(front: Desk, tenant: str = "acme") -> str:
    """Have a job; return its id."""
    job = new_job_id()
    front.ledger.submit(new_job(job, tenant=tenant))
    return job


def ended(front: Desk) -> None:
    """Let the time of every link be over."""
    store = connect(front.settings.redis_url)
    store.delete(*store.scan_iter(f"{front.settings.key_prefix}link:*"))
    store.close()


async def link(client: httpx.AsyncClient, job: str) -> dict[str, str]:
    answer = await client.post(f"/v1/jobs/{job}/links", json={"expires_in_s": 60})
    assert answer.status_code == 201, answer.text
    return {"token": answer.json()["token"]}


async def test_a_link_reads_its_job_and_nothing_else(front: Desk) -> None:
    holder, page = await front.holder(), await front.client()
    job, other = kept(front), kept(front)
    token = await link(holder, job)
    for path in ("", "/artifacts"):
        assert (await page.get(f"/v1/jobs/{job}{path}", params=token)).status_code == 200, path
    # Past the door: the job has no result yet.
    assert (await page.get(f"/v1/jobs/{job}/result", params=token)).json()["code"] == "job_not_finished"
    for method, path in [
        ("GET", f"/v1/jobs/{other}"),
        ("GET", "/v1/jobs"),
        ("GET", "/v1/stages"),
        ("POST", f"/v1/jobs/{job}/cancel"),
        ("POST", f"/v1/jobs/{job}/links"),
        ("DELETE", f"/v1/jobs/{job}"),
    ]:
        assert (await page.request(method, path, params=token)).status_code == 401, (method, path)


async def test_events_come_by_a_link_until_it_ends(redis_url: str, tmp_path: Path) -> None:
    async with desk(lonely(redis_url, tmp_path, gateway_heartbeat_s=0.1)) as front:
        holder, page = await front.holder(), await front.client()
        job = kept(front)
        events, token = f"/v1/jobs/{job}/events", await link(holder, job)
        front.ledger.cancel(job)
        front.ledger.take_finishing(1)
        front.ledger.finish(job, "cancelled", {})
        told = await page.get(events, params=token)
        assert told.headers["content-type"].startswith("text/event-stream")
        assert job in told.text
        # Of a job that does not end, the stream ends with the link.
        endless = kept(front)
        token = await link(holder, endless)
        watching = asyncio.create_task(page.get(f"/v1/jobs/{endless}/events", params=token))
        await becomes(lambda: front.app.state.watching._jobs)
        ended(front)
        assert (await watching).status_code == 200
        answer = await page.get(events, params=token)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_link")


async def test_a_link_ends_with_its_key(front: Desk) -> None:
    holder, page = await front.holder(), await front.client()
    job = kept(front)
    token = await link(holder, job)
    (key,) = (await front.admin.get("/v1/keys")).json()["keys"]
    await front.admin.delete(f"/v1/keys/{key['id']}")
    answer = await page.get(f"/v1/jobs/{job}", params=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_link")


async def test_redis_holds_a_link_for_its_time_and_no_token(front: Desk) -> None:
    holder = await front.holder()
    token = (await link(holder, kept(front)))["token"]
    store = connect(front.settings.redis_url)
    (name,) = store.scan_iter(f"{front.settings.key_prefix}link:*")
    assert 0 < int(str(store.ttl(name))) <= 60
    assert token not in f"{name} {store.hgetall(name)}"
    store.close()


async def test_a_link_is_made_by_who_may_read_the_job(front: Desk) -> None:
    job = kept(front)
    stranger = await front.holder("umbrella")
    answer = await stranger.post(f"/v1/jobs/{job}/links")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    writer = await front.holder(scopes=[Scope.JOBS_WRITE])
    answer = await writer.post(f"/v1/jobs/{job}/links")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@pytest.mark.parametrize("seconds", [59, 3601, "60", None])
async def test_a_time_out_of_range_is_refused(front: Desk, seconds: object) -> None:
    holder = await front.holder()
    answer = await holder.post(f"/v1/jobs/{kept(front)}/links", json={"expires_in_s": seconds})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "expires_in_s"


async def test_a_key_in_the_query_is_no_key(front: Desk) -> None:
    key = await front.key()
    answer = await (await front.client()).get(f"/v1/jobs/{kept(front)}", params={"token": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_link")
