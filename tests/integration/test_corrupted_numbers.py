"""A number that a translation corrupts is found by the gateway, from the recording to the result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.asr import worker as asr
from services.codec import worker as codec
from services.gateway.jobs.finish import Finisher
from services.gateway.storage.redis import RedisJobStore
from services.shared.artifacts.local import LocalArtifacts
from services.shared.stage import Output, StageRunner, Work
from services.shared.tasks import TRANSLATE
from tests.support.desk import Desk, desk, lonely
from tests.support.gateway_house import fakes, serving

# In which the engine without a model hears "zero one two three four five six seven".
CALL = Path(__file__).parents[1] / "data" / "en-phone-number.wav"
SPEC = {
    "kind": "speech_translation",
    "source_language": "en",
    "target_language": "pt-BR",
    "outputs": ["transcript"],
}


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, str]]:
    """Model servers with engines that need no model."""
    with serving({name: spec for name, spec in fakes().items() if name != "tts"}) as running:
        yield running


@pytest_asyncio.fixture
async def house(redis_url: str, tmp_path: Path, targets: dict[str, str]) -> AsyncIterator[Desk]:
    """A gateway."""
    async with desk(lonely(redis_url, tmp_path).model_copy(update=targets)) as made:
        yield made


def finish(house: Desk, job_id: str, translation: str) -> None:
    """Do what the workers and the reconciler do, but for the translation, which is the given one."""

    def translate(work: Work) -> Output:
        key = work.key("translation.json")
        document = {"text": translation, "warnings": [], "model": {"name": "careless", "revision": "1"}}
        work.artifacts.put(key, json.dumps(document).encode())
        return Output({"translation": key, "empty": False})

    handlers = {**codec.HANDLERS, **asr.HANDLERS, TRANSLATE: translate}
    ledger, artifacts = house.ledger, LocalArtifacts(house.settings.artifacts_dir)
    store = RedisJobStore(ledger)
    runner = StageRunner(handlers, ledger, artifacts, lambda _hints: None, house.settings)
    for service in ("codec", "asr", "asr", "translation"):
        runner.run(service)
    assert store.outcome(job_id) is not None, ledger.units(job_id)
    Finisher(store, artifacts).finish(job_id)


async def translated(house: Desk, translation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the job and the result of a call with one speaker."""
    files, data = {"file": ("call.wav", CALL.read_bytes())}, {"spec": json.dumps(SPEC)}
    answer = await house.admin.post("/v1/jobs", files=files, data=data)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    await asyncio.to_thread(finish, house, job_id, translation)
    job, result = [(await house.admin.get(f"/v1/jobs/{job_id}{part}")).json() for part in ("", "/result")]
    return job, result


@pytest.mark.parametrize(
    ("translation", "found", "right"),
    [
        ("zero um dois três quatro cinco seis sete", "01234567", True),
        ("É 0123 4567.", "01234567", True),
        ("zero um dois três cinco seis sete", "0123567", False),
        ("Pois não.", None, False),
    ],
)
async def test_a_number_that_changed_marks_its_region_and_the_job(
    house: Desk, translation: str, found: str | None, *, right: bool
) -> None:
    job, result = await translated(house, translation)
    (region,) = result["channels"][0]["regions"]
    (entity,) = region["entities"]
    assert (entity["kind"], entity["source"], entity["target"]) == ("digits", "01234567", found)
    assert entity["match"] is right
    assert region["start_ms"] <= entity["start_ms"] < entity["end_ms"] <= region["end_ms"]
    assert entity["confidence"] == min(word["confidence"] for word in region["source"]["words"])
    assert region["review_reasons"] == ["entity_mismatch"] * (not right)
    assert result["review_reasons"] == ({} if right else {"entity_mismatch": 1})
    assert job["needs_review"] is result["needs_review"] is not right
