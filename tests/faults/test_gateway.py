"""The gateway killed at the worst moments: a client that sends again with its key gets one job."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.faults.calls import CALL, SPEC
from tests.faults.entry import command
from tests.faults.trial import Trial
from tests.support.waiting import until

_APP = "services.gateway.app"


@pytest.mark.parametrize("moment", ["before-submit", "before-send", "after-send"])
def test_a_gateway_killed_while_it_accepts_a_job_leaves_one_job(trial: Trial, moment: str) -> None:
    gateway, key = trial.installation.gateway, uuid.uuid4().hex
    known = {job["id"] for job in trial.client.jobs()}
    gateway.kill()
    gateway.start(command(f"dies-{moment}", _APP))
    until(trial.client.ready)
    with pytest.raises(httpx.TransportError):
        trial.client.post(SPEC, CALL, key)
    assert gateway.wait(10) != 0
    trial.hit()
    gateway.start()
    trial.jobs.append(trial.client.submit(SPEC, CALL, key))
    trial.jobs.append(trial.client.submit(SPEC, CALL, key))
    assert {job["id"] for job in trial.client.jobs()} - known == {trial.jobs[0]}
    assert trial.jobs.pop() == trial.jobs[0]
    trial.settle()


def test_a_gateway_killed_again_and_again_under_load_accepts_each_job_once(trial: Trial) -> None:
    known = {job["id"] for job in trial.client.jobs()}
    with ThreadPoolExecutor(4) as clients:
        sent = [clients.submit(trial.client.submit, SPEC, CALL) for _ in range(24)]
        for _ in range(4):
            until(lambda: trial.client.ready() or all(each.done() for each in sent))
            trial.installation.gateway.restart()
            trial.hit()
        trial.jobs += [each.result() for each in sent]
    assert {job["id"] for job in trial.client.jobs()} - known == set(trial.jobs)
    assert len(set(trial.jobs)) == len(sent)
    trial.settle()


def test_jobs_go_on_while_the_gateway_is_away(trial: Trial) -> None:
    jobs = trial.submit(3)
    trial.installation.gateway.kill()
    trial.hit()
    until(lambda: all(trial.ledger.job(job)["state"] == "succeeded" for job in jobs))
    trial.installation.gateway.start()
    trial.settle()
