"""Webhooks as an integrator meets them: the routes on a gateway with Redis, and reconcilers that die."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.gateway.app import create_app
from services.gateway.reconciler import ReconcilerSettings
from services.gateway.settings import GatewaySettings
from services.gateway.webhooks.model import DeliveryState
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.redis_url import client as connect
from tests.support.calls import begin, instant, new_job, take
from tests.support.processes import RECONCILER, process
from tests.support.receiver import Receiver, Reply, receiving
from tests.support.waiting import becomes, until
from tests.support.webhooks import Desk, verified

HERE = {"outbound_trusted": "127.0.0.0/8"}
# Of one webhook, but for the replay of a delivery.
ROUTES = (
    ("GET", ""),
    ("DELETE", ""),
    ("PATCH", ""),
    ("POST", "/rotate"),
    ("POST", "/test"),
    ("GET", "/deliveries"),
)


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> GatewaySettings:
    """A gateway with Redis, and with services that nobody runs."""
    nobody = {f"{name}_target": "127.0.0.1:1" for name in ("asr", "translation", "tts", "codec")}
    prefix = f"test-{uuid.uuid4().hex}:"
    return GatewaySettings(home=tmp_path, redis_url=redis_url, key_prefix=prefix, **HERE, **nobody)  # type: ignore[arg-type]  # by name


@pytest_asyncio.fixture
async def client(settings: GatewaySettings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        client.headers["x-api-key"] = settings.admin_key_file.read_text().strip()
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


async def created(client: httpx.AsyncClient, url: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_a_webhook_is_made_and_its_secret_is_shown_once(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    answer = await client.post("/v1/webhooks", json={"url": receiver.url(), "description": "CRM"})
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/webhooks/{made['id']}")
    assert answer.headers["cache-control"] == "no-store"
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (await client.get(answer.headers["location"])).json() == made
    assert made == {
        "id": made["id"],
        "url": receiver.url(),
        "description": "CRM",
        "events": ["job.succeeded", "job.partially_succeeded", "job.failed", "job.cancelled"],
        "all_jobs": True,
        "enabled": True,
        "disabled_reason": None,
        "created_at": made["created_at"],
    }
    listed = await client.get("/v1/webhooks")
    assert listed.json() == {"webhooks": [made], "next_page_token": ""}


async def test_a_webhook_is_changed_rotated_and_deleted(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await created(client, receiver.url(), all_jobs=False)
    path = f"/v1/webhooks/{made['id']}"
    changed = await client.patch(path, json={"enabled": False, "events": ["job.failed", "job.failed"]})
    assert changed.json() == {
        **{name: made[name] for name in made if name != "secret"},
        "enabled": False,
        "disabled_reason": "requested",
        "events": ["job.failed"],
    }
    rotated = (await client.post(f"{path}/rotate")).json()
    assert rotated["secret"] not in ("", made["secret"])
    assert "secret" not in (await client.get(path)).json()
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "webhook_not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_parameter"),
        ({"url": 7}, "invalid_parameter"),
        ({"url": "https://example.com/", "secret": "mine"}, "invalid_parameter"),
        ({"url": "https://example.com/", "events": ["job.started"]}, "invalid_parameter"),
        ({"url": "https://example.com/", "events": []}, "invalid_parameter"),
        ({"url": "http://example.com/"}, "url_not_allowed"),
        ({"url": "https://10.0.0.1/"}, "url_not_allowed"),
        ({"url": "file:///etc/passwd"}, "url_not_allowed"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    answer = await client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_what_is_not_there_is_404_on_every_route(client: httpx.AsyncClient, receiver: Receiver) -> None:
    made = await created(client, receiver.url())
    nobody, path = f"/v1/webhooks/whk_{'0' * 32}", f"/v1/webhooks/{made['id']}"
    for odd in (nobody, "/v1/webhooks/x", f"/v1/webhooks/{made['id']}:1"):
        for method, rest in (*ROUTES, ("POST", f"/deliveries/dlv_{'0' * 32}/replay")):
            answer = await client.request(method, f"{odd}{rest}", json={} if method == "PATCH" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found"), (
                method,
                odd,
                rest,
            )
    for delivery in (f"dlv_{'0' * 32}", "x"):
        answer = await client.post(f"{path}/deliveries/{delivery}/replay")
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery_not_found")


async def test_anothers_webhooks_are_404_on_every_route(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await created(client, receiver.url())
    path = f"/v1/webhooks/{made['id']}"
    delivery = (await client.post(f"{path}/test")).json()["id"]
    key = (await client.post("/v1/keys", json={"tenant": "rival"})).json()["key"]
    client.headers["x-api-key"] = key
    for method, rest in (*ROUTES, ("POST", f"/deliveries/{delivery}/replay")):
        answer = await client.request(method, f"{path}{rest}", json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found"), (method, rest)
    assert (await client.get("/v1/webhooks")).json()["webhooks"] == []
    assert (await created(client, receiver.url()))["id"] != made["id"], "a URL is taken by one tenant alone"


async def test_deliveries_are_listed_and_replayed(
    client: httpx.AsyncClient, receiver: Receiver, settings: GatewaySettings
) -> None:
    made = await created(client, receiver.url())
    path = f"/v1/webhooks/{made['id']}"
    desk = Desk(Ledger(connect(settings.redis_url), settings.key_prefix), settings.redis_url)
    sent = [(await client.post(f"{path}/test")).json()["id"] for _ in range(3)]
    receiver.answer = Reply(status=500)
    desk.send_all()
    assert {each.headers["webhook-id"] for each in receiver.asked} == set(sent)
    page = (await client.get(f"{path}/deliveries", params={"page_size": 2, "state": "failed"})).json()
    rest = (
        await client.get(
            f"{path}/deliveries", params={"state": "failed", "page_token": page["next_page_token"]}
        )
    ).json()
    assert [each["id"] for each in (*page["deliveries"], *rest["deliveries"])] == sorted(sent, reverse=True)
    assert rest["next_page_token"] == ""
    (attempt,) = page["deliveries"][0]["attempts"]
    assert (attempt["status_code"], attempt["error"]) == (500, "url_status")
    assert attempt.keys() == {"at", "duration_ms", "status_code", "error"}
    for params in ({"state": "pending"}, {}):
        other = await client.get(
            f"{path}/deliveries", params={**params, "page_token": page["next_page_token"]}
        )
        assert other.json()["code"] == "invalid_page_token"
    receiver.answer = Reply()
    again = await client.post(f"{path}/deliveries/{sent[0]}/replay")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    desk.send_all()
    assert verified(receiver.asked[-1], made["secret"])["type"] == "webhook.test"
    taken = (await client.get(f"{path}/deliveries", params={"state": "delivered"})).json()
    assert [each["id"] for each in taken["deliveries"]] == [sent[0]]


async def test_a_job_cannot_name_a_url_that_is_no_webhook(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    spec = {"kind": "text_translation", "text": "Room 12", "source_language": "en", "target_language": "pt"}
    answer = await client.post("/v1/jobs", json={**spec, "webhook_url": receiver.url()})
    # Nobody can say here what can be translated; that comes first.
    assert answer.status_code == 503
    answer = await client.post("/v1/jobs", json={**spec, "webhook_url": ""})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "webhook_url")


def finished_job(settings: GatewaySettings, job: str) -> Ledger:
    """Run a job of one unit, up to where a reconciler finishes it."""
    ledger = instant(Ledger(connect(settings.redis_url), settings.key_prefix))
    ledger.complete(
        take(ledger, begin(ledger, new_job(job, "decode", tenant="default"))), Output({"duration_ms": 9})
    )
    return ledger


async def test_a_reconciler_that_is_to_end_waits_for_no_endpoint_longer_than_it_may(
    client: httpx.AsyncClient, receiver: Receiver, settings: GatewaySettings
) -> None:
    await created(client, receiver.url())
    finished_job(settings, "job_1")._redis.close()
    given = {name: getattr(settings, name) for name in ("redis_url", "key_prefix", "home", *HERE)}
    receiver.answer = receiver.hang
    with process(ReconcilerSettings(**given, webhooks_timeout_s=60, drain_s=0.5), RECONCILER) as running:
        await becomes(lambda: len(receiver.asked) == 1)
        running.terminate()
        assert running.wait(30) == 0


async def test_a_reconciler_that_is_killed_while_it_sends_loses_nothing(
    client: httpx.AsyncClient, receiver: Receiver, settings: GatewaySettings
) -> None:
    made = await created(client, receiver.url())
    ledger = finished_job(settings, "job_1")
    desk = Desk(ledger, settings.redis_url)
    endpoint = desk.webhooks.get("default", made["id"])
    given = {name: getattr(settings, name) for name in ("redis_url", "key_prefix", "home", *HERE)}
    first = ReconcilerSettings(**given)
    receiver.answer = receiver.hang
    with process(first, RECONCILER) as killed:
        await becomes(lambda: len(receiver.asked) == 1)
        killed.kill()
        killed.wait(30)
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, ())
    receiver.answer = Reply()
    desk.let_leases_end(endpoint)
    with process(first, RECONCILER) as running:
        await becomes(lambda: desk.deliveries(endpoint)[0].state is DeliveryState.DELIVERED)
        running.terminate()
        assert running.wait(30) == 0
    assert [each.headers["webhook-id"] for each in receiver.asked] == [delivery.id] * 2
    body = verified(receiver.asked[1], made["secret"])
    assert body["data"] == {"job": "job_1", "kind": "decode", "state": "succeeded", "needs_review": False}
    assert json.loads(receiver.asked[0].body) == body
    until(lambda: not ledger._redis.zcard(f"{settings.key_prefix}outbox"))
    ledger._redis.close()
