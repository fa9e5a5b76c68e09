"""Reconcilers killed, away, and three at once: jobs only end later, and once."""

from __future__ import annotations

import time

import pytest

from tests.faults.entry import command
from tests.faults.installation import LEASE_S, Plan
from tests.faults.trial import Trial
from tests.support.waiting import until

_MODULE = "services.gateway.reconciler"
# A finisher keeps a job to itself for so long.
_HOLD_S = 60


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Three of them."""
    return Plan(reconcilers=3)


def test_three_reconcilers_at_once_end_each_job_once(trial: Trial) -> None:
    trial.submit(20)
    seen = trial.settle()
    # A hint that a busy worker has taken and not yet acted upon may look lost; that must stay rare.
    assert (seen.reruns, seen.rescued // seen.jobs) == (0, 0)


def test_reconcilers_away_for_a_while_only_delay_the_end(trial: Trial) -> None:
    reconcilers = trial.installation.reconcilers()
    for reconciler in reconcilers:
        reconciler.kill()
        trial.hit()
    jobs = trial.submit(3)
    until(lambda: all(trial.ledger.job(job)["open"] == "0" for job in jobs))
    # A lease that runs out meanwhile waits for them, too.
    (held,) = trial.submit()
    trial.installation.hold_at("tts.synthesize", held)
    for worker in trial.installation.workers("tts"):
        worker.restart()
        trial.hit()
    trial.installation.release()
    time.sleep(LEASE_S + 1)
    assert {trial.client.job(job)["state"] for job in [*jobs, held]} == {"running"}
    for reconciler in reconcilers:
        reconciler.start()
    assert trial.settle().reruns >= 1


def test_reconcilers_killed_again_and_again_under_load(trial: Trial) -> None:
    for _ in range(10):
        trial.submit(2)
        time.sleep(trial.random.uniform(0, 0.4))
        trial.random.choice(trial.installation.reconcilers()).restart()
        trial.hit()
    for job in trial.jobs:
        trial.over(job, 2 * _HOLD_S)
    trial.settle()


def test_a_reconciler_killed_while_it_ends_a_job_is_followed_by_another(trial: Trial) -> None:
    first, *others = trial.installation.reconcilers()
    for reconciler in (first, *others):
        reconciler.kill()
    first.start(command("dies-before-finish", _MODULE))
    (job,) = trial.submit()
    assert first.wait(60) != 0
    trial.hit()
    for reconciler in (first, *others):
        reconciler.start()
    trial.over(job, 2 * _HOLD_S)
    trial.settle()
