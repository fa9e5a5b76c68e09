"""What every job store must do, whatever it keeps its jobs in."""

from __future__ import annotations

from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.model import Final, JobError, JobState, Progress, UnitState
from services.gateway.jobs.ports import JobQuery
from services.shared import tasks
from tests.contract.shop import FILES, Shop, decode, look, segment, speak, submit, translate


def test_a_new_job_is_queued_and_keeps_what_was_given(shop: Shop) -> None:
    job = look(shop, submit(shop))
    assert (job.tenant, job.kind, job.state, job.priority) == (
        "default", "speech_translation", JobState.QUEUED, "interactive"
    )  # fmt: skip
    assert job.metadata == {"call": "42"}
    assert (job.error, job.holes, job.files, job.started_at, job.finished_at) == (None, (), (), None, None)
    assert list(job.progress) == list(tasks.MODEL_STAGES)
    assert job.progress[tasks.DECODE] == Progress(0, 1)


def test_a_job_that_never_was_is_none(shop: Shop) -> None:
    assert shop.store.get(new_job_id()) is None
    assert shop.store.outcome(new_job_id()) is None
    assert not shop.store.cancel(new_job_id())
    assert not shop.store.erase(new_job_id())
    assert not shop.store.finish(new_job_id(), Final(JobState.FAILED))
    assert shop.store.retry(new_job_id()) is None
    assert shop.store.units(new_job_id()) == ()


def test_the_graph_grows_as_units_are_done(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id, channels=2)
    job = look(shop, job_id)
    assert (job.state, job.progress[tasks.SEGMENT]) == (JobState.RUNNING, Progress(0, 2))
    assert job.started_at is not None
    segment(shop, job_id, 0, regions=3)
    assert look(shop, job_id).progress[tasks.TRANSCRIBE] == Progress(0, 3)


def test_every_change_grows_the_version(shop: Shop) -> None:
    job_id = submit(shop)
    versions = [look(shop, job_id).version]
    decode(shop, job_id)
    versions.append(look(shop, job_id).version)
    segment(shop, job_id, 0, regions=0)
    versions.append(look(shop, job_id).version)
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    shop.store.finish(job_id, Final(JobState.SUCCEEDED))
    versions.append(look(shop, job_id).version)
    assert versions == sorted(set(versions))


def test_the_assembly_waits_for_the_last_region(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=2)
    speak(shop, job_id, "c0r1")
    assert shop.store.depths()[tasks.ENCODE].queued == 0
    speak(shop, job_id, "c0r0")
    assert shop.store.depths()[tasks.ENCODE].queued == 1
    assert shop.store.outcome(job_id) is None
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {"files": []})
    assert shop.store.outcome(job_id) is not None


def test_an_outcome_holds_every_unit_with_what_it_left(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=1)
    speak(shop, job_id, "c0r0")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {"files": []})
    outcome = shop.store.outcome(job_id)
    assert outcome is not None
    assert outcome.spec == {"kind": "speech_translation"}
    units = {(unit.stage, unit.index): unit for unit in outcome.units}
    assert set(units) == {
        (tasks.DECODE, "job"), (tasks.SEGMENT, "c0"), (tasks.TRANSCRIBE, "c0r0"),
        (tasks.TRANSLATE, "c0r0"), (tasks.SYNTHESIZE, "c0r0"), (tasks.ENCODE, "job"),
    }  # fmt: skip
    assert {unit.state for unit in outcome.units} == {UnitState.DONE}
    assert units[tasks.TRANSLATE, "c0r0"].payload == {"start_ms": 0}
    assert units[tasks.TRANSLATE, "c0r0"].output == {"at": tasks.TRANSLATE}


def test_a_silent_call_goes_straight_to_the_assembly(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=0)
    assert shop.store.outcome(job_id) is None
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    assert shop.store.outcome(job_id) is not None


def test_a_dead_region_is_a_hole_and_the_others_go_on(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=2)
    shop.hands.fail(job_id, (tasks.TRANSCRIBE, "c0r0"), "timeout")
    speak(shop, job_id, "c0r1")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    job = look(shop, job_id)
    assert [(hole.stage, hole.index, hole.code) for hole in job.holes] == [
        (tasks.TRANSCRIBE, "c0r0", "timeout")
    ]
    assert job.progress[tasks.SYNTHESIZE] == Progress(2, 2)
    outcome = shop.store.outcome(job_id)
    assert outcome is not None
    dead = {unit.stage: unit for unit in outcome.units if unit.state is UnitState.DEAD}
    assert (dead[tasks.TRANSCRIBE].error_code, dead[tasks.TRANSCRIBE].error_detail) == (
        "timeout", "It failed."
    )  # fmt: skip
    assert {dead[tasks.TRANSLATE].error_code, dead[tasks.SYNTHESIZE].error_code} == {"upstream_failed"}


