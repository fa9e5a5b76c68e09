"""Finishing jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.jobs.model import Final, JobState
from services.shared import tasks
from services.shared.errors import NotFound, StorageFailure
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import CALL_SPEC, TENANT, TEXT_SPEC, WAV, World


def test_a_call_ends_with_its_result_subtitles_and_audio(world: World) -> None:
    job = steps.one_turn_each(world)
    steps.encoded(world, job, {"c0r0": {"start_ms": 1000, "end_ms": 1900}})
    job = world.done(job)
    assert job.state is JobState.SUCCEEDED
    assert {file.name: file.media_type for file in job.files} == {
        "result.json": "application/json",
        "subtitles.en.srt": "application/x-subrip",
        "subtitles.en.vtt": "text/vtt",
        "subtitles.pt-BR.srt": "application/x-subrip",
        "subtitles.pt-BR.vtt": "text/vtt",
        "speech.mixed.ogg": "audio/ogg",
    }
    for file in job.files:
        assert len(b"".join(world.jobs.content(file))) == file.size_bytes
    assert job.finished_at is not None


def test_the_result_is_the_documents_of_the_workers(world: World) -> None:
    job = steps.one_turn_each(world)
    steps.encoded(world, job)
    world.done(job)
    document = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    assert document["channels"][0]["regions"][0]["translation"]["text"] == "Quarto 12, por favor."
    assert document["job"] == job.id


def test_a_job_that_still_runs_is_left_alone(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    assert world.done(job).state is JobState.QUEUED
    world.finisher.finish("job_that_never_was")


def test_finishing_twice_changes_nothing(world: World) -> None:
    job = steps.one_turn_each(world)
    steps.encoded(world, job)
    first = world.done(job)
    assert world.done(job) == first


def test_without_subtitles_asked_there_are_none(world: World) -> None:
    spec = CALL_SPEC | {"outputs": ["transcript"]}
    job = world.submit(spec, WAV)
    steps.decoded(world, job)
    for channel in (0, 1):
        steps.segmented(world, job, channel, [])
    assert [file.name for file in world.done(job).files] == ["result.json"]


def test_a_call_without_speech_succeeds_with_an_empty_transcript(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    steps.decoded(world, job)
    for channel in (0, 1):
        steps.segmented(world, job, channel, [])
    steps.encoded(world, job)
    job = world.done(job)
    document = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    assert job.state is JobState.SUCCEEDED
    assert [channel["regions"] for channel in document["channels"]] == [[], []]


def test_a_lost_region_leaves_a_hole_and_the_rest(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    steps.decoded(world, job)
    steps.segmented(world, job, 0, [(0, 1000), (2000, 3000)])
    steps.segmented(world, job, 1, [])
    world.store.fail(job.id, (tasks.TRANSCRIBE, "c0r0"), "timeout")
    steps.transcribed(world, job, "c0r1", "Hello.")
    steps.translated(world, job, "c0r1", "Olá.")
    steps.spoken(world, job, "c0r1")
    steps.encoded(world, job)
    job = world.done(job)
    assert job.state is JobState.PARTIALLY_SUCCEEDED
    assert [(hole.stage, hole.index, hole.code) for hole in job.holes] == [
        (tasks.TRANSCRIBE, "c0r0", "timeout")
    ]
    assert job.needs_review


def test_what_was_made_of_a_region_before_a_failure_is_kept(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    steps.decoded(world, job)
    steps.segmented(world, job, 0, [(0, 1000), (2000, 3000), (4000, 5000)])
    steps.segmented(world, job, 1, [])
    for index in ("c0r0", "c0r1", "c0r2"):
        steps.transcribed(world, job, index, "Hello.")
    world.store.fail(job.id, (tasks.TRANSLATE, "c0r0"), "timeout")
    steps.translated(world, job, "c0r1", "Olá.")
    world.store.fail(job.id, (tasks.SYNTHESIZE, "c0r1"), "worker_lost")
    steps.translated(world, job, "c0r2", "Olá.")
    steps.spoken(world, job, "c0r2")
    steps.encoded(world, job)
    job = world.done(job)
    document = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    made = [
        [bool(region[part]) for part in ("source", "translation", "speech")]
        for region in document["channels"][0]["regions"]
    ]
    assert made == [[True, False, False], [True, True, False], [True, True, True]]
    assert job.state is JobState.PARTIALLY_SUCCEEDED
    assert [(hole.stage, hole.index, hole.code) for hole in job.holes] == [
        (tasks.TRANSLATE, "c0r0", "timeout"),
        (tasks.SYNTHESIZE, "c0r1", "worker_lost"),
    ]


def test_a_file_that_cannot_be_read_fails_the_job_and_is_kept_for_a_retry(world: World) -> None:
    job = world.submit(CALL_SPEC, WAV)
    world.store.fail(job.id, (tasks.DECODE, "job"), "truncated_media", "The file ends too early.")
    job = world.done(job)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.detail) == ("truncated_media", "The file ends too early.")
    assert (job.files, world.kept()) == ((), [f"{job.prefix}input"])


def test_a_cancelled_job_leaves_nothing(world: World) -> None:
    job = steps.one_turn_each(world)
    world.jobs.cancel(TENANT, job.id)
    job = world.done(job)
    assert (job.state, job.error, world.kept()) == (JobState.CANCELLED, None, [])


def test_a_text_is_translated(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    job = world.done(job)
    document = json.loads(b"".join(world.jobs.content(world.jobs.result(TENANT, job.id))))
    assert document["source"]["text"] == "Room 12"
    assert document["needs_review"] is job.needs_review is False


def test_files_that_decoding_made_are_given_to_the_client(world: World) -> None:
    job = world.submit({"kind": "decode"}, WAV)
    file = {"name": "channel-0.wav", "key": "k", "media_type": "audio/wav", "size_bytes": 4}
    world.store.complete(job.id, (tasks.DECODE, "job"), {"container": "wav", "files": [file]})
    assert [each.name for each in world.done(job).files] == ["result.json", "channel-0.wav"]


@pytest.mark.parametrize(
    ("output", "code"),
    [({"translation": "default/gone.json"}, "artifact_lost"), ({}, "internal_error")],
    ids=["lost artifact", "malformed output"],
)
def test_a_job_ends_even_when_its_result_cannot_be_made(
    world: World, output: dict[str, Any], code: str
) -> None:
    job = world.submit(TEXT_SPEC)
    world.store.complete(job.id, (tasks.TRANSLATE, "job"), output)
    job = world.done(job)
    assert (job.state, job.error and job.error.code) == (JobState.FAILED, code)


def test_a_job_ends_even_when_a_document_is_damaged(world: World) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    (document,) = world.folder.rglob("translation.json")
    document.write_bytes(document.read_bytes().replace(b"Quarto 12", b"Quarto 13"))
    job = world.done(job)
    assert (job.state, job.error and job.error.code) == (JobState.FAILED, "artifact_lost")


def test_a_store_that_is_away_for_now_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")

    def full(key: str, data: object) -> None:
        raise StorageFailure("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(world.artifacts, "put", full)
        with pytest.raises(StorageFailure):
            world.finisher.finish(job.id)
    assert world.done(job).state is JobState.SUCCEEDED


def test_whoever_loses_to_a_cancellation_takes_back_what_it_wrote(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.submit(TEXT_SPEC)
    steps.translated(world, job, "job", "Quarto 12")
    finish = world.store.finish

    def cancelled_just_before(job_id: str, final: Final) -> bool:
        world.store.cancel(job_id)
        return finish(job_id, final)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "finish", cancelled_just_before)
        world.finisher.finish(job.id)
    assert world.kept() == []
    assert world.done(job).state is JobState.CANCELLED
    with pytest.raises(NotFound):
        world.jobs.file(TENANT, job.id, "result.json")
