"""What every job store does when a job is retried."""

from __future__ import annotations

from services.gateway.jobs.model import Final, JobError, JobState, Progress, UnitRecord, UnitState
from services.shared import tasks
from services.shared.tasks import Hint
from tests.contract.shop import BACKLOG, FILES, Shop, decode, look, refusal, segment, speak, submit, translate


def unit(shop: Shop, job_id: str, stage: str, index: str) -> UnitRecord:
    """Return one unit of a job."""
    (found,) = (each for each in shop.store.units(job_id) if (each.stage, each.index) == (stage, index))
    return found


def with_a_hole(shop: Shop) -> str:
    """Return a partially succeeded call of two regions: one was not recognised."""
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=2)
    shop.hands.fail(job_id, (tasks.TRANSCRIBE, "c0r0"), "timeout")
    speak(shop, job_id, "c0r1")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {"files": ["first"]})
    shop.store.finish(job_id, Final(JobState.PARTIALLY_SUCCEEDED, files=FILES, needs_review=True))
    return job_id


def test_units_count_their_attempts(shop: Shop) -> None:
    job_id = submit(shop)
    assert unit(shop, job_id, tasks.DECODE, "job").attempt == 0
    decode(shop, job_id)
    assert unit(shop, job_id, tasks.DECODE, "job").attempt == 1
    assert unit(shop, job_id, tasks.SEGMENT, "c0").attempt == 0


def test_units_come_in_the_order_of_their_creation(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id, channels=2)
    assert [(each.stage, each.index, each.state) for each in shop.store.units(job_id)] == [
        (tasks.DECODE, "job", UnitState.DONE),
        (tasks.ENCODE, "job", UnitState.BLOCKED),
        (tasks.SEGMENT, "c0", UnitState.READY),
        (tasks.SEGMENT, "c1", UnitState.READY),
    ]


def test_a_retry_runs_what_failed_and_nothing_else(shop: Shop) -> None:
    job_id = with_a_hole(shop)
    hints = shop.store.retry(job_id)
    assert hints is not None
    assert list(hints) == [Hint("asr")]
    states = {(each.stage, each.index): each.state for each in shop.store.units(job_id)}
    assert {key: state for key, state in states.items() if state is not UnitState.DONE} == {
        (tasks.TRANSCRIBE, "c0r0"): UnitState.READY,
        (tasks.TRANSLATE, "c0r0"): UnitState.BLOCKED,
        (tasks.SYNTHESIZE, "c0r0"): UnitState.BLOCKED,
        (tasks.ENCODE, "job"): UnitState.BLOCKED,
    }


def test_a_retried_job_is_as_if_it_had_never_ended(shop: Shop) -> None:
    job_id = with_a_hole(shop)
    ended = look(shop, job_id)
    shop.store.retry(job_id)
    job = look(shop, job_id)
    assert (job.state, job.error, job.holes, job.files) == (JobState.RUNNING, None, (), ())
    assert (job.needs_review, job.finished_at, job.started_at) == (None, None, ended.started_at)
    assert job.version > ended.version
    assert job.progress[tasks.TRANSCRIBE] == Progress(1, 2)
    assert job.progress[tasks.ENCODE] == Progress(0, 1)
    assert shop.store.outcome(job_id) is None


def test_a_retried_job_ends_again_and_gathers_again(shop: Shop) -> None:
    job_id = with_a_hole(shop)
    shop.store.retry(job_id)
    speak(shop, job_id, "c0r0")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {"files": ["second"]})
    outcome = shop.store.outcome(job_id)
    assert outcome is not None
    assert {each.state for each in outcome.units} == {UnitState.DONE}
    assert unit(shop, job_id, tasks.ENCODE, "job").output == {"files": ["second"]}
    assert shop.store.finish(job_id, Final(JobState.SUCCEEDED, files=FILES))
    assert look(shop, job_id).state is JobState.SUCCEEDED
    assert shop.store.retry(job_id) is None


def test_attempts_go_on_counting_over_a_retry(shop: Shop) -> None:
    """They name the outputs: an output of before the retry is never written over."""
    job_id = with_a_hole(shop)
    shop.store.retry(job_id)
    again = unit(shop, job_id, tasks.TRANSCRIBE, "c0r0")
    assert (again.attempt, again.error_code, again.error_detail) == (1, None, None)
    speak(shop, job_id, "c0r0")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    assert unit(shop, job_id, tasks.TRANSCRIBE, "c0r0").attempt == 2
    assert unit(shop, job_id, tasks.TRANSLATE, "c0r0").attempt == 1
    assert unit(shop, job_id, tasks.ENCODE, "job").attempt == 2


