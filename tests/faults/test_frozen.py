"""Processes and networks that stop and do not say so: who comes back late must change nothing."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from services.shared.tasks import service_of
from tests.faults.calls import STAGES
from tests.faults.entry import command
from tests.faults.installation import TIMES
from tests.faults.trial import Trial
from tests.support.waiting import until

_DEADLINE_S = float(TIMES["DRAGOMAN_UNIT_DEADLINE_S"])
_SLOTS = 2
_TRIES = 10
# The reconcilers find a lost hint at two looks in a row, a second apart.
_LOOKS_S = 8.0


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_was_frozen_beyond_its_lease_writes_too_late(trial: Trial, stage: str) -> None:
    first, second = trial.installation.workers(service_of(stage))
    second.kill()
    (job,) = trial.submit()
    trial.installation.hold_at(stage, job)
    first.freeze()
    trial.hit()
    trial.installation.release()
    second.start()
    trial.over(job)
    first.thaw()
    until(lambda: trial.account().fenced)
    assert trial.settle().reruns >= 1


def test_hints_that_went_to_frozen_workers_are_sent_again(trial: Trial) -> None:
    for _ in range(_TRIES):
        if _a_hint_was_lost(trial):
            break
    assert trial.settle().rescued >= 1


def _a_hint_was_lost(trial: Trial) -> bool:
    """Freeze who waits for hints; Redis gives them one, unless their wait of a second was over before."""
    workers = trial.installation.workers("asr")
    for worker in workers:
        worker.freeze()
        trial.hit()
    (job,) = trial.submit()
    until(lambda: trial.ledger.units_of(job, "asr.segment", "ready"))
    with suppress(AssertionError):
        until(lambda: trial.account().rescued, _LOOKS_S)
    for worker in workers:
        worker.restart()
    return trial.account().rescued > 0


@pytest.mark.parametrize("service", ["asr", "tts", "codec"])
def test_servers_that_hang_are_given_up_at_the_deadline(trial: Trial, service: str) -> None:
    (job,) = trial.submit()
    stage = next(stage for stage in STAGES if service_of(stage) == service)
    trial.installation.hold_at(stage, job)
    trial.hit()
    until(lambda: trial.ledger.attempts([job]) >= 1, 2 * _DEADLINE_S)
    trial.installation.release()
    assert trial.settle().reruns >= 1


def test_a_frozen_replica_delays_jobs_and_loses_none(trial: Trial) -> None:
    frozen, _ = trial.installation.servers("translation")
    frozen.freeze()
    trial.hit()
    jobs = trial.submit(2)
    until(lambda: trial.ledger.attempts(jobs) >= 1, 2 * _DEADLINE_S)
    frozen.thaw()
    trial.settle()


def test_a_unit_whose_worker_hangs_for_ever_goes_to_another_one(trial: Trial) -> None:
    first, second = trial.installation.workers("asr")
    for worker in (first, second):
        worker.kill()
    first.start(command("hangs", "services.asr.worker"), {"DRAGOMAN_ASR_WORKERS": f"{_SLOTS}"})
    (job,) = trial.submit()
    trial.installation.wait_for(job, "asr.segment", "leased")
    trial.hit()
    second.start()
    try:
        # At worst it takes what it gave back until each of its slots hangs, one after another.
        trial.over(job, (_SLOTS + 1) * 2 * _DEADLINE_S)
    finally:
        first.restart()
    assert trial.settle().reruns >= 1


def test_a_slow_stage_loses_no_lease_and_runs_nothing_twice(trial: Trial) -> None:
    for proxy in trial.installation.proxies["tts"]:
        proxy.slow(1.0)
    expired = trial.installation.expired_leases()
    trial.hit()
    trial.submit(8)
    assert trial.settle().reruns == 0
    assert trial.installation.expired_leases() == expired


def test_a_frozen_gateway_and_frozen_reconcilers_only_delay(trial: Trial) -> None:
    frozen = [trial.installation.gateway, *trial.installation.reconcilers()]
    (job,) = trial.submit()
    for member in frozen:
        member.freeze()
        trial.hit()
    until(lambda: trial.ledger.job(job)["open"] == "0")
    time.sleep(1)
    for member in frozen:
        member.thaw()
    trial.submit(2)
    trial.settle()
