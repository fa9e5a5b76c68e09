"""API keys: made, used, expired and revoked, on a real Redis."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis

from services.gateway.access.admin_key import is_well_formed, new_key
from services.gateway.access.keys import REMEMBERED_S, Keys
from services.gateway.access.model import TENANT_SCOPES, Key, Scope
from services.gateway.access.register import Register, digest_of
from services.gateway.api.tenants import LimitsView, ReviewView
from services.gateway.jobs.ids import new_job_id
from services.shared.errors import DragomanError, Unauthorized
from services.shared.redis_url import client as connect
from tests.support import redis_server
from tests.support.calls import new_job
from tests.support.desk import Desk, desk, lonely
from tests.support.waiting import becomes

ADMIN = new_key()
JSON = {"content-type": "application/json"}
NOBODY = "redis://127.0.0.1:1/0"


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Time that a test lets pass."""
    return Clock()


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway."""
    async with desk(lonely(redis_url, tmp_path)) as made:
        yield made


@pytest.fixture
def register(front: Desk) -> Register:
    """Its keys."""
    assert front.context.register is not None
    return front.context.register


def wanted(tenant: str = "acme", expires_at: datetime | None = None) -> Key:
    """Return what a key is to be like."""
    return Key("", tenant, "mine", TENANT_SCOPES, datetime.now(UTC), expires_at)


async def refusal(keys: Keys, key: str) -> str:
    """Return the code with which a key is refused."""
    with pytest.raises(DragomanError) as caught:
        await keys.caller(key)
    return caught.value.code


async def test_a_new_key_opens_what_its_scopes_say(front: Desk) -> None:
    answer = await front.admin.post(
        "/v1/keys", json={"tenant": "acme", "name": "ci", "scopes": ["jobs:read"]}
    )
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/keys/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert is_well_formed(made["key"])
    assert re.fullmatch("key_[0-9a-f]{32}", made["id"])
    assert (made["tenant"], made["name"], made["scopes"]) == ("acme", "ci", ["jobs:read"])
    assert (made["expires_at"], made["revoked_at"], made["last_used_at"]) == (None, None, None)
    holder = await front.client(made["key"])
    assert (await holder.get("/v1/jobs")).status_code == 200
    refused = await holder.get("/v1/stages")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


async def test_without_scopes_a_key_may_do_all_that_concerns_its_tenant_and_no_more(front: Desk) -> None:
    answer = await front.admin.post("/v1/keys", json={"tenant": "acme"})
    assert set(answer.json()["scopes"]) == set(Scope) - {Scope.ADMIN}


async def test_keys_are_listed_without_what_opens_doors(front: Desk) -> None:
    first, second = await front.key("acme", name="one"), await front.key("umbrella", name="two")
    assert (await (await front.client(first)).get("/v1/jobs")).status_code == 200
    listed = await front.admin.get("/v1/keys")
    keys = listed.json()["keys"]
    assert [(key["tenant"], key["name"]) for key in keys] == [("acme", "one"), ("umbrella", "two")]
    assert [key["last_used_at"] is None for key in keys] == [False, True]
    assert listed.json()["next_page_token"] == ""
    assert first not in listed.text
    assert second not in listed.text
    assert "digest" not in listed.text
    mine = await front.admin.get("/v1/keys", params={"tenant": "umbrella"})
    assert [key["name"] for key in mine.json()["keys"]] == ["two"]
    assert (await front.admin.get(f"/v1/keys/{keys[0]['id']}")).json() == keys[0]


async def test_redis_holds_no_key(front: Desk) -> None:
    key = await front.key()
    await (await front.client(key)).get("/v1/jobs")
    store: Any = connect(front.settings.redis_url)
    texts = [*store.scan_iter(f"{front.settings.key_prefix}*")]
    for name in texts.copy():
        fields = store.hgetall(name) if store.type(name) == "hash" else {}
        texts += [*fields.keys(), *fields.values()]
    store.close()
    assert f"{front.settings.key_prefix}key:{digest_of(key)}" in texts
    assert not any(key[4:20] in text for text in texts)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "tenant"),
        ({"tenant": "Acme"}, "tenant"),
        ({"tenant": "-acme"}, "tenant"),
        ({"tenant": "a" * 64}, "tenant"),
        ({"tenant": "acme\n"}, "tenant"),
        ({"tenant": "../acme"}, "tenant"),
        ({"tenant": "owner"}, "tenant"),
        ({"tenant": "acme", "scopes": []}, "scopes"),
        ({"tenant": "acme", "scopes": ["all"]}, "scopes.0"),
        ({"tenant": "acme", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"tenant": "acme", "expires_at": "2120-01-01T00:00:00"}, "expires_at"),
        ({"tenant": "acme", "expires_at": 4_000_000_000}, "expires_at"),
        ({"tenant": "acme", "name": "x" * 101}, "name"),
        ({"tenant": "acme", "name": "\ud800"}, "name"),
        ({"tenant": "acme", "key": "dgm_mine"}, "key"),
    ],
)
async def test_a_wrong_wish_is_refused(front: Desk, body: dict[str, object], field: str) -> None:
    answer = await front.admin.post("/v1/keys", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter"), answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await front.admin.get("/v1/keys")).json()["keys"] == []


async def test_nobody_gives_a_scope_away_that_he_lacks(front: Desk) -> None:
    helper = await front.holder("ops", scopes=["admin", "jobs:read"])
    for scopes in ([*TENANT_SCOPES], ["jobs:write"], None):
        body = {"tenant": "acme"} | ({"scopes": scopes} if scopes else {})
        refused = await helper.post("/v1/keys", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    made = await helper.post("/v1/keys", json={"tenant": "acme", "scopes": ["jobs:read"]})
    assert made.status_code == 201


async def test_a_revoked_key_is_refused_at_once_here(front: Desk) -> None:
    made = (await front.admin.post("/v1/keys", json={"tenant": "acme"})).json()
    holder = await front.client(made["key"])
    assert (await holder.get("/v1/jobs")).status_code == 200
    revoked = await front.admin.delete(f"/v1/keys/{made['id']}")
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] is not None
    refused = await holder.get("/v1/jobs")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key")
    again = await front.admin.delete(f"/v1/keys/{made['id']}")
    assert again.json()["revoked_at"] == revoked.json()["revoked_at"]


async def test_who_watches_a_job_with_a_key_that_is_revoked_hears_no_more(
    redis_url: str, tmp_path: Path
) -> None:
    settings = lonely(redis_url, tmp_path, gateway_heartbeat_s=0.05, gateway_events_poll_s=0.05)
    async with desk(settings) as front:
        made = (await front.admin.post("/v1/keys", json={"tenant": "acme"})).json()
        holder, job = await front.client(made["key"]), new_job_id()
        front.ledger.submit(new_job(job))
        watching = asyncio.create_task(holder.get(f"/v1/jobs/{job}/events"))
        await becomes(lambda: job in front.app.state.watching._jobs)
        await front.admin.delete(f"/v1/keys/{made['id']}")
        # The job has not ended: without this, the answer never would.
        answer = await asyncio.wait_for(watching, 30)
        assert (answer.status_code, answer.text.count('"state":"queued"')) == (200, 1)
        assert not front.app.state.watching._jobs
        assert (await holder.get(f"/v1/jobs/{job}/events")).status_code == 401


async def test_a_key_that_is_not_there_is_not_found(front: Desk) -> None:
    for method in ("GET", "DELETE"):
        answer = await front.admin.request(method, "/v1/keys/key_0")
        assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")


async def test_another_gateway_refuses_a_revoked_key_before_a_minute_is_over(
    register: Register, clock: Clock
) -> None:
    made, secret = register.add(wanted())
    keys = Keys(ADMIN, register, clock)
    caller = await keys.caller(secret)
    assert (caller.tenant, caller.key_id, caller.scopes) == ("acme", made.id, TENANT_SCOPES)
    register.revoke(made.id)
    assert await keys.caller(secret) == caller, "it is remembered"
    clock.now_s += REMEMBERED_S
    assert await refusal(keys, secret) == "invalid_key"
    assert REMEMBERED_S <= 30


async def test_a_key_ends_when_it_was_to_end(front: Desk, register: Register, clock: Clock) -> None:
    made, secret = register.add(wanted(expires_at=datetime.now(UTC) + timedelta(seconds=20)))
    keys = Keys(ADMIN, register, clock)
    assert (await keys.caller(secret)).key_id == made.id
    store = connect(front.settings.redis_url)
    store.hset(f"{front.settings.key_prefix}key:{digest_of(secret)}", "expires_ms", 1)
    clock.now_s += 20
    assert await refusal(keys, secret) == "invalid_key", "no longer remembered than it is good"
    store.close()


async def test_remembered_keys_go_on_while_redis_is_away(tmp_path: Path, clock: Clock) -> None:
    with redis_server.running(tmp_path) as url:
        connection = connect(url, retries=0)
        register = Register(connection, "test:")
        (_, known), (_, unknown) = register.add(wanted()), register.add(wanted())
        keys = Keys(ADMIN, register, clock)
        await keys.caller(known)
    assert (await keys.caller(known)).tenant == "acme"
    assert (await keys.caller(ADMIN)).tenant == "default"
    assert await refusal(keys, unknown) == "redis_unavailable"
    clock.now_s += REMEMBERED_S
    assert await refusal(keys, known) == "redis_unavailable"
    connection.close()


async def test_a_mistyped_key_is_refused_without_asking_redis() -> None:
    keys = Keys(ADMIN, Register(redis.Redis.from_url(NOBODY), "test:"))
    for wrong in ("secret", new_key()[:-1], new_key().swapcase()):
        assert await refusal(keys, wrong) == "invalid_key"


async def test_guesses_take_no_room(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.access.keys._MOST_WRONG", 5)
    keys = Keys(ADMIN, register)
    _, secret = register.add(wanted())
    await keys.caller(secret)
    for _ in range(12):
        with pytest.raises(Unauthorized):
            await keys.caller(new_key())
    assert len(keys._wrong) == 5
    assert len(keys._good) == 1


async def test_most_requests_ask_redis_nothing(front: Desk) -> None:
    holder = await front.holder()
    assert (await holder.get("/v1/openapi.json")).status_code == 200
    store: Any = connect(front.settings.redis_url)
    before = store.info("stats")["total_commands_processed"]
    for _ in range(20):
        assert (await holder.get("/v1/openapi.json")).status_code == 200
    after = store.info("stats")["total_commands_processed"]
    assert after - before <= 1, "that of the question itself"
    store.close()


async def test_a_tenants_limits_are_shown_as_they_were_set(front: Desk) -> None:
    none = dict.fromkeys(LimitsView.model_fields)
    review = {"review": dict.fromkeys(ReviewView.model_fields)}
    assert (await front.admin.get("/v1/tenants")).json() == {
        "tenants": [{"name": "default", "limits": none} | review],
        "next_page_token": "",
    }
    assert (await front.admin.get("/v1/tenants/acme")).json()["code"] == "tenant_not_found"
    await front.key("acme")
    assert (await front.admin.get("/v1/tenants/acme")).json() == {"name": "acme", "limits": none} | review
    put = await front.admin.put(
        "/v1/tenants/umbrella", json={"limits": {"unfinished_jobs": 0, "storage_bytes": 7}}
    )
    shown = {"name": "umbrella", "limits": {**none, "unfinished_jobs": 0, "storage_bytes": 7}} | review
    assert (put.status_code, put.json()) == (200, shown)
    again = await front.admin.put("/v1/tenants/umbrella", json={**shown, "limits": {"storage_bytes": 8}})
    assert again.json()["limits"] == {**none, "storage_bytes": 8}
    names = [each["name"] for each in (await front.admin.get("/v1/tenants")).json()["tenants"]]
    assert names == ["acme", "default", "umbrella"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Acme", {"limits": {}}),
        ("owner", {"limits": {}}),
        ("acme", {}),
        ("acme", {"limits": {"storage_bytes": -1}}),
        ("acme", {"limits": {"storage_bytes": "5"}}),
        ("acme", {"limits": {"storage_bytes": 2**53}}),
        ("acme", {"limits": {"bytes": 1}}),
        ("acme", {"name": "umbrella", "limits": {}}),
    ],
)
async def test_wrong_limits_are_refused(front: Desk, name: str, body: dict[str, object]) -> None:
    answer = await front.admin.put(f"/v1/tenants/{name}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert (await front.admin.get("/v1/tenants/acme")).status_code == 404