def test_what_fails_again_is_dead_again(shop: Shop) -> None:
    job_id = with_a_hole(shop)
    shop.store.retry(job_id)
    shop.hands.fail(job_id, (tasks.TRANSCRIBE, "c0r0"), "worker_lost")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    assert [(hole.index, hole.code) for hole in look(shop, job_id).holes] == [("c0r0", "worker_lost")]
    shop.store.finish(job_id, Final(JobState.PARTIALLY_SUCCEEDED, files=FILES))
    assert shop.store.retry(job_id) is not None


def test_a_file_that_could_not_be_decoded_is_decoded_again(shop: Shop) -> None:
    job_id = submit(shop)
    shop.hands.fail(job_id, (tasks.DECODE, "job"), "storage_failure")
    error = JobError("storage_failure", "Free space.")
    shop.store.finish(job_id, Final(JobState.FAILED, error=error))
    hints = shop.store.retry(job_id)
    assert hints is not None
    assert list(hints) == [Hint("codec")]
    assert look(shop, job_id).error is None
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=0)
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    assert shop.store.outcome(job_id) is not None


def test_a_failed_assembly_is_made_again_at_once(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=1)
    speak(shop, job_id, "c0r0")
    shop.hands.fail(job_id, (tasks.ENCODE, "job"), "timeout")
    shop.store.finish(job_id, Final(JobState.PARTIALLY_SUCCEEDED, files=FILES))
    hints = shop.store.retry(job_id)
    assert hints is not None
    assert list(hints) == [Hint("codec")]
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    assert shop.store.outcome(job_id) is not None


def test_only_the_first_of_the_stages_that_died_together_runs_at_once(shop: Shop) -> None:
    job_id = submit(shop)
    decode(shop, job_id)
    segment(shop, job_id, 0, regions=1)
    shop.hands.complete(job_id, (tasks.TRANSCRIBE, "c0r0"), {})
    shop.hands.fail(job_id, (tasks.TRANSLATE, "c0r0"), "timeout")
    shop.hands.complete(job_id, (tasks.ENCODE, "job"), {})
    shop.store.finish(job_id, Final(JobState.PARTIALLY_SUCCEEDED, files=FILES))
    hints = shop.store.retry(job_id)
    assert hints is not None
    assert list(hints) == [Hint("translation")]
    assert unit(shop, job_id, tasks.TRANSCRIBE, "c0r0").state is UnitState.DONE
    assert unit(shop, job_id, tasks.SYNTHESIZE, "c0r0").state is UnitState.BLOCKED


def test_a_result_that_could_not_be_put_together_is_put_together_again(shop: Shop) -> None:
    job_id = translate(shop)
    shop.store.finish(job_id, Final(JobState.FAILED, error=JobError("internal_error", "See the log.")))
    hints = shop.store.retry(job_id)
    assert hints is not None
    assert list(hints) == []
    assert shop.store.outcome(job_id) is not None
    assert shop.store.finish(job_id, Final(JobState.SUCCEEDED, files=FILES))


def test_a_retried_job_counts_as_unfinished_and_needs_no_room(shop: Shop) -> None:
    job_id = submit(shop, "text_translation")
    shop.hands.fail(job_id, (tasks.TRANSLATE, "job"), "timeout")
    shop.store.finish(job_id, Final(JobState.FAILED))
    for _ in range(BACKLOG.jobs_per_tenant):
        submit(shop)
    assert shop.store.retry(job_id) is not None
    shop.store.cancel(job_id)
    shop.store.finish(job_id, Final(JobState.CANCELLED))
    assert refusal(lambda: shop.store.check_backlog("default")) == "tenant_backlog_full"


def test_a_job_that_runs_succeeded_or_was_cancelled_is_not_retried(shop: Shop) -> None:
    running, succeeded, cancelled = submit(shop), translate(shop), submit(shop)
    shop.store.finish(succeeded, Final(JobState.SUCCEEDED))
    shop.store.cancel(cancelled)
    assert shop.store.retry(cancelled) is None
    shop.store.finish(cancelled, Final(JobState.CANCELLED))
    before = [look(shop, job_id) for job_id in (running, succeeded, cancelled)]
    assert [shop.store.retry(job.id) for job in before] == [None, None, None]
    assert [look(shop, job.id) for job in before] == before


def test_a_retried_job_is_cancelled_like_any_other(shop: Shop) -> None:
    job_id = with_a_hole(shop)
    shop.store.retry(job_id)
    assert shop.store.cancel(job_id)
    assert shop.store.finish(job_id, Final(JobState.CANCELLED))
    assert shop.store.retry(job_id) is None
