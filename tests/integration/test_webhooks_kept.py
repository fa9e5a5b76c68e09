"""Webhooks that many couriers share: what is kept of them, for how long, and under which secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from services.gateway.webhooks.service import MOST_ENDPOINTS, Wish
from services.gateway.webhooks.store import DeliveryQuery
from services.shared.errors import Conflict, InvalidRequest, NotFound
from services.shared.ledger.ledger import Ledger
from tests.conftest import Logged
from tests.support.receiver import Receiver, Reply, receiving
from tests.support.waiting import until
from tests.support.webhooks import DELIVERED, FAILED, PENDING, TENANT, Desk, outcomes, verified


@pytest.fixture
def desk(ledger: Ledger, redis_url: str) -> Desk:
    return Desk(ledger, redis_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


# Couriers


def test_one_slow_endpoint_does_not_hold_up_another(
    ledger: Ledger, redis_url: str, receiver: Receiver
) -> None:
    desk = Desk(ledger, redis_url, webhooks_concurrency=6)
    running, most = [0], [0]
    lock = threading.Lock()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        receiver.ended.wait()

    receiver.answer = slow
    desk.endpoint(receiver.url())
    with receiving() as quick, desk.sending():
        for number in range(20):
            desk.ended(number)
        until(lambda: running[0] == 4)
        desk.endpoint(quick.url())
        for number in range(20, 40):
            desk.ended(number)
        until(lambda: len(quick.asked) == 20)
        assert most[0] == 4
        receiver.ended.set()


def test_an_endpoint_that_fails_is_tried_with_one_request_at_a_time(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    for number in range(3):
        desk.ended(number)
    desk.field(endpoint, "failing_since_ms", 10**15)
    held = desk.store.claim(60_000)
    assert held is not None
    assert desk.store.claim(60_000) is None
    desk.courier.deliver(held)
    assert all(desk.store.claim(60_000) for _ in range(2)), "it took one, so it is no longer failing"


def test_several_couriers_share_what_is_due(desk: Desk, receiver: Receiver) -> None:
    endpoints = [desk.endpoint(receiver.url(f"/{n}"))[0] for n in range(3)]
    with desk.sending(couriers=3):
        for number in range(20):
            desk.ended(number)
        for endpoint in endpoints:
            desk.becomes(endpoint, DELIVERED)
    assert len(receiver.asked) == len({each.headers["webhook-id"] for each in receiver.asked}) == 60


def test_what_a_courier_held_that_is_gone_is_sent_again_under_the_same_id(
    desk: Desk, receiver: Receiver
) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    held = desk.store.claim(60_000)
    assert held is not None
    assert desk.send() is None, "it is held"
    desk.let_leases_end(endpoint)
    again = desk.send()
    assert again is not None
    assert again.message == held.message
    desk.courier.deliver(held)
    assert len(desk.attempts(endpoint)) == 1, "what comes late is not written down"
    assert desk.send() is None


def test_an_endpoint_that_was_deleted_meanwhile_stays_deleted(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    for number in range(3):
        desk.ended(number)
    held = desk.store.claim(60_000)
    assert held is not None
    desk.webhooks.delete(TENANT, endpoint.id)
    desk.courier.deliver(held)
    assert desk.send_all() == 0
    prefix = f"{desk.ledger._prefix}webhooks:"
    left: Any = desk.redis.keys(f"{prefix}*")
    assert set(left) <= {f"{prefix}wake"}


def test_an_address_that_is_closed_now_is_not_asked_though_it_was_open_once(
    desk: Desk, receiver: Receiver
) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    strict = Desk(desk.ledger, desk.settings.redis_url, outbound_trusted="")
    strict.send_all()
    assert receiver.asked == []
    assert {each.error for each in desk.attempts(endpoint)} == {"url_not_allowed"}


# What is kept


def test_only_the_newest_deliveries_of_an_endpoint_are_kept(
    ledger: Ledger, redis_url: str, receiver: Receiver
) -> None:
    desk = Desk(ledger, redis_url, webhooks_max_deliveries=3)
    before = outcomes("dropped")
    endpoint, _ = desk.endpoint(receiver.url())
    for number in range(5):
        desk.ended(number)
    assert [each.job for each in desk.deliveries(endpoint)] == ["job_4", "job_3", "job_2"]
    assert outcomes("dropped") == before + 2
    assert desk.send_all() == 3


def test_a_delivery_is_kept_for_30_days(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    (delivery,) = desk.deliveries(endpoint)
    left_s: Any = desk.redis.ttl(f"{desk.key('delivery', endpoint)}:{delivery.id}")
    assert 29 * 86_400 < left_s <= 30 * 86_400
    desk.redis.delete(f"{desk.key('delivery', endpoint)}:{delivery.id}")
    assert desk.send_all() == 0
    assert desk.deliveries(endpoint) == []
    with pytest.raises(NotFound, match="not kept"):
        desk.webhooks.replay(TENANT, endpoint.id, delivery.id)


def test_deliveries_are_listed_by_state_and_page(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    for number in range(5):
        desk.ended(number)
    desk.send()
    page, before = desk.webhooks.deliveries(TENANT, endpoint.id, DeliveryQuery(3, PENDING))
    rest, end = desk.webhooks.deliveries(TENANT, endpoint.id, DeliveryQuery(3, PENDING, before))
    assert ([each.job for each in (*page, *rest)], end) == (["job_4", "job_3", "job_2", "job_1"], None)


def test_neither_url_nor_secret_is_logged(desk: Desk, receiver: Receiver, logged: Logged) -> None:
    _, secret = desk.endpoint(receiver.url("/?token=s3cret"))
    desk.ended()
    receiver.answer = Reply(status=500)
    desk.send_all()
    text = json.dumps(logged())
    assert "webhook sent" in text
    for each in (secret, secret.removeprefix("whsec_"), "s3cret", "http://"):
        assert each not in text


# Secrets


def test_for_a_day_after_a_rotation_both_secrets_verify(desk: Desk, receiver: Receiver) -> None:
    endpoint, old = desk.endpoint(receiver.url())
    _, new = desk.webhooks.rotate(TENANT, endpoint.id)
    assert new != old
    until_ms = int(desk.field(endpoint, "old_until_ms") or 0)
    in_a_day_ms = (datetime.now(UTC) + timedelta(hours=24)).timestamp() * 1000
    assert abs(until_ms - in_a_day_ms) < 3_600_000
    desk.ended(1)
    desk.send()
    for secret in (old, new):
        assert verified(receiver.asked[0], secret)["data"]["job"] == "job_1"
    desk.field(endpoint, "old_until_ms", 1)
    desk.ended(2)
    desk.send()
    assert verified(receiver.asked[1], new)["data"]["job"] == "job_2"
    with pytest.raises(WebhookVerificationError):
        verified(receiver.asked[1], old)


# Endpoints


def test_a_test_event_is_sent_once(desk: Desk, receiver: Receiver) -> None:
    endpoint, secret = desk.endpoint(receiver.url())
    sent = desk.webhooks.test(TENANT, endpoint.id)
    assert (sent.type, sent.job, sent.state) == ("webhook.test", None, PENDING)
    receiver.answer = Reply(status=500)
    assert desk.send_all() == 1
    assert verified(receiver.asked[0], secret)["data"] == {"webhook": endpoint.id}
    assert desk.webhooks.delivery(TENANT, endpoint.id, sent.id).state is FAILED


def test_a_url_belongs_to_one_endpoint_of_a_tenant(desk: Desk, receiver: Receiver) -> None:
    first, _ = desk.endpoint(receiver.url("/1"))
    second, _ = desk.endpoint(receiver.url("/2"))
    with pytest.raises(Conflict, match="already"):
        desk.endpoint(receiver.url("/1"))
    with pytest.raises(Conflict, match="already"):
        desk.webhooks.change(TENANT, second.id, Wish(receiver.url("/1")))
    desk.webhooks.change(TENANT, second.id, Wish(receiver.url("/3"), description="new"))
    assert desk.webhooks.webhook_at(TENANT, receiver.url("/3")) == second.id
    assert desk.webhooks.webhook_at(TENANT, receiver.url("/2")) is None
    desk.webhooks.delete(TENANT, first.id)
    again, _ = desk.endpoint(receiver.url("/1"))
    assert [each.id for each in desk.webhooks.list(TENANT)] == [second.id, again.id]


def test_a_tenant_has_a_bounded_number_of_endpoints(desk: Desk, receiver: Receiver) -> None:
    for number in range(MOST_ENDPOINTS):
        desk.endpoint(receiver.url(f"/{number}"))
    with pytest.raises(Conflict) as refused:
        desk.endpoint(receiver.url("/more"))
    assert refused.value.code == "too_many_webhooks"


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://example.com/", "https://[::1]/", "https://a:b@example.com/"]
)
def test_a_url_inside_is_refused_at_once(desk: Desk, receiver: Receiver, url: str) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    with pytest.raises(InvalidRequest, match="may not be used"):
        desk.endpoint(url)
    with pytest.raises(InvalidRequest, match="may not be used"):
        desk.webhooks.change(TENANT, endpoint.id, Wish(url))


def test_an_installation_may_name_the_hosts_of_webhooks(ledger: Ledger, redis_url: str) -> None:
    desk = Desk(ledger, redis_url, webhooks_hosts="*.example.com, example.org")
    desk.endpoint("https://hooks.example.com/a")
    with pytest.raises(InvalidRequest, match="not on the list"):
        desk.endpoint("https://hooks.example.net/a")
