"""A job store, and hands that do to its units what workers do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import File, Job, JobState, Progress
from services.gateway.jobs.pipeline import PIPELINES
from services.gateway.jobs.ports import Backlog, Idempotency, JobStore, Quotas, Submission
from services.shared import tasks
from services.shared.errors import DragomanError
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Failure, Output
from services.shared.tasks import Hint, service_of

Children = Iterable[tuple[str, Mapping[str, Any]]]
BACKLOG = Backlog(jobs=7, jobs_per_tenant=5)
QUOTAS = Quotas(storage_bytes=1000)
FILES = (File("result.json", "k", "application/json", 12),)


class Hands(Protocol):
    """Does what workers do to the units of a store."""

    def complete(
        self, job_id: str, key: tuple[str, str], output: Mapping[str, Any], children: Children = ()
    ) -> None: ...

    def fail(self, job_id: str, key: tuple[str, str], code: str) -> None: ...


@dataclass
class LedgerHands:
    """Claims what a service has ready until it holds the wanted unit, then completes or fails that one.

    Units that are claimed on the way stay in hand until they are wanted: as with several workers.
    """

    ledger: Ledger
    held: dict[str, Claim] = field(default_factory=dict)

    def complete(
        self, job_id: str, key: tuple[str, str], output: Mapping[str, Any], children: Children = ()
    ) -> None:
        made = tuple(Child(index, payload) for index, payload in children)
        self.ledger.complete(self._claim(job_id, key), Output(output, made))

    def fail(self, job_id: str, key: tuple[str, str], code: str) -> None:
        failure = Failure(code, "It failed.", retryable=False, cost="failure", delay_ms=0)
        self.ledger.fail(self._claim(job_id, key), failure)

    def _claim(self, job_id: str, key: tuple[str, str]) -> Claim:
        wanted = f"{job_id}:{key[0]}:{key[1]}"
        while wanted not in self.held:
            claim = self.ledger.claim(tasks.service_of(key[0]))
            assert claim is not None, f"{wanted} is not ready"
            self.held[claim.unit] = claim
        return self.held.pop(wanted)


@dataclass(frozen=True)
class Shop:
    """A store, and hands to work on what is in it."""

    store: JobStore
    hands: Hands


def submission(
    kind: str = "speech_translation", tenant: str = "default", idempotency: Idempotency | None = None
) -> Submission:
    """Return a new job to submit."""
    stages = PIPELINES[kind].stages_for(["transcript", "audio"])
    job = Job(
        id=new_job_id(),
        tenant=tenant,
        kind=kind,
        state=JobState.QUEUED,
        created_at=datetime.now(UTC),
        priority="interactive",
        metadata={"call": "42"},
        progress={stage.name: Progress(0, 0) for stage in stages},
    )
    return Submission(job, {"kind": kind}, stages, idempotency)


def submit(shop: Shop, kind: str = "speech_translation", tenant: str = "default") -> str:
    """Submit a job; return its id."""
    new = submission(kind, tenant)
    receipt = shop.store.submit(new)
    assert receipt.job_id == new.job.id
    assert list(receipt.hints) == [Hint(service_of(new.stages[0].name))]
    return new.job.id


def refusal(act: Callable[[], object]) -> str:
    """Return the code of the error that is raised."""
    with pytest.raises(DragomanError) as caught:
        act()
    return caught.value.code


def look(shop: Shop, job_id: str) -> Job:
    """Return a job that must be there."""
    job = shop.store.get(job_id)
    assert job is not None
    return job


def decode(shop: Shop, job_id: str, channels: int = 1) -> None:
    children = [(f"c{number}", {"channel": number}) for number in range(channels)]
    shop.hands.complete(job_id, (tasks.DECODE, "job"), {"duration_ms": 60_000}, children)


def segment(shop: Shop, job_id: str, channel: int, regions: int) -> None:
    children = [(f"c{channel}r{number}", {"start_ms": number}) for number in range(regions)]
    shop.hands.complete(job_id, (tasks.SEGMENT, f"c{channel}"), {"language": "en"}, children)


def speak(shop: Shop, job_id: str, index: str) -> None:
    """Take a region through all of its stages."""
    for stage in (tasks.TRANSCRIBE, tasks.TRANSLATE, tasks.SYNTHESIZE):
        shop.hands.complete(job_id, (stage, index), {"at": stage})


def translate(shop: Shop) -> str:
    """Return a text translation with nothing left to run."""
    job_id = submit(shop, "text_translation")
    shop.hands.complete(job_id, (tasks.TRANSLATE, "job"), {"translation": "k"})
    return job_id