def test_a_file_that_cannot_be_decoded_leaves_nothing_to_run(shop: Shop) -> None:
    job_id = submit(shop)
    shop.hands.fail(job_id, (tasks.DECODE, "job"), "truncated_media")
    outcome = shop.store.outcome(job_id)
    assert outcome is not None
    codes = {unit.stage: unit.error_code for unit in outcome.units}
    assert codes == {tasks.DECODE: "truncated_media", tasks.ENCODE: "upstream_failed"}


def test_an_end_that_was_composed_from_another_version_is_refused(shop: Shop) -> None:
    job_id = translate(shop)
    version = look(shop, job_id).version
    assert not shop.store.finish(job_id, Final(JobState.SUCCEEDED, version=version - 1))
    assert not look(shop, job_id).state.final
    assert shop.store.finish(job_id, Final(JobState.SUCCEEDED, version=version))


def test_a_job_is_finished_once(shop: Shop) -> None:
    job_id = translate(shop)
    assert shop.store.finish(job_id, Final(JobState.SUCCEEDED, files=FILES, needs_review=True))
    job = look(shop, job_id)
    assert (job.state, job.files, job.needs_review) == (JobState.SUCCEEDED, FILES, True)
    assert job.finished_at is not None
    assert not shop.store.finish(job_id, Final(JobState.FAILED))
    assert shop.store.outcome(job_id) is None
    assert look(shop, job_id) == job


def test_a_failure_keeps_its_reason(shop: Shop) -> None:
    job_id = translate(shop)
    error = JobError("truncated_media", "Send the whole file.")
    assert shop.store.finish(job_id, Final(JobState.FAILED, error=error))
    assert look(shop, job_id).error == error


def test_a_cancelled_job_has_nothing_left_to_run(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    assert shop.store.cancel(job_id)
    assert not shop.store.cancel(job_id)
    assert look(shop, job_id).state is JobState.CANCELLING
    outcome = shop.store.outcome(job_id)
    assert outcome is not None
    assert outcome.job.state is JobState.CANCELLING
    assert {unit.state for unit in outcome.units} <= {UnitState.DONE, UnitState.DEAD}
    assert look(shop, job_id).holes == ()
    assert shop.store.finish(job_id, Final(JobState.CANCELLED))
    assert look(shop, job_id).state is JobState.CANCELLED
    assert not shop.store.cancel(job_id)


def test_a_cancellation_wins_over_a_result_that_comes_after_it(shop: Shop) -> None:
    job_id = translate(shop)
    assert shop.store.cancel(job_id)
    assert not shop.store.finish(job_id, Final(JobState.SUCCEEDED, files=FILES))
    assert look(shop, job_id).state is JobState.CANCELLING
    assert shop.store.finish(job_id, Final(JobState.CANCELLED))


def test_only_a_finished_job_is_erased(shop: Shop) -> None:
    job_id = translate(shop)
    assert not shop.store.erase(job_id)
    shop.store.finish(job_id, Final(JobState.SUCCEEDED))
    assert shop.store.erase(job_id)
    assert shop.store.get(job_id) is None
    assert not shop.store.erase(job_id)
    assert list(shop.store.list(JobQuery("default", 10))) == []


def test_a_list_is_one_tenants_newest_first(shop: Shop) -> None:
    ids = sorted((submit(shop) for _ in range(4)), reverse=True)
    submit(shop, tenant="other")
    assert [job.id for job in shop.store.list(JobQuery("default", 10))] == ids
    assert [job.id for job in shop.store.list(JobQuery("default", 2))] == ids[:2]
    assert [job.id for job in shop.store.list(JobQuery("default", 10, before=ids[1]))] == ids[2:]


def test_a_list_can_be_of_one_state(shop: Shop) -> None:
    submit(shop)
    job_id = translate(shop)
    shop.store.finish(job_id, Final(JobState.SUCCEEDED))
    found = shop.store.list(JobQuery("default", 10, state=JobState.SUCCEEDED))
    assert [job.id for job in found] == [job_id]


def test_a_list_goes_on_after_a_job_that_was_erased(shop: Shop) -> None:
    first, second = translate(shop), translate(shop)
    newest, oldest = max(first, second), min(first, second)
    shop.store.finish(newest, Final(JobState.SUCCEEDED))
    shop.store.erase(newest)
    assert [job.id for job in shop.store.list(JobQuery("default", 10, before=newest))] == [oldest]


def test_depths_count_every_stage(shop: Shop) -> None:
    assert list(shop.store.depths()) == list(tasks.STAGES)
    decode(shop, submit(shop), channels=2)
    submit(shop)
    depths = shop.store.depths()
    assert (depths[tasks.DECODE].queued, depths[tasks.DECODE].done) == (1, 1)
    assert depths[tasks.SEGMENT].queued == 2
    shop.store.ping()
