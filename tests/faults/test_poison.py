"""Input that cannot be done, and input that kills: it ends with a reason, and the rest goes on."""

from __future__ import annotations

import json

import pytest

from tests.faults.calls import CALL, SPEC
from tests.faults.entry import DEADLY_ROLE, command
from tests.faults.trial import Trial
from tests.support.waiting import until

# In the middle of the file, where no look at its head finds it.
_CUT_OFF = CALL[: len(CALL) * 2 // 3]


def _most_characters(trial: Trial) -> int:
    """Return a limit that the longest translation of the call passes, and no other one."""
    channels = json.loads(trial.reference["result.json"])["channels"]
    lengths = sorted(
        len(region["translation"]["text"]) for channel in channels for region in channel["regions"]
    )
    assert lengths[-2] < lengths[-1]
    return lengths[-2]


def _restarted_servers(trial: Trial, **changes: str) -> None:
    for server in trial.installation.servers("tts"):
        server.kill()
        server.start(changes=changes)
    until(trial.client.ready)


def test_a_damaged_file_fails_its_job_with_a_reason_and_no_other(trial: Trial) -> None:
    trial.submit(2)
    (damaged,) = trial.submit(file=_CUT_OFF)
    trial.hit()
    trial.submit(2)
    assert trial.over(damaged)["state"] == "failed"
    assert trial.client.job(damaged)["error"]["code"] == "truncated_media"
    seen = trial.settle(damaged)
    assert seen.reruns == 0, "what cannot be done is not tried again"


def test_a_region_that_fails_alone_is_a_hole_until_a_retry_fills_it(trial: Trial) -> None:
    _restarted_servers(trial, DRAGOMAN_TTS_MAX_CHARACTERS=str(_most_characters(trial)))
    trial.hit()
    (job,) = trial.submit()
    over = trial.over(job)
    assert over["state"] == "partially_succeeded"
    assert [hole["stage"] for hole in over["holes"]] == ["tts.synthesize"]
    _restarted_servers(trial)
    trial.retry(job)
    # The hole, and the stage that gathers; the workers' channels may need a moment to find the new servers.
    assert trial.settle().reruns >= 2


def test_a_unit_that_kills_every_worker_is_given_up_and_named(trial: Trial) -> None:
    workers = trial.installation.workers("translation")
    deadly = command("dies-of-deadly-units", "services.translation.worker")
    for worker in workers:
        worker.kill()
        worker.start(deadly)
    (poison,) = trial.submit(spec=_with_role(DEADLY_ROLE))
    others = trial.submit(2)
    while trial.client.job(poison)["state"] in {"queued", "running"}:
        for worker in workers:
            if not worker.alive:
                trial.hit()
                worker.start(deadly)
    assert trial.over(poison)["state"] == "partially_succeeded"
    assert {hole["code"] for hole in trial.client.job(poison)["holes"]} == {"worker_lost"}
    for job in others:
        trial.over(job)
    assert trial.settle(poison).reruns >= 1


def _with_role(role: str) -> dict[str, object]:
    first, second = SPEC["channels"]
    return {**SPEC, "channels": [first | {"role": role}, second]}


@pytest.mark.parametrize("service", ["asr", "codec"])
def test_workers_without_memory_do_no_harm_until_they_are_killed(trial: Trial, service: str) -> None:
    workers = trial.installation.workers(service)
    for proxy in trial.installation.proxies[service]:
        proxy.slow(0.05)
    trial.submit(2)
    for worker in workers:
        worker.starve()
        trial.hit()
    trial.submit(4)
    for worker in workers:
        worker.restart()
    assert trial.settle().reruns >= 1
