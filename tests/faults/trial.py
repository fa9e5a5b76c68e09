"""One fault and the jobs that live through it: what was accepted, what was seen, what must hold."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.faults.calls import CALL, SPEC, Results, different, results
from tests.faults.client import FINAL, Job
from tests.faults.installation import Installation
from tests.support.waiting import until

# Everything must be calm so soon after the fault is mended.
QUIET_S: Final = 30.0
# Threads of one stage worker, the most over all services: so many hints may a killed one take along.
_SLOTS: Final = 8
_RESENT: Final = "dragoman_resent_hints_total"


@dataclass(slots=True)
class Seen:
    """What a fault led to.

    Attributes:
        fault: Its name.
        seed: Of its random choices.
        jobs: Accepted.
        hits: Kills, freezes, cuts and the like.
        reruns: Claims of units beyond their first.
        fenced: Attempts that came too late and changed nothing.
        doubled: Units whose effect was applied twice; must be none.
        rescued: Hints that the reconcilers sent again.
        seconds: From the start to quiet.
    """

    fault: str
    seed: int
    jobs: int = 0
    hits: int = 0
    reruns: int = 0
    fenced: int = 0
    doubled: int = 0
    rescued: int = 0
    seconds: float = 0.0


class Trial:
    """What one test does to an installation, with its account.

    Args:
        installation: Healthy, with nothing to do.
        fault: Name of the test.
        seed: For its random choices.
        reference: What an undisturbed job gives.

    Attributes:
        jobs: Accepted and not erased.
        surplus: Completions counted of each stage beyond the units that are done: of jobs that were erased.
    """

    def __init__(self, installation: Installation, fault: str, seed: int, reference: Results) -> None:
        self.installation = installation
        self.client = installation.client
        self.ledger = installation.ledger
        self.random = random.Random(seed)  # noqa: S311 - chooses faults, guards nothing
        self.seen = Seen(fault, seed)
        self.jobs: list[str] = []
        self.reference = reference
        self._ends: dict[str, Job] = {}
        self._again: Counter[str] = Counter()
        units, completions = self.ledger.done()
        self.surplus = completions - units
        self._began_s = time.monotonic()
        self._offsets = {name: member.log_size() for name, member in installation.members.items()}
        self._resent = installation.metric(_RESENT)

    def submit(self, count: int = 1, spec: Job = SPEC, file: bytes = CALL) -> list[str]:
        """Have jobs accepted."""
        accepted = [self.client.submit(spec, file) for _ in range(count)]
        self.jobs += accepted
        return accepted

    def hit(self, times: int = 1) -> None:
        """Count a fault."""
        self.seen.hits += times

    def over(self, job: str, most_s: float = QUIET_S) -> Job:
        """Return a job in its final state, which it must keep."""
        found = self.client.wait(job, most_s)
        self._ends[job] = found
        return found

    def retry(self, job: str) -> None:
        """Have a job's dead units run again; what gathers runs a second time with good reason."""
        answer = self.client.retry(job)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        self._again[f"{job}:codec.encode:job"] += 1
        self._ends.pop(job)

    def settle(self, *others: str) -> Seen:
        """Wait for the end of every job and check all that must hold.

        Args:
            others: Jobs that need not have the results of an undisturbed one; all others must.
        """
        for job in self.jobs:
            if job not in self._ends:
                self.over(job)
        self._check_quiet()
        self._check_processes()
        for job in self.jobs:
            self._check_end(job, whole=job not in others)
        self._check_effects()
        self._check_files()
        return self.account()

    def _check_quiet(self) -> None:
        """I4, I5: nothing is left to do, and nothing is left behind."""
        try:
            until(lambda: not (self.ledger.leftovers() or self.ledger.queues()), QUIET_S)
        except AssertionError:
            raise AssertionError(f"left over: {self.ledger.leftovers()} {self.ledger.queues()}") from None
        taken_along = _SLOTS * len(self.installation.workers()) * (1 + self.seen.hits)
        assert self.ledger.unacknowledged() <= taken_along

    def _check_processes(self) -> None:
        """Nobody ended but those whom the test ended."""
        assert self.installation.unwanted() == []

    def _check_end(self, job: str, *, whole: bool) -> None:
        """I1, I3: one final state, kept; and the results of an undisturbed run."""
        now, then = self.client.job(job), self._ends[job]
        assert now["state"] in FINAL
        assert now == then, "a job that was over has changed"
        assert {unit["state"] for unit in self.ledger.units(job)} <= {"done", "dead"}
        if whole:
            assert now["state"] == "succeeded", now
            changed = different(results(self.client, job), self.reference)
            assert not changed, f"{job} has other results than an undisturbed job: {changed}"

    def _check_effects(self) -> None:
        """I2: each unit that is done was completed once, by the ledger's count and by the workers' logs."""
        units, completions = self.ledger.done()
        gathered_again = Counter({unit.split(":")[1]: count for unit, count in self._again.items()})
        assert completions - units == self.surplus + gathered_again
        done = Counter(line["unit"] for line in self._outcomes() if line["outcome"] == "done") - self._again
        self.seen.doubled = sum(count > 1 for count in done.values())
        assert self.seen.doubled == 0, done.most_common(3)

    def _check_files(self) -> None:
        """I5: no file is left that no job knows."""
        try:
            until(lambda: not self.ledger.orphans(), QUIET_S)
        except AssertionError:
            raise AssertionError(f"orphans: {self.ledger.orphans()}") from None

    def _outcomes(self) -> Iterator[dict[str, Any]]:
        """Yield what the workers logged of the units that they ran."""
        for member in self.installation.workers():
            for text in member.log_since(self._offsets[member.name]):
                line = json.loads(text) if text.startswith("{") and text.endswith("}") else {}
                if line.get("event") == "unit":
                    yield line

    def account(self) -> Seen:
        """Return what was seen so far."""
        seen = self.seen
        seen.jobs = len(self.jobs)
        seen.reruns = self.ledger.attempts(self.jobs)
        seen.fenced = sum(line["outcome"] == "cancelled" for line in self._outcomes())
        seen.rescued = self.installation.metric(_RESENT) - self._resent
        seen.seconds = time.monotonic() - self._began_s
        return seen
