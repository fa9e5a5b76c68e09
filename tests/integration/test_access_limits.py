"""How many requests a tenant may send: per minute, and at once, over all gateways."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from services.gateway.access.counters import Counters, Defaults, Taken
from services.gateway.access.places import Places
from services.gateway.access.rates import Rates
from services.shared.errors import Overloaded
from services.shared.ledger.accounts import Accounts, Limits, Spent, Use
from services.shared.redis_url import client as connect
from tests.support import redis_server
from tests.support.desk import desk, lonely
from tests.support.waiting import becomes, until

NOBODY = "redis://127.0.0.1:1/0"


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Counted(Counters):
    """Counters that note how often they are asked."""

    asked = 0

    def take(self, tenant: str) -> Taken:
        self.asked += 1
        return super().take(tenant)


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    """A real Redis."""
    connection = connect(redis_url)
    yield connection
    connection.close()


@pytest.fixture
def prefix() -> str:
    """Of the keys of one test."""
    return f"test-{uuid.uuid4().hex}:"


async def passed(rates: Rates, tenant: str, count: int) -> int:
    """Return how many of so many requests pass."""
    taken = [await rates.take(tenant) for _ in range(count)]
    return sum(rate is None or not rate.wait_s for rate in taken)


# Per minute


async def test_a_bucket_holds_the_requests_of_a_minute(store: redis.Redis, prefix: str) -> None:
    rates = Rates(Counters(store, prefix, Defaults(requests_per_minute=2)))
    stands = [await rates.take("acme") for _ in range(3)]
    assert [rate and (rate.limit, rate.remaining) for rate in stands] == [(2, 1), (2, 0), (2, 0)]
    assert [bool(rate and rate.wait_s) for rate in stands] == [False, False, True]
    (*_, refused) = stands
    assert refused is not None
    assert 1 <= refused.wait_s <= 30
    assert 30 < refused.full_s <= 60


async def test_gateways_share_a_tenants_bucket(store: redis.Redis, prefix: str) -> None:
    counters = Counters(store, prefix, Defaults(requests_per_minute=4))
    ones = [await passed(Rates(counters), "acme", 3) for _ in range(2)]
    assert ones == [3, 1]


async def test_requests_are_taken_in_batches(store: redis.Redis, prefix: str) -> None:
    counters = Counted(store, prefix, Defaults(requests_per_minute=6000))
    assert await passed(Rates(counters), "acme", 100) == 100
    assert counters.asked == 1
    rates = Rates(counters)
    await asyncio.gather(*(rates.take("acme") for _ in range(100)))
    assert counters.asked == 2, "those that come at once wait for one answer"


async def test_a_noisy_tenant_costs_the_others_nothing(store: redis.Redis, prefix: str) -> None:
    counters = Counted(store, prefix, Defaults(requests_per_minute=2))
    rates = Rates(counters, Clock())
    assert await passed(rates, "noisy", 500) == 2
    assert counters.asked == 3, "an empty bucket is left alone"
    assert await passed(rates, "quiet", 2) == 2


async def test_a_bucket_fills_again(store: redis.Redis, prefix: str) -> None:
    rates = Rates(Counters(store, prefix, Defaults(requests_per_minute=60)), clock := Clock())
    assert await passed(rates, "acme", 70) == 60
    store.hincrby(f"{prefix}rate:acme", "at_ms", -10_000)
    clock.now_s += 1
    rate = await rates.take("acme")
    assert rate is not None
    assert (rate.wait_s, rate.remaining) == (0, 9)


async def test_a_tenant_may_have_a_limit_of_its_own(store: redis.Redis, prefix: str) -> None:
    accounts = Accounts(store, prefix)
    rates = Rates(Counters(store, prefix, Defaults(requests_per_minute=5)), clock := Clock())
    accounts.set_limits("big", Limits(requests_per_minute=0))
    accounts.set_limits("small", Limits(requests_per_minute=1))
    assert await passed(rates, "big", 50) == 50
    assert await passed(rates, "small", 50) == 1
    assert await passed(rates, "acme", 50) == 5
    accounts.set_limits("big", Limits())
    clock.now_s += 31
    assert await passed(rates, "big", 50) == 5


async def test_no_limit_says_nothing(store: redis.Redis, prefix: str) -> None:
    counters = Counted(store, prefix, Defaults())
    rates = Rates(counters)
    assert [await rates.take("acme") for _ in range(9)] == [None] * 9
    assert counters.asked == 1
    assert await Rates().take("acme") is None


async def test_while_redis_is_away_nobody_is_refused(prefix: str) -> None:
    counters = Counted(redis.Redis.from_url(NOBODY), prefix, Defaults(requests_per_minute=1))
    rates = Rates(counters, clock := Clock())
    assert [await rates.take("acme") for _ in range(50)] == [None] * 50
    assert counters.asked == 1, "nobody waits for it more often than that"
    clock.now_s += 1
    await rates.take("acme")
    assert counters.asked == 2


async def test_every_answer_says_how_its_tenant_stands(redis_url: str, tmp_path: Path) -> None:
    async with desk(lonely(redis_url, tmp_path, gateway_requests_per_minute=3)) as front:
        holder = await front.holder(scopes=["jobs:read"])
        answers = [
            await holder.get(path) for path in ("/v1/jobs", "/v1/stages", "/v1/jobs/job_1", "/v1/jobs")
        ]
        assert [answer.status_code for answer in answers] == [200, 403, 404, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        for answer in answers:
            check_headers(answer)
        refused = answers[-1]
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert "x-should-retry" not in refused.headers
        assert (await (await front.holder("umbrella")).get("/v1/jobs")).status_code == 200
        without = await (await front.client()).get("/v1/jobs")
        assert (without.status_code, "ratelimit-limit" in without.headers) == (401, False)


def check_headers(answer: httpx.Response) -> None:
    """Assert that both families of headers say the same."""
    headers = answer.headers
    assert headers["ratelimit-limit"] == headers["x-ratelimit-limit-requests"] == "3"
    assert headers["ratelimit-remaining"] == headers["x-ratelimit-remaining-requests"]
    assert headers["x-ratelimit-reset-requests"] == f"{headers['ratelimit-reset']}s"
    assert 0 < int(headers["ratelimit-reset"]) <= 60


# At once


def counters_of(store: redis.Redis, prefix: str, **defaults: int) -> Counters:
    """Return counters with leases of an hour."""
    return Counters(store, prefix, Defaults(**defaults), lease_ms=3_600_000)


async def refusal(places: Places, tenant: str = "acme") -> str:
    """Return the code with which a tenant gets no place, empty if it gets one."""
    try:
        async with places.held(tenant):
            return ""
    except Overloaded as error:
        return error.code


async def test_so_many_run_at_once_over_all_gateways(store: redis.Redis, prefix: str) -> None:
    counters = counters_of(store, prefix, concurrent_requests=2)
    one, other = Places(counters), Places(counters)
    async with one.held("acme"):
        async with other.held("acme"):
            assert await refusal(one) == "concurrency_limited"
            assert await refusal(other) == "concurrency_limited"
            assert await refusal(one, "umbrella") == ""
        assert await refusal(other) == ""


async def test_one_after_the_other_is_one_at_once(store: redis.Redis, prefix: str) -> None:
    places = Places(counters_of(store, prefix, concurrent_requests=1))
    assert Counter([await refusal(places) for _ in range(40)]) == {"": 40}


async def test_a_request_that_fails_or_is_given_up_leaves_its_place(store: redis.Redis, prefix: str) -> None:
    places = Places(counters_of(store, prefix, concurrent_requests=1))
    with pytest.raises(ZeroDivisionError):
        async with places.held("acme"):
            raise ZeroDivisionError
    inside = asyncio.Event()

    async def waits() -> None:
        async with places.held("acme"):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await inside.wait()
    assert await refusal(places) == "concurrency_limited"
    task.cancel()
    await asyncio.wait([task])
    assert await refusal(places) == ""


async def test_one_that_is_given_up_while_it_asks_leaves_nothing(store: redis.Redis, prefix: str) -> None:
    places = Places(counters_of(store, prefix, concurrent_requests=1))
    for _ in range(20):
        task = asyncio.create_task(refusal(places))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    assert store.zcard(f"{prefix}places:acme") == 0


async def test_the_places_of_a_gateway_that_died_are_free_again(store: redis.Redis, prefix: str) -> None:
    mortal = Counters(store, prefix, Defaults(concurrent_requests=1), lease_ms=1)
    assert mortal.hold("acme", "of the dead") == "held"
    until(lambda: mortal.hold("acme", "of another") == "held")


async def test_a_place_is_kept_for_as_long_as_a_request_runs(store: redis.Redis, prefix: str) -> None:
    counters = Counters(store, prefix, Defaults(concurrent_requests=1), lease_ms=600)
    async with Places(counters).held("acme"):
        ((_, first),) = _places(store, prefix)
        await becomes(lambda: _places(store, prefix)[0][1] > first)
        counters.prolong("acme", "of nobody")
        assert len(_places(store, prefix)) == 1, "only what is held is prolonged"


def _places(store: redis.Redis, prefix: str) -> list[tuple[str, float]]:
    found: Any = store.zrange(f"{prefix}places:acme", 0, -1, withscores=True)
    return list(found)


async def test_without_redis_model_servers_decide_for_themselves(prefix: str) -> None:
    for places in (
        Places(),
        Places(counters_of(redis.Redis.from_url(NOBODY), prefix, concurrent_requests=1)),
    ):
        async with places.held("acme"), places.held("acme"):
            pass


async def test_a_place_whose_redis_goes_away_is_still_left(tmp_path: Path, prefix: str) -> None:
    async with AsyncExitStack() as held:
        with redis_server.running(tmp_path) as url:
            connection = connect(url, retries=0)
            await held.enter_async_context(Places(counters_of(connection, prefix)).held("acme"))
    connection.close()


async def test_a_tenant_without_audio_left_gets_no_place(store: redis.Redis, prefix: str) -> None:
    accounts = Accounts(store, prefix)
    places = Places(counters_of(store, prefix, audio_minutes_per_month=1))
    accounts.spend("1", [Spent("acme", "asr.transcribe", Use(1, 59_999, 10), 59_999)])
    assert await refusal(places) == ""
    accounts.spend("2", [Spent("acme", "asr.transcribe", Use(1, 1, 10), 1)])
    assert await refusal(places) == "audio_quota_exceeded"
    assert await refusal(places, "umbrella") == ""


async def test_the_audio_routes_hold_a_place(redis_url: str, tmp_path: Path) -> None:
    async with desk(lonely(redis_url, tmp_path, gateway_concurrent_requests=1)) as front:
        holder = await front.holder()
        store = connect(redis_url)
        counters = counters_of(store, front.settings.key_prefix, concurrent_requests=1)
        assert counters.hold("acme", "another") == "held"
        speech = {"model": "tts-1", "input": "Good morning.", "voice": "alloy"}
        refused = await holder.post("/v1/audio/speech", json=speech)
        assert (refused.status_code, refused.json()["code"]) == (429, "concurrency_limited"), refused.text
        assert refused.headers["retry-after"] == "2"
        counters.release("acme", "another")
        for _ in range(3):
            assert (await holder.post("/v1/audio/speech", json=speech)).status_code == 503, "nobody serves"
        store.close()
