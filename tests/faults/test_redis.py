"""Redis killed, frozen, away and without memory of a connection: whoever was accepted is served."""

from __future__ import annotations

import time

from tests.faults.calls import STAGES
from tests.faults.installation import LEASE_S
from tests.faults.trial import Trial
from tests.support.waiting import until

_KILLS = 4


def _load(trial: Trial, jobs: int) -> None:
    """Have work under way that takes a while."""
    for proxy in trial.installation.every_proxy():
        proxy.slow(0.1)
    trial.submit(jobs)


def test_redis_killed_under_load_keeps_every_accepted_job_and_no_process_ends(trial: Trial) -> None:
    pids = trial.installation.pids()
    for _ in range(_KILLS):
        _load(trial, 3)
        time.sleep(trial.random.uniform(0, 0.8))
        trial.installation.redis.kill()
        trial.hit()
        trial.installation.start_redis()
    trial.settle()
    assert trial.installation.pids() == pids


def test_redis_killed_while_a_unit_runs_at_each_stage(trial: Trial) -> None:
    pids = trial.installation.pids()
    for stage in STAGES:
        (job,) = trial.submit()
        trial.installation.hold_at(stage, job)
        trial.installation.redis.kill()
        trial.hit()
        trial.installation.start_redis()
        trial.installation.release()
        trial.over(job)
    trial.settle()
    assert trial.installation.pids() == pids


def test_redis_away_for_longer_than_a_lease(trial: Trial) -> None:
    pids = trial.installation.pids()
    _load(trial, 6)
    trial.installation.redis.kill()
    trial.hit()
    assert not trial.client.ready(), "without its ledger an installation must not say that it is ready"
    time.sleep(2 * LEASE_S)
    trial.installation.start_redis()
    until(trial.client.ready)
    trial.submit(1)
    trial.settle()
    assert trial.installation.pids() == pids


def test_redis_frozen_for_longer_than_a_lease(trial: Trial) -> None:
    _load(trial, 6)
    trial.installation.redis.freeze()
    trial.hit()
    time.sleep(LEASE_S + 1)
    trial.installation.redis.thaw()
    trial.settle()


def test_every_connection_to_redis_cut_again_and_again(trial: Trial) -> None:
    pids = trial.installation.pids()
    for _ in range(10):
        _load(trial, 1)
        trial.installation.store.client_kill_filter(_type="normal", skipme=True)
        trial.hit()
    trial.settle()
    assert trial.installation.pids() == pids
