"""When a delivery is tried again, whatever its endpoint answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.settings import WebhookSettings
from services.gateway.webhooks.model import DELIVERY_ID, DeliveryState, delivery_id
from services.gateway.webhooks.schedule import JITTER, Schedule, judge, retry_after_s
from services.shared.errors import Misconfigured

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY_S = 24 * 3600
SCHEDULE = Schedule.parse(WebhookSettings().webhooks_schedule_s)


def test_the_schedule_is_that_of_the_spec() -> None:
    assert SCHEDULE.delays_s == (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    assert SCHEDULE.attempts == 10


@pytest.mark.parametrize("tried", range(12))
def test_each_wait_has_jitter_and_is_never_shorter_than_it_says(tried: int) -> None:
    base_ms = SCHEDULE.delays_s[min(tried, 9)] * 1000
    waits = {SCHEDULE.delay_ms(tried) for _ in range(50)}
    assert all(base_ms <= each <= base_ms * (1 + JITTER) + 1 for each in waits)
    assert len(waits) > 1 or base_ms == 0


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "0,-5", "inf", "nan", "0;5"])
def test_a_schedule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="WEBHOOKS_SCHEDULE_S"):
        Schedule.parse(text)


@given(st.integers(200, 299))
def test_every_2xx_is_a_delivery(status: int) -> None:
    assert judge(status, {"retry-after": "5"}, NOW, 3, 100).state is DeliveryState.DELIVERED


@given(st.one_of(st.none(), st.integers(100, 199), st.integers(300, 599)))
def test_everything_else_is_a_failure(status: int | None) -> None:
    assert judge(status, {}, NOW, 0, 100).state is DeliveryState.FAILED
    again = judge(status, {}, NOW, 1, 100)
    assert (again.state, again.gone) == (
        (DeliveryState.FAILED, True) if status == 410 else (DeliveryState.PENDING, False)
    )
    assert again.delay_ms == (0 if status == 410 else 100)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_endpoint_that_is_busy_is_left_alone_as_long_as_it_asks(status: int) -> None:
    verdict = judge(status, {"retry-after": "7"}, NOW, 3, 100)
    assert (verdict.delay_ms, verdict.hold_ms) == (7000, 7000)
    assert judge(status, {"retry-after": "1"}, NOW, 3, 5000).delay_ms == 5000
    assert judge(status, {"retry-after": "7"}, NOW, 0, 100).hold_ms == 7000


def test_an_endpoint_that_fails_otherwise_cannot_hold_up_its_other_deliveries() -> None:
    assert judge(500, {"retry-after": "700"}, NOW, 3, 100).hold_ms == 0


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("0", 0),
        ("120", 120),
        ("99999999999999999999", DAY_S),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), DAY_S),
        ("Sun, 01 Mar 2026 12:00:30", 30),
        ("-1", 0),
        ("soon", 0),
        ("", 0),
        ("Sun, 99 Mar 2026 12:00:30 GMT", 0),
    ],
)
def test_retry_after_is_understood_in_both_forms(text: str, wait_s: float) -> None:
    assert retry_after_s({"retry-after": text}, NOW) == wait_s


@given(st.text(max_size=40))
def test_no_retry_after_is_too_odd(text: str) -> None:
    assert 0 <= retry_after_s({"retry-after": text}, NOW) <= DAY_S


def test_an_event_has_one_delivery_per_endpoint_and_they_sort_by_time() -> None:
    one = delivery_id("job_1:3", "whk_1", 1_700_000_000_000)
    assert one == delivery_id("job_1:3", "whk_1", 1_700_000_000_000)
    others = [
        delivery_id("job_1:3", "whk_2", 1_700_000_000_000),
        delivery_id("job_1:4", "whk_1", 1_700_000_000_000),
    ]
    assert len({one, *others}) == 3
    assert one < delivery_id("job_0:1", "whk_0", 1_700_000_000_001)
    assert all(DELIVERY_ID.fullmatch(each) for each in (one, *others))
