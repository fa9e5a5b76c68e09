"""What Redis keeps of the tenants' policies of reviews."""

from __future__ import annotations

import pytest

from services.gateway.access.reviews import Reviews
from services.gateway.jobs.policy import OwnPolicy, ReviewPolicy
from services.shared.errors import Unavailable
from services.shared.redis_url import client as connect


def test_what_a_later_version_keeps_is_passed_over(redis_url: str) -> None:
    store = connect(redis_url)
    reviews = Reviews(store, "x:")
    store.set("x:review:acme", '{"max_delay_ms": 9, "max_doubt": 1}')
    assert reviews.of(["acme", "umbrella"]) == [OwnPolicy(max_delay_ms=9), OwnPolicy()]
    assert reviews.policy("acme") == ReviewPolicy(max_delay_ms=9)
    store.close()


def test_without_redis_nobody_knows() -> None:
    with pytest.raises(Unavailable, match="Redis"):
        Reviews(connect("redis://127.0.0.1:1/0", retries=0), "").policy("acme")
