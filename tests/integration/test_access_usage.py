"""What a tenant used: counted by jobs and by routes, and reported."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import redis

from services.gateway.access.usage import GatheringMeter
from services.shared.ledger.accounts import Accounts, Use
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect
from services.shared.tasks import DECODE, SEGMENT, SYNTHESIZE, TRANSCRIBE
from tests.contract.shop import submission
from tests.support import redis_server
from tests.support.calls import heard, new_job, play, used
from tests.support.desk import Desk, desk, lonely
from tests.support.waiting import until

FOREVER_S = 3600.0


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway."""
    async with desk(lonely(redis_url, tmp_path)) as made:
        yield made


async def test_a_report_adds_up_what_jobs_and_routes_used(front: Desk) -> None:
    play(front.ledger, front.ledger.submit(new_job(tenant="acme")))
    front.context.meter.spent("acme", TRANSCRIBE, 5_000, 300)
    holder = await front.holder("acme")
    report = (await holder.get("/v1/usage")).json()
    now = datetime.now(UTC).date()
    assert (report["tenant"], report["to"], report["from"]) == ("acme", f"{now}", f"{now.replace(day=1)}")
    stages = {each["stage"]: each for each in report["stages"]}
    assert stages[DECODE]["units"] == 1
    assert stages[SEGMENT]["units"] == 2
    assert stages[TRANSCRIBE] == {"stage": TRANSCRIBE, "units": 5, "audio_ms": 5_000, "served_ms": 300}
    assert [day["date"] for day in report["days"]] == [f"{now}"]
    assert report["days"][0]["stages"] == report["stages"]
    assert report["storage_bytes"] == 0


async def test_a_report_is_of_the_days_that_were_asked_for(front: Desk) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days) for days in (400, 2, 1, 0)]
    for day in days:
        front.ledger._redis.hset(front.ledger._key("usage", "acme", f"{day}"), f"{DECODE}:units", 1)
    holder = await front.holder("acme")
    period = {"from": f"{days[1]}", "to": f"{days[2]}"}
    report = (await holder.get("/v1/usage", params=period)).json()
    assert [day["date"] for day in report["days"]] == [f"{days[1]}", f"{days[2]}"]
    assert report["stages"] == [{"stage": DECODE, "units": 2, "audio_ms": 0, "served_ms": 0}]


