"""How much a tenant may begin to upload: open uploads count with what its jobs keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.gateway.uploads import records
from services.shared.ledger.accounts import Limits
from tests.support.calls import new_job
from tests.support.desk import Desk, desk, lonely
from tests.support.uploading import TUS, begin, patch
from tests.support.waiting import becomes


@pytest_asyncio.fixture
async def house(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway that keeps 1,000 bytes for each tenant."""
    async with desk(lonely(redis_url, tmp_path, gateway_storage_bytes=1000)) as opened:
        opened.admin.headers.update(TUS)
        yield opened


@pytest.fixture
def client(house: Desk) -> httpx.AsyncClient:
    """A client that speaks tus."""
    return house.admin


async def refused(client: httpx.AsyncClient, size: int) -> str:
    """Fail to begin an upload; return why."""
    answer = await client.post("/v1/uploads", headers={"upload-length": str(size)})
    assert answer.status_code == 429, answer.text
    assert int(answer.headers["retry-after"]) > 0
    return str(answer.json()["code"])


async def test_what_is_announced_counts_until_it_is_ended(client: httpx.AsyncClient) -> None:
    first = await begin(client, 600)
    assert await refused(client, 401) == "storage_quota_exceeded"
    await begin(client, 400)
    assert await refused(client, 0) == "storage_quota_exceeded"
    await patch(client, first, 0, b"x" * 600)
    assert await refused(client, 1) == "storage_quota_exceeded"
    await client.delete(first)
    await begin(client, 600)


async def test_what_jobs_keep_counts_as_well(house: Desk, client: httpx.AsyncClient) -> None:
    house.ledger.submit(replace(new_job(tenant="default"), stored_bytes=700))
    assert await refused(client, 301) == "storage_quota_exceeded"
    path = await begin(client, 300)
    uploads = house.context.uploads
    assert uploads is not None
    await patch(client, path, 0, b"x" * 300)
    with uploads.taken("default", path.rpartition("/")[2]) as taken:
        taken.used("job_1")
    await begin(client, 300)


async def test_tenants_have_limits_of_their_own(house: Desk, client: httpx.AsyncClient) -> None:
    house.ledger.accounts.set_limits("acme", Limits(storage_bytes=2000))
    await begin(client, 1000)
    holder = await house.holder("acme")
    holder.headers.update(TUS)
    await begin(holder, 2000)
    assert await refused(holder, 1) == "storage_quota_exceeded"


async def test_what_has_expired_counts_no_more(redis_url: str, tmp_path: Path) -> None:
    brief = lonely(redis_url, tmp_path, gateway_storage_bytes=1000, gateway_upload_ttl_s=0.5)
    async with desk(brief) as house:
        house.admin.headers.update(TUS)
        await begin(house.admin, 1000)
        redis = house.ledger._redis
        await becomes(lambda: not redis.keys(f"{brief.key_prefix}upload:*"))
        await begin(house.admin, 1000)


async def test_only_so_many_are_open_at_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_OPEN", 2)
    first = await begin(client, 0)
    await begin(client, 0)
    assert await refused(client, 0) == "too_many_uploads"
    await client.delete(first)
    await begin(client, 0)


async def test_a_job_that_takes_an_upload_leaves_no_name_of_the_file(
    house: Desk, client: httpx.AsyncClient
) -> None:
    path = await begin(client, 3, **{"upload-metadata": "filename Y2FsbA=="})
    await patch(client, path, 0, b"abc")
    uploads = house.context.uploads
    assert uploads is not None
    with uploads.taken("default", path.rpartition("/")[2]) as taken:
        taken.used("job_1")
    answer = await client.head(path)
    assert (answer.status_code, answer.headers.get("upload-metadata")) == (200, None)
