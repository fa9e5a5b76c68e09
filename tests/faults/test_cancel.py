"""Cancelling at every state, and in a race with the end: one final state, and no file is kept."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.faults.calls import STAGES
from tests.faults.trial import Trial

# So soon the slot of a cancelled unit must be free again.
_FREE_S = 5.0


def _gone(trial: Trial, job: str) -> None:
    assert trial.over(job, _FREE_S)["state"] == "cancelled"
    assert trial.ledger.files_of(job) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_cancelled_while_a_unit_hangs_ends_soon(trial: Trial, stage: str) -> None:
    (job,) = trial.submit()
    trial.installation.hold_at(stage, job)
    trial.hit()
    assert trial.client.cancel(job).status_code == httpx.codes.OK
    _gone(trial, job)
    trial.installation.release()
    trial.submit(1)
    trial.settle(job)


def test_a_job_cancelled_before_any_worker_saw_it(trial: Trial) -> None:
    for worker in trial.installation.workers("codec"):
        worker.kill()
    (job,) = trial.submit()
    trial.hit()
    trial.client.cancel(job)
    _gone(trial, job)
    trial.installation.heal()
    assert trial.settle(job).reruns == 0


def test_a_job_cancelled_while_its_result_waits_to_be_written(trial: Trial) -> None:
    for reconciler in trial.installation.reconcilers():
        reconciler.freeze()
    (job,) = trial.submit()
    trial.installation.wait_for(job, "codec.encode", "done")
    trial.hit()
    trial.client.cancel(job)
    for reconciler in trial.installation.reconcilers():
        reconciler.thaw()
    _gone(trial, job)
    trial.settle(job)


def test_a_job_that_is_over_is_not_cancelled(trial: Trial) -> None:
    (job,) = trial.submit()
    trial.over(job)
    trial.hit()
    assert trial.client.cancel(job).status_code == httpx.codes.CONFLICT
    trial.settle()


def test_cancelling_in_a_race_with_the_end_gives_one_of_the_two(trial: Trial) -> None:
    cancelled = []
    for _ in range(16):
        (job,) = trial.submit()
        time.sleep(trial.random.uniform(0, 0.6))
        trial.hit()
        answer = trial.client.cancel(job)
        assert answer.status_code in {httpx.codes.OK, httpx.codes.CONFLICT}
        if answer.status_code == httpx.codes.OK:
            cancelled.append(job)
    for job in cancelled:
        _gone(trial, job)
    assert cancelled
    trial.settle(*cancelled)
