"""kill -9 of stage workers: at every stage, and again and again under load."""

from __future__ import annotations

import time

import pytest

from services.shared.tasks import service_of
from tests.faults.calls import STAGES
from tests.faults.trial import Trial

_KILLS = 25


@pytest.mark.parametrize("stage", STAGES)
def test_a_unit_whose_worker_is_killed_is_taken_over_by_another_worker(trial: Trial, stage: str) -> None:
    first, second = trial.installation.workers(service_of(stage))
    second.kill()
    (job,) = trial.submit()
    trial.installation.hold_at(stage, job)
    second.start()
    first.kill()
    trial.hit()
    trial.installation.release()
    trial.over(job)
    assert trial.settle().reruns >= 1


def test_workers_killed_again_and_again_under_load_lose_nothing(trial: Trial) -> None:
    workers = trial.installation.workers()
    for proxy in trial.installation.every_proxy():
        proxy.slow(0.05)
    for _ in range(_KILLS):
        trial.submit(2)
        time.sleep(trial.random.uniform(0.1, 0.5))
        trial.random.choice(workers).restart()
        trial.hit()
    assert trial.settle().reruns >= 1


def test_all_workers_of_a_stage_killed_at_once_and_away_for_a_while(trial: Trial) -> None:
    trial.submit(3)
    for worker in trial.installation.workers("asr"):
        worker.kill()
        trial.hit()
    jobs = trial.submit(5)
    # The others go on meanwhile, as far as they can.
    for job in jobs:
        trial.installation.wait_for(job, "asr.segment", "ready")
    for worker in trial.installation.workers("asr"):
        worker.start()
    trial.settle()
