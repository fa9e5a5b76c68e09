"""The job store in memory, beyond the contract that every store fulfils."""

from __future__ import annotations

import pytest

from services.gateway.jobs.model import JobState
from services.shared import tasks
from services.shared.errors import NotFound
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import CALL_SPEC, TEXT_SPEC, WAV, World


def test_a_unit_is_completed_once(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    with pytest.raises(NotFound):
        steps.translated(world, job, "job", "Quarto 13")
    with pytest.raises(NotFound):
        world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")


@pytest.mark.parametrize("key", [(tasks.TRANSLATE, "c0r0"), (tasks.ENCODE, "job"), (tasks.SEGMENT, "c9")])
def test_a_unit_that_is_not_ready_is_not_worked_on(world: World, key: tuple[str, str]) -> None:
    job = world.submit(CALL_SPEC, WAV)
    steps.decoded(world, job)
    steps.segmented(world, job, 0, [(0, 1000)])
    with pytest.raises(NotFound):
        world.store.complete(job.id, key, {})


def test_the_chain_of_a_job_wide_pipeline_goes_step_by_step(world: World) -> None:
    job = world.submit({"kind": "encode"}, WAV)
    depths = world.store.depths()
    assert (depths[tasks.DECODE].queued, depths[tasks.ENCODE].queued) == (1, 0)
    world.store.complete(job.id, (tasks.DECODE, "job"), {"duration_ms": 1})
    assert world.store.depths()[tasks.ENCODE].queued == 1


def test_a_dead_step_takes_the_rest_of_its_chain_along(world: World) -> None:
    job = world.submit({"kind": "encode"}, WAV)
    world.store.fail(job.id, (tasks.DECODE, "job"), "unknown_media")
    assert world.done(job).state is JobState.FAILED
    assert [hole.stage for hole in world.jobs.get(steps.TENANT, job.id).holes] == [tasks.DECODE]


def test_a_cancelled_job_takes_no_more_output(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.cancel(job.id)
    with pytest.raises(NotFound):
        world.store.complete(job.id, (tasks.TRANSLATE, "job"), {})
