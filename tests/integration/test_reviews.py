"""When a tenant's results need a review: set over HTTP, kept in Redis, held to by its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.gateway.jobs.policy import ReviewPolicy
from services.translation import server as translation
from services.translation.settings import TranslationSettings
from tests.support.desk import Desk, desk, lonely
from tests.support.gateway_house import serving

NOTHING = {
    "min_confidence": None,
    "min_entity_confidence": None,
    "max_delay_ms": None,
    "max_word_error_rate": None,
    "ignored": None,
}
TEXT = {"kind": "text_translation", "text": "Room 12", "source_language": "en", "target_language": "pt"}
KNOWS = TranslationSettings(translation_engines="fake")


@pytest_asyncio.fixture
async def front(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway that can take texts."""
    with serving({"translation": (translation.spec(KNOWS), KNOWS)}) as targets:
        async with desk(lonely(redis_url, tmp_path).model_copy(update=targets)) as made:
            yield made


async def put(front: Desk, body: dict[str, Any], name: str = "acme") -> Any:
    answer = await front.admin.put(f"/v1/tenants/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["review"]


async def test_a_policy_is_set_as_a_whole_and_stays_where_it_is_not_named(front: Desk) -> None:
    assert await put(front, {"limits": {}}) == NOTHING
    wanted = {"min_confidence": 0.7, "max_delay_ms": 0, "ignored": ["fell_back", "hole", "fell_back"]}
    kept = NOTHING | wanted | {"ignored": ["fell_back", "hole"]}
    assert await put(front, {"review": wanted}) == kept
    assert await put(front, {"limits": {"unfinished_jobs": 3}}) == kept
    shown = (await front.admin.get("/v1/tenants/acme")).json()
    assert (shown["limits"]["unfinished_jobs"], shown["review"]) == (3, kept)
    listed = (await front.admin.get("/v1/tenants")).json()["tenants"]
    assert [each["review"] for each in listed if each["name"] in {"acme", "default"}] == [kept, NOTHING]
    assert await put(front, shown) == kept, "what was shown can be sent back"
    assert await put(front, {"review": {"ignored": []}}) == NOTHING | {"ignored": []}
    assert await put(front, {"review": {}}) == NOTHING
    shown = (await front.admin.get("/v1/tenants/acme")).json()
    assert shown["limits"]["unfinished_jobs"] == 3, "a review alone leaves the limits"


async def test_a_tenant_may_begin_with_its_policy(front: Desk) -> None:
    await put(front, {"review": {}}, "umbrella")
    assert (await front.admin.get("/v1/tenants/umbrella")).status_code == 200


async def test_an_unknown_code_is_answered_with_those_that_there_are(front: Desk) -> None:
    answer = await front.admin.put("/v1/tenants/acme", json={"review": {"ignored": ["slow"]}})
    assert "empty_translation, entity_mismatch" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("review", "field"),
    [
        ({"min_confidence": 1.1}, "review.min_confidence"),
        ({"min_entity_confidence": -0.1}, "review.min_entity_confidence"),
        ({"max_word_error_rate": "0.1"}, "review.max_word_error_rate"),
        ({"max_delay_ms": 0.5}, "review.max_delay_ms"),
        ({"max_delay_ms": 60_001}, "review.max_delay_ms"),
        ({"ignored": ["fell_bakc"]}, "review.ignored.0"),
        ({"ignored": "hole"}, "review.ignored"),
        ({"min_confidnce": 0.5}, "review.min_confidnce"),
    ],
)
async def test_a_policy_that_means_nothing_is_refused(
    front: Desk, review: dict[str, Any], field: str
) -> None:
    answer = await front.admin.put("/v1/tenants/acme", json={"limits": {}, "review": review})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter"), answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await front.admin.get("/v1/tenants/acme")).status_code == 404


async def test_a_job_keeps_the_policy_of_its_tenant_and_shows_it_to_nobody(front: Desk) -> None:
    holder = await front.holder()
    await put(front, {"review": {"min_confidence": 0.7, "ignored": ["hole"]}})
    sent = await holder.post("/v1/jobs", json=TEXT)
    await put(front, {"review": {}})
    assert "review" not in sent.json()
    claim = front.ledger.claim("translation")
    assert claim is not None
    assert ReviewPolicy.of(claim.spec) == ReviewPolicy(min_confidence=0.7, ignored=("hole",))
    refused = await holder.post("/v1/jobs", json=TEXT | {"review": {}})
    assert refused.json()["code"] == "invalid_spec"
