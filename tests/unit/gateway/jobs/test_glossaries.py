"""What became of the terms of a job's glossary, and the copy that the job keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.gateway.jobs import glossaries
from services.gateway.jobs.service import JobService, Ports
from services.shared import tasks
from services.shared.errors import InvalidRequest, StorageFailure
from tests.unit.gateway.world import TENANT, TEXT_SPEC, RiffProbe, World

GLOSSARY_ID = f"glo_{7:032x}"
GLOSSARY: dict[str, Any] = {"id": GLOSSARY_ID, "version": 3, "name": "a", "terms": [{"source": "claim"}]}
SPEC = TEXT_SPEC | {"glossary_id": GLOSSARY_ID}


class Shelf:
    """Has one glossary."""

    def snapshot(self, tenant: str, glossary_id: str) -> Mapping[str, Any] | None:
        return GLOSSARY if (tenant, glossary_id) == (TENANT, GLOSSARY_ID) else None


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A gateway with one glossary."""
    made = World(tmp_path)
    ports = Ports(
        made.store, made.artifacts, made.dispatched, made.abilities, RiffProbe(), glossaries=Shelf()
    )
    made.jobs = JobService(ports)
    return made


def use(source: str, *, hit: bool, target: str = "x") -> dict[str, Any]:
    return {"source": source, "target": target, "hit": hit}


def test_a_job_keeps_a_copy_and_its_spec_says_where(world: World) -> None:
    job = world.submit(SPEC)
    key = f"{job.prefix}glossary.json"
    assert json.loads(world.artifacts.get(key)) == GLOSSARY
    world.store.complete(job.id, (tasks.TRANSLATE, "job"), {})
    outcome = world.store.outcome(job.id)
    assert outcome is not None
    size_bytes = world.artifacts.size(key)
    named = {"key": key, "size_bytes": size_bytes, "id": GLOSSARY_ID, "version": 3}
    assert outcome.spec["glossary"] == named
    assert "claim" not in json.dumps(outcome.spec)


def test_the_copy_counts_in_what_a_tenant_keeps(world: World) -> None:
    plain, copied = world.submit(TEXT_SPEC), world.submit(SPEC)
    entries = world.store._entries
    more = world.artifacts.size(f"{copied.prefix}glossary.json")
    assert entries[copied.id].stored_bytes == entries[plain.id].stored_bytes + more


def test_a_glossary_that_is_not_there_is_refused_and_nothing_kept(world: World) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.submit(TEXT_SPEC | {"glossary_id": f"glo_{8:032x}"})
    assert refused.value.code == "unknown_glossary"
    assert world.kept() == []


def test_a_store_without_room_for_the_copy_keeps_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = world.artifacts.put

    def full(key: str, data: Any) -> Any:
        if key.endswith("glossary.json"):
            raise StorageFailure("The disk is full.", code="storage_full")
        return put(key, data)

    monkeypatch.setattr(world.artifacts, "put", full)
    with pytest.raises(StorageFailure):
        world.submit(SPEC)
    assert world.kept() == []


def test_the_same_submission_with_another_glossary_is_another_one(world: World) -> None:
    first = world.send(SPEC, key="k").job
    assert world.send(SPEC, key="k").job.id == first.id
    with pytest.raises(InvalidRequest) as refused:
        world.send(TEXT_SPEC, key="k")
    assert refused.value.code == "idempotency_key_reused"


def test_a_text_is_warned_of_when_it_missed_a_term() -> None:
    assert glossaries.missed([]) == glossaries.missed([use("a", hit=True)]) == []
    assert glossaries.missed([use("a", hit=True), use("b", hit=False)]) == ["term_missed"]


def test_the_whole_job_tells_how_often_each_term_was_hit() -> None:
    spec = {"glossary": {"key": "k", "id": GLOSSARY_ID, "version": 3}}
    uses = [use("b", hit=True), use("a", hit=False), use("b", hit=False), use("b", hit=True, target="y")]
    assert glossaries.summary(spec, uses) == {
        "glossary": {
            "id": GLOSSARY_ID,
            "version": 3,
            "terms": [
                {"source": "b", "target": "x", "hits": 1, "misses": 1},
                {"source": "a", "target": "x", "hits": 0, "misses": 1},
                {"source": "b", "target": "y", "hits": 1, "misses": 0},
            ],
        }
    }
    assert glossaries.summary({}, uses) == {}
