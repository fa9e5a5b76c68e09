"""Webhooks on a real Redis, sent to a real HTTP server that may do anything."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from services.gateway.webhooks.model import Disabled
from services.gateway.webhooks.service import Wish
from services.gateway.webhooks.store import DeliveryQuery
from services.shared.errors import Conflict, NotFound
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from tests.support.calls import begin, new_job, take
from tests.support.receiver import Receiver, Reply, receiving
from tests.support.webhooks import DELIVERED, ENDED_MS, FAILED, PENDING, TENANT, Desk, outcomes, verified


@pytest.fixture
def desk(ledger: Ledger, redis_url: str) -> Desk:
    return Desk(ledger, redis_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


# What is sent


def test_the_end_of_a_job_is_sent_signed_and_verified(desk: Desk, receiver: Receiver) -> None:
    before = outcomes("delivered")
    endpoint, secret = desk.endpoint(receiver.url())
    desk.ended()
    assert desk.send_all() == 1
    (asked,) = receiver.asked
    moment = datetime.fromtimestamp((ENDED_MS + 1) / 1000, UTC).replace(tzinfo=None)
    assert verified(asked, secret) == {
        "type": "job.succeeded",
        "timestamp": moment.isoformat(timespec="milliseconds") + "Z",
        "data": {"job": "job_1", "kind": "decode", "state": "succeeded"},
    }
    (delivery,) = desk.deliveries(endpoint)
    assert asked.headers["webhook-id"] == delivery.id
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert (delivery.state, delivery.job, delivery.next_attempt_at) == (DELIVERED, "job_1", None)
    assert [(each.status_code, each.error) for each in delivery.attempts] == [(200, None)]
    assert outcomes("delivered") == before + 1


def test_a_request_that_was_changed_on_its_way_is_not_verified(desk: Desk, receiver: Receiver) -> None:
    _, secret = desk.endpoint(receiver.url())
    _, other = desk.endpoint(receiver.url("/other"))
    desk.ended()
    desk.send()
    (asked,) = receiver.asked
    forged = dataclasses.replace(asked, body=asked.body.replace(b"succeeded", b"failed"))
    for each, key in ((forged, secret), (asked, other if asked.path == "/hook" else secret)):
        with pytest.raises(WebhookVerificationError):
            verified(each, key)


def test_each_endpoint_has_a_secret_of_32_bytes_of_its_own(desk: Desk, receiver: Receiver) -> None:
    secrets = {desk.endpoint(receiver.url(f"/{n}"))[1] for n in range(5)}
    assert len(secrets) == 5
    assert {len(base64.b64decode(each.removeprefix("whsec_"))) for each in secrets} == {32}


def test_the_review_that_a_job_needs_is_told(desk: Desk, receiver: Receiver, ledger: Ledger) -> None:
    _, secret = desk.endpoint(receiver.url())
    claim = take(ledger, begin(ledger, new_job("job_7", "decode")))
    ledger.complete(claim, Output({"duration_ms": 1000}))
    ledger.finish("job_7", "succeeded", {"needs_review": "true"})
    (event,) = ledger.take_events(1)
    desk.announce(event)
    desk.send_all()
    assert verified(receiver.asked[0], secret)["data"]["needs_review"] is True


# Who hears what


def test_an_event_that_is_told_twice_is_delivered_once(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    for _ in range(2):
        desk.ended()
    desk.send_all()
    desk.ended()
    assert desk.send_all() == 0
    assert len(receiver.asked) == len(desk.deliveries(endpoint)) == 1


def test_a_job_that_ends_again_after_a_retry_is_another_event(desk: Desk, receiver: Receiver) -> None:
    desk.endpoint(receiver.url())
    desk.ended(state="failed", version=3)
    desk.ended(state="succeeded", version=9)
    desk.send_all()
    assert len({each.headers["webhook-id"] for each in receiver.asked}) == 2


def test_an_endpoint_hears_of_the_events_that_it_wants(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url(), events=("job.failed", "job.cancelled"))
    for number, state in enumerate(("succeeded", "failed", "cancelled", "partially_succeeded")):
        desk.ended(number, state=state)
    assert [each.type for each in desk.deliveries(endpoint)] == ["job.cancelled", "job.failed"]


def test_an_endpoint_that_wants_to_be_named_hears_of_no_other_job(
    desk: Desk, receiver: Receiver, ledger: Ledger
) -> None:
    endpoint, _ = desk.endpoint(receiver.url(), all_jobs=False)
    other, _ = desk.endpoint(receiver.url("/other"))
    ledger.submit(dataclasses.replace(new_job("job_1"), spec={"webhook": endpoint.id}))
    ledger.submit(dataclasses.replace(new_job("job_2"), spec={"webhook": other.id}))
    for number in (1, 2, 3):
        desk.ended(number)
    assert [each.job for each in desk.deliveries(endpoint)] == ["job_1"]
    assert [each.job for each in desk.deliveries(other)] == ["job_3", "job_2", "job_1"]


def test_no_tenant_hears_of_anothers_jobs_or_sees_its_webhooks(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.endpoint(receiver.url(), tenant="rival")
    desk.ended()
    (delivery,) = desk.deliveries(endpoint)
    assert desk.webhooks.webhook_at("rival", receiver.url()) != endpoint.id
    for refused in (
        lambda: desk.webhooks.get("rival", endpoint.id),
        lambda: desk.webhooks.change("rival", endpoint.id, Wish(enabled=False)),
        lambda: desk.webhooks.rotate("rival", endpoint.id),
        lambda: desk.webhooks.delete("rival", endpoint.id),
        lambda: desk.webhooks.test("rival", endpoint.id),
        lambda: desk.webhooks.deliveries("rival", endpoint.id, DeliveryQuery(10)),
        lambda: desk.webhooks.replay("rival", endpoint.id, delivery.id),
    ):
        with pytest.raises(NotFound) as raised:
            refused()
        assert raised.value.code == "webhook_not_found"
    desk.send_all()
    assert len(receiver.asked) == 1


# Endpoints that fail


def test_what_fails_is_sent_again_under_the_same_id(desk: Desk, receiver: Receiver) -> None:
    before = outcomes("retried")
    endpoint, secret = desk.endpoint(receiver.url())
    desk.ended()
    receiver.answer = Reply(status=500)
    desk.send()
    receiver.answer = Reply(status=204)
    assert desk.send_all() == 1
    first, second = receiver.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert verified(first, secret) == verified(second, secret)
    assert [(each.status_code, each.error) for each in desk.attempts(endpoint)] == [
        (500, "url_status"),
        (204, None),
    ]
    assert outcomes("retried") == before + 1


def test_a_delivery_fails_for_good_after_the_schedule_and_can_be_replayed(
    desk: Desk, receiver: Receiver
) -> None:
    before = outcomes("failed")
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    receiver.answer = Reply(status=503)
    assert desk.send_all() == 3
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.state, len(delivery.attempts), delivery.next_attempt_at) == (FAILED, 3, None)
    assert outcomes("failed") == before + 1
    receiver.answer = Reply()
    assert desk.webhooks.replay(TENANT, endpoint.id, delivery.id).state is PENDING
    assert desk.send_all() == 1
    (delivery,) = desk.deliveries(endpoint)
    assert (delivery.state, len(delivery.attempts)) == (DELIVERED, 4)
    assert {each.headers["webhook-id"] for each in receiver.asked} == {delivery.id}


def test_an_endpoint_that_hangs_costs_its_time_and_no_more(
    ledger: Ledger, redis_url: str, receiver: Receiver
) -> None:
    desk = Desk(ledger, redis_url, webhooks_timeout_s=0.2)
    receiver.answer = receiver.hang
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    desk.send()
    (attempt,) = desk.attempts(endpoint)
    assert (attempt.status_code, attempt.error) == (None, "url_timeout")
    assert attempt.duration_ms >= 190


def test_an_endpoint_that_is_not_there_is_tried_again(desk: Desk) -> None:
    with receiving() as gone:
        endpoint, _ = desk.endpoint(gone.url())
    desk.ended()
    assert desk.send_all() == 3
    assert {each.error for each in desk.attempts(endpoint)} == {"url_unreachable"}


def test_a_redirect_is_a_failure_and_never_followed(desk: Desk, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = Reply(status=307, headers={"Location": elsewhere.url()})
        endpoint, _ = desk.endpoint(receiver.url())
        desk.ended()
        desk.send_all()
        assert elsewhere.asked == []
    assert {(each.status_code, each.error) for each in desk.attempts(endpoint)} == {(307, "url_status")}


def test_an_endpoint_that_says_gone_is_never_called_again(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = Reply(status=410)
    endpoint, _ = desk.endpoint(receiver.url())
    for number in (1, 2):
        desk.ended(number)
    assert desk.send_all() == 1
    endpoint = desk.webhooks.get(TENANT, endpoint.id)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, Disabled.GONE)
    desk.ended(3)
    assert sorted(each.state for each in desk.deliveries(endpoint)) == [FAILED, PENDING]
    with pytest.raises(Conflict) as refused:
        desk.webhooks.test(TENANT, endpoint.id)
    assert refused.value.code == "webhook_disabled"


def test_an_endpoint_that_is_enabled_again_gets_what_was_pending(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    disabled = desk.webhooks.change(TENANT, endpoint.id, Wish(enabled=False))
    assert disabled.disabled_reason is Disabled.REQUESTED
    assert desk.send_all() == 0
    enabled = desk.webhooks.change(TENANT, endpoint.id, Wish(enabled=True))
    assert (enabled.enabled, enabled.disabled_reason) == (True, None)
    assert desk.send_all() == 1


def test_retry_after_spares_the_whole_endpoint_and_no_other(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = Reply(status=429, headers={"Retry-After": "3600"})
    busy, _ = desk.endpoint(receiver.url())
    for number in (1, 2, 3):
        desk.ended(number)
    assert desk.send_all() == 1
    waiting = [each for each in desk.deliveries(busy) if each.attempts]
    assert waiting[0].next_attempt_at is not None
    assert waiting[0].next_attempt_at > datetime.now(UTC) + timedelta(minutes=50)
    receiver.answer = Reply()
    free, _ = desk.endpoint(receiver.url("/free"))
    desk.ended(4)
    assert desk.send_all() == 1
    assert receiver.asked[-1].path == "/free"
    assert [each.state for each in desk.deliveries(free)] == [DELIVERED]


def test_an_endpoint_that_took_nothing_for_days_is_disabled(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = Reply(status=500)
    endpoint, _ = desk.endpoint(receiver.url())
    desk.ended()
    desk.send()
    desk.field(endpoint, "failing_since_ms", 1)
    desk.send()
    found = desk.webhooks.get(TENANT, endpoint.id)
    assert (found.enabled, found.disabled_reason) == (False, Disabled.FAILING)
    assert [each.state for each in desk.deliveries(endpoint)] == [PENDING]


def test_an_endpoint_that_takes_something_at_times_is_not(desk: Desk, receiver: Receiver) -> None:
    endpoint, _ = desk.endpoint(receiver.url())
    desk.field(endpoint, "failing_since_ms", 1)
    desk.ended(1)
    desk.send()
    receiver.answer = Reply(status=500)
    desk.ended(2)
    desk.send()
    assert desk.webhooks.get(TENANT, endpoint.id).enabled
