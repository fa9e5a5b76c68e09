"""The use cases of the job API."""

from __future__ import annotations

import io
from typing import Any

import pytest

from services.gateway.jobs.model import JobState
from services.gateway.jobs.ports import JobQuery, Submission
from services.gateway.jobs.service import Sent
from services.gateway.jobs.sources import Upload
from services.shared import tasks
from services.shared.errors import Conflict, DragomanError, InvalidMedia, NotFound, Unavailable
from services.shared.tasks import Hint
from tests.conftest import Logged
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import CALL_SPEC, TENANT, TEXT_SPEC, WAV, World

DECODE = {"kind": "decode"}


def finished(world: World, name: str = "Quarto 12") -> str:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", name)
    return world.done(job).id


def test_an_accepted_call_is_kept_written_and_hinted_at(world: World) -> None:
    job = world.submit(CALL_SPEC | {"priority": "interactive", "metadata": {"call": "42"}}, WAV)
    assert world.kept() == [f"{TENANT}/{job.id}/input"]
    assert world.dispatched.hints == [Hint("codec")]
    known = world.jobs.get(TENANT, job.id)
    assert (known.state, known.metadata) == (JobState.QUEUED, {"call": "42"})
    assert list(known.progress) == list(tasks.MODEL_STAGES)


def test_workers_find_the_input_in_the_spec(world: World) -> None:
    raw = {"encoding": "mulaw", "sample_rate_hertz": 8000, "channel_count": 2}
    job = world.submit(DECODE | {"input": raw}, b"\xff" * 16)
    world.store.complete(job.id, (tasks.DECODE, "job"), {})
    outcome = world.store.outcome(job.id)
    assert outcome is not None
    assert outcome.spec["input"] == raw | {
        "container": "raw", "key": f"{job.prefix}input", "size_bytes": 16
    }  # fmt: skip


def test_a_text_is_kept_as_an_artifact_not_in_the_spec(world: World) -> None:
    job = world.submit(TEXT_SPEC | {"text": "Olá"})
    assert world.artifacts.get(f"{job.prefix}input").decode() == "Olá"


@pytest.mark.parametrize(
    ("spec", "file", "code"),
    [
        (CALL_SPEC | {"glossary_id": "g"}, WAV, "invalid_spec"),
        (CALL_SPEC | {"audio": {"codec": "realaudio"}}, WAV, "unknown_codec"),
        (CALL_SPEC, b"", "empty_file"),
        (CALL_SPEC, b"Dear customer", "unknown_media"),
        (CALL_SPEC, None, "missing_file"),
        (TEXT_SPEC, WAV, "unexpected_file"),
    ],
)
def test_a_refusal_leaves_nothing_behind(
    world: World, spec: dict[str, Any], file: bytes | None, code: str
) -> None:
    with pytest.raises(DragomanError) as caught:
        world.submit(spec, file)
    assert caught.value.code == code
    assert (world.kept(), world.dispatched.hints) == ([], [])
    assert world.jobs.list(JobQuery(TENANT, 10)).jobs == ()


def test_a_store_that_fails_leaves_no_upload_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(submission: Submission) -> list[Hint]:
        raise Unavailable("Redis is away.")

    monkeypatch.setattr(world.store, "submit", away)
    with pytest.raises(Unavailable):
        world.submit(CALL_SPEC, WAV)
    assert world.kept() == []


def test_an_upload_that_breaks_off_leaves_nothing_behind(world: World) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 64 * 1024:
                raise EOFError
            return super().read(size)

    with pytest.raises(EOFError):
        world.jobs.submit(Sent(TENANT, '{"kind": "decode"}', Upload(Broken(WAV * 100), len(WAV) * 100)))
    assert world.kept() == []


@pytest.mark.parametrize("job_id", ["job_x", "", "../admin.key", "job_01a20868c90673bdb81b99530a604069"])
def test_a_job_that_is_not_there_is_not_found(world: World, job_id: str) -> None:
    with pytest.raises(NotFound):
        world.jobs.get(TENANT, job_id)


def test_another_tenants_job_is_not_there(world: World) -> None:
    job_id = finished(world)
    for ask in (world.jobs.get, world.jobs.cancel, world.jobs.erase, world.jobs.result):
        with pytest.raises(NotFound):
            ask("other", job_id)
    assert world.jobs.list(JobQuery("other", 10)).jobs == ()
    assert world.jobs.get(TENANT, job_id).state is JobState.SUCCEEDED


def test_a_list_comes_in_pages_from_the_newest(world: World) -> None:
    ids = sorted((world.submit(TEXT_SPEC).id for _ in range(5)), reverse=True)
    found: list[str] = []
    before: str | None = None
    for size in (2, 2, 1):
        page = world.jobs.list(JobQuery(TENANT, 2, before=before))
        assert len(page.jobs) == size
        found += [job.id for job in page.jobs]
        before = page.before
    assert (found, before) == (ids, None)


def test_cancelling_again_is_no_error_but_cancelling_what_is_over_is(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    for _ in range(2):
        assert world.jobs.cancel(TENANT, job.id).state is JobState.CANCELLING
    world.done(job)
    assert world.jobs.cancel(TENANT, job.id).state is JobState.CANCELLED
    with pytest.raises(Conflict) as caught:
        world.jobs.cancel(TENANT, finished(world))
    assert caught.value.code == "job_finished"


def test_an_erased_job_is_gone_with_all_that_was_kept_and_the_log_says_so(
    world: World, logged: Logged
) -> None:
    job_id = finished(world)
    world.jobs.erase(TENANT, job_id)
    assert [line["job"] for line in logged() if line["event"] == "job erased"] == [job_id]
    assert world.kept() == []
    with pytest.raises(NotFound):
        world.jobs.get(TENANT, job_id)


def test_a_running_job_is_not_erased(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    with pytest.raises(Conflict) as caught:
        world.jobs.erase(TENANT, job.id)
    assert caught.value.code == "job_not_finished"
    assert world.kept()


def test_a_result_is_there_only_after_the_end(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    with pytest.raises(Conflict) as caught:
        world.jobs.result(TENANT, job.id)
    assert caught.value.code == "job_not_finished"
    steps.translated(world, job, "job", "Quarto 12")
    world.done(job)
    assert world.jobs.result(TENANT, job.id).name == "result.json"


def test_a_failed_job_has_no_result(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
    world.done(job)
    with pytest.raises(Conflict) as caught:
        world.jobs.result(TENANT, job.id)
    assert (caught.value.code, caught.value.detail) == (
        "no_result", "There is no result: the job failed (timeout); see its error."
    )  # fmt: skip


def test_a_cancelled_job_has_no_result(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    world.jobs.cancel(TENANT, job.id)
    world.done(job)
    with pytest.raises(Conflict, match="is cancelled") as caught:
        world.jobs.result(TENANT, job.id)
    assert caught.value.code == "no_result"


def test_a_file_that_the_store_lost_is_not_found_before_the_first_byte(world: World) -> None:
    job_id = finished(world)
    file = world.jobs.result(TENANT, job_id)
    world.artifacts.delete_prefix(file.key)
    with pytest.raises(NotFound):
        world.jobs.content(file)


def test_an_upload_is_read_from_its_start_however_long_it_is(world: World) -> None:
    file = b"RIFF" + bytes(range(256)) * 1000
    job = world.submit(DECODE, file)
    assert world.artifacts.get(f"{job.prefix}input") == file


def test_an_empty_upload_is_told_apart_from_none(world: World) -> None:
    with pytest.raises(InvalidMedia, match="empty"):
        world.submit(DECODE, b"")
