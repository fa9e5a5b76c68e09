"""Random interleavings of everything that can happen to jobs, against a model in plain Python.

The model knows no leases, queues or keys; after every step the ledger must agree with it and with itself
(`tests.support.calls.audit`). Time passes by `hurried`, never by waiting.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
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
from services.shared.ledger.accounts import Use
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, Failure, Output, Submitted
from services.shared.redis_url import client as connect
from services.shared.tasks import SERVICES, Hint, service_of
from tests.support.calls import (
    KINDS,
    audit,
    claim_of,
    fields,
    heard,
    hurried,
    instant,
    left_over,
    new_job,
    nodes,
    used,
)
from tests.support.ledger_model import ModelJob, ModelUnit

FINAL = ("succeeded", "partially_succeeded", "failed", "cancelled")
COSTS = ("failure", "loss", "none")
MAX_LOSSES = 2


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger and the model side by side."""

    url: ClassVar[str]
    units = Bundle("units")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = instant(
            Ledger(connect(self.url), f"machine-{uuid.uuid4().hex}:"), max_losses=MAX_LOSSES
        )
        self.jobs: dict[str, ModelJob] = {}
        self.erased: set[str] = set()
        self.used: dict[str, Use] = {}
        self.heard_ms = 0

    def teardown(self) -> None:
        """Heal: lose every worker, let every delay pass, work all off, and see each job end and vanish."""
        while self._later():
            for service in SERVICES:
                while claim := self.ledger.claim(service):
                    self.ledger.complete(claim, Output({}))
        audit(self.ledger, self.jobs)
        for name, job in self.jobs.items():
            ended = [self.ledger.finish(name, state, {}) for state in ("succeeded", "cancelled", "failed")]
            assert sum(ended) == (job.state not in FINAL)
            assert fields(self.ledger, name)["state"] in FINAL
            assert self.ledger.erase(name) == "erased"
            assert left_over(self.ledger, name) == []
        self.ledger._redis.close()

    def _later(self) -> int:
        """Let all times pass, also those of leases; return how many units wait for a worker then."""
        for unit in (unit for job in self.jobs for unit in self.ledger.units(job)):
            self.ledger._redis.zadd(self.ledger._key("due"), {unit.unit: 0}, xx=True)
        self.ledger.due(1000)
        return sum(self.ledger.waiting().values())

    # Jobs

    @initialize(target=units)
    def submit_a_call(self) -> str:
        return self.submit("speech_translation")

    @precondition(lambda self: len(self.jobs) + len(self.erased) < 5)
    @rule(target=units, kind=st.sampled_from(KINDS))
    def submit_another(self, kind: str) -> str:
        return self.submit(kind)

    def submit(self, kind: str) -> str:
        number = len(self.jobs) + len(self.erased)
        job = ModelJob(f"job_{number}", kind, input_bytes=1000 * number)
        self.jobs[job.job] = job
        first = self._ready(job)[0]
        new = replace(new_job(job.job, kind), stored_bytes=job.input_bytes)
        assert self.ledger.submit(new) == Submitted("accepted", job.job, self._hints([first]))
        assert self.ledger.submit(new) == Submitted("accepted", job.job)
        return first

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
        assert self.ledger.finish(unit.partition(":")[0], state, {}, file_bytes=len(unit)) == allowed
        if job is not None and allowed:
            job.state, job.file_bytes = state, len(unit)

    @rule(target=units, unit=units, doomed=st.integers(0, 8), again=st.booleans())
    def play_out(self, unit: str, doomed: int, *, again: bool) -> object:
        """End a job with one unit failing for good, retry it, and perhaps play that out too."""
        created = self.run_all(unit, doomed)
        self.finish(unit, "partially_succeeded")
        self.retry(unit)
        if again:
            created += self.run_all(unit, None)
            self.finish(unit, "succeeded")
        return multiple(*created)

    def run_all(self, unit: str, doomed: int | None) -> list[str]:
        job = self.jobs.get(unit.partition(":")[0])
        created: list[str] = []
        ran = 0
        while job is not None and (ready := self._ready(job)):
            claim = self.claim(ready[0])
            assert claim is not None
            if ran == doomed:
                self.fail(claim, retryable=False, cost="failure", delayed=False)
            else:
                created += self.complete(claim, 1, 0)
            ran += 1
        return created

    @rule(unit=units)
    def retry(self, unit: str) -> None:
        name = unit.partition(":")[0]
        job = self.jobs.get(name)
        if job is None:
            assert self.ledger.retry(name) == ("gone", ())
        elif job.state not in {"failed", "partially_succeeded"}:
            assert self.ledger.retry(name) == (job.state, ())
        else:
            job.retry()
            state, hints = self.ledger.retry(name)
            assert (state, sorted(hints)) == ("running", sorted(self._hints(self._ready(job))))

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
        claim = claim_of(self.ledger, name)
        if job is None or unit is None or unit.state != "ready" or unit.delayed:
            assert claim is None
            return None
        assert claim is not None
        unit.attempt += 1
        unit.state, unit.expired = "leased", False
        job.state = "running"
        assert (claim.attempt, claim.failures) == (unit.attempt, unit.failures)
        return claim

    @rule(target=units, claim=claims, count=st.integers(0, 2), value=st.integers())
    def write(self, claim: Claim, count: int, value: int) -> object:
        return multiple(*self.complete(claim, count, value))

    def complete(self, claim: Claim, count: int, value: int) -> list[str]:
        """Complete a claim, which may be an old one; return the units that this created."""
        job, unit = self._find(claim.unit)
        children = job.children_of(unit, count) if job is not None and unit is not None else []
        audio_ms = abs(value) % 10_000
        made = tuple(Child(child, {}, audio_ms) for child in children)
        output = Output({"value": value}, made, audio_ms if value % 2 else None, stored_bytes=count)
        if job is not None and unit is not None and unit.state == "done" and unit.attempt == claim.attempt:
            assert self.ledger.complete(claim, output, served_ms=count) == ()
            return []
        if not self._holds(job, unit, claim):
            self._refused(partial(self.ledger.complete, claim, output))
            return []
        assert job is not None
        assert unit is not None
        ready, known = set(self._ready(job)), set(job.units)
        job.complete(unit, {"value": value}, children)
        became_ready = set(self._ready(job)) - ready
        hints = self.ledger.complete(claim, output, served_ms=count)
        assert sorted(hints) == sorted(self._hints(became_ready))
        heard_ms = claim.audio_ms if output.audio_ms is None else output.audio_ms
        self.used[claim.stage] = self.used.get(claim.stage, Use()) + Use(1, heard_ms, count)
        job.input_bytes += count
        self.heard_ms += output.audio_ms or 0 if claim.index == "job" else 0
        return sorted((set(job.units) - known) | became_ready)

    @rule(claim=claims, retryable=st.booleans(), cost=st.sampled_from(COSTS), delayed=st.booleans())
    def fail(self, claim: Claim, *, retryable: bool, cost: str, delayed: bool) -> None:
        job, unit = self._find(claim.unit)
        failure = Failure("flaky", "", retryable, cost, 3_600_000 if delayed else 0)
        if not self._holds(job, unit, claim):
            self._refused(partial(self.ledger.fail, claim, failure))
            return
        assert job is not None
        assert unit is not None
        ready = set(self._ready(job))
        unit.failures += cost == "failure"
        unit.losses += cost == "loss"
        if retryable and unit.failures < self._attempts(job, unit) and unit.losses < MAX_LOSSES:
            unit.state, unit.delayed = "ready", delayed
        else:
            job.kill(unit)
        hints = self.ledger.fail(claim, failure)
        assert sorted(hints) == sorted(self._hints(set(self._ready(job)) - ready))

    def renew(self, claim: Claim, *, expires: bool) -> None:
        job, unit = self._find(claim.unit)
        held = job is not None and job.state == "running" and self._leased_to(unit, claim)
        ledger = hurried(self.ledger) if expires else self.ledger
        assert ledger.renew(claim).held == held
        if unit is not None and held:
            unit.expired = expires

    @rule(target=claims, claim=claims)
    def take_over(self, claim: Claim) -> object:
        self.renew(claim, expires=True)
        self.due()
        return self.claim(claim.unit) or multiple()

    @rule(claim=claims, expires=st.booleans())
    def prolong(self, claim: Claim, *, expires: bool) -> None:
        self.renew(claim, expires=expires)

    @rule()
    def delays_pass(self) -> None:
        for job in self.jobs.values():
            for name, unit in job.units.items():
                if unit.state == "ready" and unit.delayed:
                    self.ledger._redis.zadd(self.ledger._key("due"), {name: 0}, xx=True)
                    unit.due = True
        self.due()

    @rule()
    def due(self) -> None:
        expired, ready = 0, {name for job in self.jobs.values() for name in self._ready(job)}
        for job in self.jobs.values():
            for unit in list(job.units.values()):
                if unit.due:
                    unit.delayed = unit.due = False
                if unit.state == "leased" and unit.expired:
                    expired += 1
                    if job.state != "running":
                        job.kill(unit)
                        continue
                    unit.losses += 1
                    if unit.losses < MAX_LOSSES:
                        unit.state, unit.delayed = "ready", False
                    else:
                        job.kill(unit)
        due = self.ledger.due(1000)
        assert due.expired == expired
        now = {name for job in self.jobs.values() for name in self._ready(job)}
        assert sorted(due.hints) == sorted(self._hints(now - ready))

    @invariant()
    def agrees(self) -> None:
        audit(self.ledger, self.jobs)
        for job in self.jobs.values():
            assert fields(self.ledger, job.job)["state"] == job.state
            assert int(fields(self.ledger, job.job)["stored_bytes"]) == job.stored_bytes
            seen = {unit.unit: (unit.state, unit.output) for unit in self.ledger.units(job.job)}
            assert seen == {name: (unit.state, unit.output) for name, unit in job.units.items()}

    @invariant()
    def counts_all_use_once(self) -> None:
        assert used(self.ledger) == self.used
        assert heard(self.ledger) == self.heard_ms

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
    def _hints(units: Iterable[str]) -> tuple[Hint, ...]:
        return tuple(Hint(service_of(unit.split(":")[1])) for unit in units)

    @staticmethod
    def _attempts(job: ModelJob, unit: ModelUnit) -> int:
        return nodes(job.kind)[unit.position].attempts

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
