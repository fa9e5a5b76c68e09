"""Random interleavings of everything that can happen to jobs, against a model in plain Python.

The model knows no leases, queues or keys; after every step the ledger must agree with it and with itself
(`tests.support.calls.audit`). Time passes by `hurried`, never by waiting.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.shared.errors import Cancelled
from services.shared.ledger.ledger import Ledger, connect
from services.shared.ledger.records import Child, Claim, Failure, Output
from services.shared.tasks import Hint
from tests.support.calls import KINDS, audit, fields, hurried, instant, left_over, new_job
from tests.support.ledger_model import ModelJob, ModelUnit

FINAL = ("succeeded", "partially_succeeded", "failed", "cancelled")
MAX_FAILURES = 3


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger and the model side by side."""

    url: ClassVar[str]
    units = Bundle("units")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = instant(Ledger(connect(self.url), f"machine-{uuid.uuid4().hex}:"))
        self.jobs: dict[str, ModelJob] = {}
        self.erased: set[str] = set()

    def teardown(self) -> None:
        """Heal: lose every worker, let every delay pass, work all off, and see each job end and vanish."""
        while hints := self._later():
            for hint in hints:
                claim = self.ledger.claim(hint.unit)
                if claim is not None:
                    self.ledger.complete(claim, Output({}))
        audit(self.ledger, self.jobs)
        for name, job in self.jobs.items():
            ended = [self.ledger.finish(name, state, {}) for state in ("succeeded", "cancelled", "failed")]
            assert sum(ended) == (job.state not in FINAL)
            assert fields(self.ledger, name)["state"] in FINAL
            assert self.ledger.erase(name) == "erased"
            assert left_over(self.ledger, name) == []
        self.ledger._redis.close()

    def _later(self) -> tuple[Hint, ...]:
        """Return what is due when all times are past; leases among them end without a renewal."""
        for unit in (unit for job in self.jobs for unit in self.ledger.units(job)):
            if unit.state in {"ready", "leased"}:
                self.ledger._redis.hset(self.ledger._key("unit", unit.unit), "not_before", 0)
                self.ledger._redis.zadd(self.ledger._key("due"), {unit.unit: 0})
        return self.ledger.due(1000).hints

    # Jobs

    @initialize(target=units)
    def submit_a_call(self) -> str:
        return self.submit("speech_translation")

    @precondition(lambda self: len(self.jobs) + len(self.erased) < 5)
    @rule(target=units, kind=st.sampled_from(KINDS))
    def submit_another(self, kind: str) -> str:
        return self.submit(kind)

    def submit(self, kind: str) -> str:
        job = ModelJob(f"job_{len(self.jobs) + len(self.erased)}", kind)
        self.jobs[job.job] = job
        hints = self.ledger.submit(new_job(job.job, kind))
        assert [hint.unit for hint in hints] == [self._ready(job)[0]]
        assert self.ledger.submit(new_job(job.job, kind)) == []
        return hints[0].unit

    @precondition(lambda self: sum(job.state.startswith("cancel") for job in self.jobs.values()) < 2)
    @rule(unit=units)
    def cancel(self, unit: str) -> None:
        job = self.jobs.get(unit.partition(":")[0])
        if job is None:
            assert self.ledger.cancel(unit.partition(":")[0]) == "gone"
            return
        if job.state in {"queued", "running"}:
            job.cancel()
        assert self.ledger.cancel(job.job) == job.state

    @rule()
    def take_finishing(self) -> None:
        expected = {job.job for job in self.jobs.values() if job.over and job.state not in FINAL}
        assert set(self.ledger.take_finishing(100)) == expected

    @rule(unit=units, state=st.sampled_from(FINAL))
    def finish(self, unit: str, state: str) -> None:
        job = self.jobs.get(unit.partition(":")[0])
        allowed = job is not None and job.over and job.state not in FINAL
        allowed = allowed and not (job is not None and job.state == "cancelling" and state != "cancelled")
        assert self.ledger.finish(unit.partition(":")[0], state, {}) == allowed
        if job is not None and allowed:
            job.state = state

    @rule(unit=units)
    def erase(self, unit: str) -> None:
        name = unit.partition(":")[0]
        job = self.jobs.get(name)
        expected = "gone" if job is None else "erased" if job.state in FINAL else "running"
        assert self.ledger.erase(name) == expected
        if expected == "erased":
            del self.jobs[name]
            self.erased.add(name)
            assert left_over(self.ledger, name) == []

    # Units

    @rule(target=units, most=st.integers(1, 12), count=st.integers(0, 2), pick=st.integers(0, 9))
    def work(self, most: int, count: int, pick: int) -> object:
        """Do what workers do when nothing goes wrong, so that jobs get far enough for the rest."""
        created: list[str] = []
        for _ in range(most):
            ready = [name for job in self.jobs.values() for name in self._ready(job)]
            if not ready:
                break
            claim = self.claim(ready[pick % len(ready)])
            assert isinstance(claim, Claim)
            created += self.complete(claim, count, most)
        return multiple(*created)

    @rule(target=claims, name=units)
    def take(self, name: str) -> object:
        return self.claim(name) or multiple()

    def claim(self, name: str) -> Claim | None:
        job, unit = self._find(name)
        claim = self.ledger.claim(name)
        if not self._expects_claim(job, unit):
            assert claim is None
            return None
        assert job is not None
        assert unit is not None
        assert claim is not None
        unit.attempt += 1
        unit.state, unit.expired = "leased", False
        job.state = "running"
        assert (claim.attempt, claim.failures) == (unit.attempt, unit.failures)
        return claim

    def _expects_claim(self, job: ModelJob | None, unit: ModelUnit | None) -> bool:
        if job is None or unit is None:
            return False
        if unit.state == "ready":
            return not unit.delayed
        if unit.state != "leased" or not unit.expired:
            return False
        if job.state == "cancelling":
            job.kill(unit)
            return False
        unit.failures += 1
        if unit.failures >= MAX_FAILURES:
            job.kill(unit)
            return False
        return True

    @rule(target=units, claim=claims, count=st.integers(0, 2), value=st.integers())
    def write(self, claim: Claim, count: int, value: int) -> object:
        return multiple(*self.complete(claim, count, value))

    def complete(self, claim: Claim, count: int, value: int) -> list[str]:
        """Complete a claim, which may be an old one; return the units that this created."""
        job, unit = self._find(claim.unit)
        children = job.children_of(unit, count) if job is not None and unit is not None else []
        output = Output({"value": value}, tuple(Child(child, {}) for child in children))
        if job is not None and unit is not None and unit.state == "done" and unit.attempt == claim.attempt:
            assert self.ledger.complete(claim, output) == []
            return []
        if not self._holds(job, unit, claim):
            self._refused(partial(self.ledger.complete, claim, output))
            return []
        assert job is not None
        assert unit is not None
        ready, known = set(self._ready(job)), set(job.units)
        job.complete(unit, {"value": value}, children)
        hints = {hint.unit for hint in self.ledger.complete(claim, output)}
        assert hints == set(self._ready(job)) - ready
        return sorted((set(job.units) - known) | hints)

    @rule(claim=claims, retryable=st.booleans(), burns=st.booleans(), delayed=st.booleans())
    def fail(self, claim: Claim, *, retryable: bool, burns: bool, delayed: bool) -> None:
        job, unit = self._find(claim.unit)
        failure = Failure("flaky", "", retryable, burns, 3_600_000 if delayed else 0)
        if not self._holds(job, unit, claim):
            self._refused(partial(self.ledger.fail, claim, failure))
            return
        assert job is not None
        assert unit is not None
        ready = set(self._ready(job))
        unit.failures += burns
        if retryable and unit.failures < MAX_FAILURES:
            unit.state, unit.delayed = "ready", delayed
        else:
            job.kill(unit)
        hints = {hint.unit for hint in self.ledger.fail(claim, failure)}
        assert hints == set(self._ready(job)) - ready

    def renew(self, claim: Claim, *, expires: bool) -> None:
        job, unit = self._find(claim.unit)
        held = job is not None and job.state == "running" and self._leased_to(unit, claim)
        ledger = hurried(self.ledger) if expires else self.ledger
        assert ledger.renew(claim) == held
        if unit is not None and held:
            unit.expired = expires

    @rule(target=claims, claim=claims)
    def take_over(self, claim: Claim) -> object:
        self.renew(claim, expires=True)
        return self.claim(claim.unit) or multiple()

    @rule(claim=claims, expires=st.booleans())
    def prolong(self, claim: Claim, *, expires: bool) -> None:
        self.renew(claim, expires=expires)

    @rule()
    def due(self) -> None:
        expired = 0
        for job in self.jobs.values():
            for unit in list(job.units.values()):
                if unit.state == "leased" and unit.expired:
                    expired += 1
                    unit.failures += 1
                    if job.state == "running" and unit.failures < MAX_FAILURES:
                        unit.state, unit.delayed = "ready", False
                    else:
                        job.kill(unit)
        due = self.ledger.due(1000)
        assert due.expired == expired
        assert {hint.unit for hint in due.hints} == {
            name for job in self.jobs.values() for name in self._ready(job)
        }

    @invariant()
    def agrees(self) -> None:
        audit(self.ledger, self.jobs)
        for job in self.jobs.values():
            assert fields(self.ledger, job.job)["state"] == job.state
            seen = {unit.unit: (unit.state, unit.output) for unit in self.ledger.units(job.job)}
            assert seen == {name: (unit.state, unit.output) for name, unit in job.units.items()}

    # The model's view

    def _find(self, name: str) -> tuple[ModelJob | None, ModelUnit | None]:
        job = self.jobs.get(name.partition(":")[0])
        return job, job.units.get(name) if job else None

    def _holds(self, job: ModelJob | None, unit: ModelUnit | None, claim: Claim) -> bool:
        """Say whether a claim may still write; one that learns of a cancel ends its unit."""
        if job is None or unit is None or not self._leased_to(unit, claim):
            return False
        if job.state == "cancelling":
            job.kill(unit)
            return False
        return True

    @staticmethod
    def _leased_to(unit: ModelUnit | None, claim: Claim) -> bool:
        return unit is not None and unit.state == "leased" and unit.attempt == claim.attempt

    @staticmethod
    def _ready(job: ModelJob) -> list[str]:
        return [name for name, unit in job.units.items() if unit.state == "ready" and not unit.delayed]

    @staticmethod
    def _refused(write: Callable[[], object]) -> None:
        with pytest.raises(Cancelled):
            write()


@pytest.mark.timeout(600)  # a failure is first made as short as possible
def test_no_interleaving_breaks_the_ledger(redis_url: str) -> None:
    run_state_machine_as_test(
        type("Machine", (LedgerMachine,), {"url": redis_url}),
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