@pytest.mark.parametrize(
    ("period", "field"),
    [
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from"),
        ({"from": "2024-01-01", "to": "2026-02-01"}, "to"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "to"),
        ({"to": "yesterday"}, "to"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(front: Desk, period: dict[str, str], field: str) -> None:
    answer = await front.admin.get("/v1/usage", params=period)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_only_administrators_see_what_others_used(front: Desk) -> None:
    holder = await front.holder("acme")
    front.context.meter.spent("umbrella", TRANSCRIBE, 5_000, 300)
    for tenant, status in (("acme", 200), ("umbrella", 403), ("default", 403)):
        answer = await holder.get("/v1/usage", params={"tenant": tenant})
        assert answer.status_code == status, tenant
    assert (await holder.get("/v1/usage", headers={"x-tenant": "umbrella"})).json()["stages"] == []
    theirs = (await front.admin.get("/v1/usage", params={"tenant": "umbrella"})).json()
    assert (theirs["tenant"], theirs["stages"][0]["units"]) == ("umbrella", 1)


async def test_what_is_kept_is_reported_and_bounds_what_comes(front: Desk) -> None:
    holder = await front.holder("acme")
    limits = {"limits": {"storage_bytes": 1_000}}
    assert (await front.admin.put("/v1/tenants/acme", json=limits)).status_code == 200
    new = submission("text_translation", "acme")
    front.ledger.submit(new_job(new.job.id, "text_translation"))
    front.ledger._redis.hset(front.ledger._key("storage"), "acme", 1_000)
    assert (await holder.get("/v1/usage")).json()["storage_bytes"] == 1_000
    spec = {"kind": "text_translation", "text": "Hi", "source_language": "en", "target_language": "pt"}
    refused = await holder.post("/v1/jobs", json=spec)
    assert (refused.status_code, refused.json()["code"]) == (429, "storage_quota_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    assert refused.headers["retry-after"] == "3600"
    assert refused.headers["ratelimit-limit"] == refused.headers["x-ratelimit-limit-requests"]


async def test_a_tenant_whose_audio_is_used_up_is_told_so(front: Desk) -> None:
    holder = await front.holder("acme")
    await front.admin.put("/v1/tenants/acme", json={"limits": {"audio_minutes_per_month": 1}})
    front.context.meter.spent("acme", SYNTHESIZE, 60_000, 300)
    front.context.meter.flush()
    spec = {"kind": "text_translation", "text": "Hi", "source_language": "en", "target_language": "pt"}
    direct = await holder.post("/v1/audio/speech", json={"model": "tts-1", "input": "Hi.", "voice": "alloy"})
    for answer in (await holder.post("/v1/jobs", json=spec), direct):
        assert (answer.status_code, answer.json()["code"]) == (429, "audio_quota_exceeded"), answer.text
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["retry-after"] == "3600"


# The meter


def test_what_routes_use_is_written_after_a_moment(ledger: Ledger) -> None:
    meter = GatheringMeter(ledger.accounts, gathered_s=0.01)
    for _ in range(2):
        for _ in range(10):
            meter.spent("acme", TRANSCRIBE, 100, 1)
        until(lambda: meter._timer is None)
        meter.flush()
    assert used(ledger) == {TRANSCRIBE: Use(20, 2_000, 20)}
    assert heard(ledger) == 2_000


def test_audio_that_goes_through_several_stages_counts_once_for_the_month(ledger: Ledger) -> None:
    meter = GatheringMeter(ledger.accounts, FOREVER_S)
    for stage in (DECODE, SEGMENT, TRANSCRIBE):
        meter.spent("acme", stage, 5_000, 1)
    meter.spent("acme", SYNTHESIZE, -7, -7)
    meter.flush()
    assert heard(ledger) == 5_000
    assert used(ledger)[SYNTHESIZE] == Use(1, 0, 0)


def test_use_waits_for_a_redis_that_is_away_and_is_counted_once(tmp_path: Path) -> None:
    port = redis_server.free_port()
    with redis_server.running(tmp_path, port) as url:
        accounts = Accounts(connect(url, retries=0), "test:")
        meter = GatheringMeter(accounts, FOREVER_S)
        meter.spent("acme", TRANSCRIBE, 100, 1)
    meter.flush()
    meter.spent("acme", TRANSCRIBE, 200, 2)
    meter.flush()
    with redis_server.running(tmp_path, port):
        meter.flush()
        meter.flush()
        assert used(Ledger(accounts._redis, "test:")) == {TRANSCRIBE: Use(2, 300, 3)}
    accounts._redis.close()


class LosesAnswers(Accounts):
    """Accounts whose first answer is lost on its way."""

    lost = False

    def spend(self, batch: str, spent: object) -> None:
        super().spend(batch, spent)  # type: ignore[arg-type]  # passed on as it is
        if not self.lost:
            self.lost = True
            raise redis.ConnectionError


def test_an_answer_that_was_lost_counts_nothing_twice(ledger: Ledger) -> None:
    meter = GatheringMeter(LosesAnswers(ledger._redis, ledger._prefix), FOREVER_S)
    meter.spent("acme", TRANSCRIBE, 100, 1)
    meter.flush()
    meter.spent("acme", TRANSCRIBE, 100, 1)
    meter.flush()
    assert used(ledger) == {TRANSCRIBE: Use(2, 200, 2)}


def test_all_that_many_threads_spend_is_counted(ledger: Ledger) -> None:
    meter = GatheringMeter(ledger.accounts, gathered_s=0.001)

    def spend() -> None:
        for _ in range(200):
            meter.spent("acme", TRANSCRIBE, 1, 1)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.flush()
    assert used(ledger) == {TRANSCRIBE: Use(800, 800, 800)}
