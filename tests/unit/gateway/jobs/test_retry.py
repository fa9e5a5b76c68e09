"""Retrying what failed of a job."""

from __future__ import annotations

import json

import pytest

from services.gateway.jobs.model import Job, JobState
from services.shared import tasks
from services.shared.errors import Conflict, NotFound
from services.shared.tasks import Hint
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import CALL_SPEC, TENANT, TEXT_SPEC, WAV, World


def with_a_hole(world: World) -> Job:
    """Return a call of which one of two regions was not recognised."""
    job = world.submit(CALL_SPEC, WAV)
    steps.decoded(world, job)
    steps.segmented(world, job, 0, [(0, 1000), (2000, 3000)])
    steps.segmented(world, job, 1, [])
    world.store.fail(job.id, (tasks.TRANSCRIBE, "c0r0"), "timeout")
    spoken(world, job, "c0r1")
    steps.encoded(world, job)
    return world.done(job)


def spoken(world: World, job: Job, index: str) -> None:
    """Take a region through all of its stages."""
    steps.transcribed(world, job, index, "Hello.")
    steps.translated(world, job, index, "Olá.")
    steps.spoken(world, job, index)


def result(world: World, job: Job) -> dict[str, object]:
    document: dict[str, object] = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    return document


def refusal(world: World, job: Job) -> Conflict:
    with pytest.raises(Conflict) as caught:
        world.jobs.retry(TENANT, job.id)
    return caught.value


def test_a_hole_is_filled_and_the_result_written_anew(world: World) -> None:
    job = with_a_hole(world)
    assert result(world, job)["holes"]
    world.dispatched.hints.clear()
    running = world.jobs.retry(TENANT, job.id)
    assert (running.state, running.holes, running.files) == (JobState.RUNNING, (), ())
    assert world.dispatched.hints == [Hint("asr")]
    spoken(world, job, "c0r0")
    steps.encoded(world, job)
    done = world.done(job)
    assert (done.state, done.holes) == (JobState.SUCCEEDED, ())
    assert result(world, done)["holes"] == []
    for file in done.files:
        assert len(b"".join(world.jobs.content(file))) == file.size_bytes


def test_a_failed_job_goes_on_from_what_it_kept(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    world.store.fail(job.id, (tasks.DECODE, "job"), "storage_failure")
    assert world.done(job).state is JobState.FAILED
    assert world.kept() == [f"{job.prefix}input"]
    assert world.jobs.retry(TENANT, job.id).error is None
    steps.decoded(world, job)
    for channel in (0, 1):
        steps.segmented(world, job, channel, [])
    steps.encoded(world, job)
    assert world.done(job).state is JobState.SUCCEEDED


def test_what_fails_again_can_be_retried_again(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    for _ in range(3):
        world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
        assert world.done(job).state is JobState.FAILED
        assert world.jobs.retry(TENANT, job.id).state is JobState.RUNNING


def test_a_job_that_runs_is_waited_for(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    assert refusal(world, job).code == "job_not_finished"
    world.jobs.cancel(TENANT, job.id)
    assert refusal(world, job).code == "job_not_finished"


def test_a_job_of_which_nothing_failed_says_so(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    refused = refusal(world, job)
    assert (refused.code, "nothing of it failed" in refused.detail) == ("job_not_retryable", True)


def test_a_cancelled_job_says_that_nothing_is_left(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    world.jobs.cancel(TENANT, job.id)
    world.done(job)
    refused = refusal(world, job)
    assert (refused.code, "cancelled" in refused.detail) == ("job_not_retryable", True)
    assert world.kept() == []


def test_another_tenants_job_is_not_there(world: World) -> None:
    job = with_a_hole(world)
    with pytest.raises(NotFound):
        world.jobs.retry("other", job.id)
    assert world.jobs.get(TENANT, job.id).state is JobState.PARTIALLY_SUCCEEDED


def test_a_job_that_is_retried_while_it_is_erased_says_that_it_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = with_a_hole(world)
    erase = world.store.erase

    def retried_just_before(job_id: str) -> bool:
        world.store.retry(job_id)
        return erase(job_id)

    monkeypatch.setattr(world.store, "erase", retried_just_before)
    with pytest.raises(Conflict) as caught:
        world.jobs.erase(TENANT, job.id)
    assert caught.value.code == "job_not_finished"
