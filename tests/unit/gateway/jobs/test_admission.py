"""Which submissions are taken: repeated ones, and those for which there is room."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs import spec
from services.gateway.jobs.admission import Repeatable, fingerprint
from services.gateway.jobs.model import JobState
from services.gateway.jobs.ports import JobQuery, Receipt, Submission
from services.shared import tasks
from services.shared.artifacts.base import Artifact
from services.shared.errors import DragomanError, InvalidRequest, Overloaded, StorageFailure, Unavailable
from tests.unit.gateway import world as steps
from tests.unit.gateway.world import BACKLOG, CALL_SPEC, TENANT, TEXT_SPEC, WAV, World

DECODE = {"kind": "decode"}
LABELLED = CALL_SPEC | {"metadata": {"call": "42", "agent": "7", "line": "3"}}
JSON_SPACES = st.sampled_from([None, 1, 4])


def digest(wanted: dict[str, Any], file: bytes | None = None, indent: int | None = None) -> str:
    parsed = spec.parse(json.dumps(wanted, indent=indent))
    return fingerprint(parsed, None if file is None else io.BytesIO(file))


def away(*_arguments: object) -> Any:
    raise Unavailable("It is away.", code="redis_unavailable")


def fill(world: World, tenant: str = TENANT) -> None:
    """Submit jobs until the tenant has no room left."""
    for _ in range(BACKLOG.jobs_per_tenant):
        world.send(TEXT_SPEC, tenant=tenant)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(DragomanError) as caught:
        act()
    return caught.value.code


# Keys


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "naïve", "a\x7f", "a\nb"])
def test_what_is_not_printable_ascii_is_no_key(key: str) -> None:
    assert code_of(lambda: Repeatable(key)) == "invalid_idempotency_key"


@pytest.mark.parametrize("key", [" ", "x" * 255, "4f0c-…".replace("…", "~"), '"quoted"'])
def test_any_other_short_text_is_one(key: str) -> None:
    assert Repeatable(key).key == key


@given(JSON_SPACES, st.permutations(list(LABELLED)), st.permutations(list(LABELLED["metadata"])))
def test_a_specs_formatting_and_order_do_not_matter(
    indent: int | None, order: list[str], labels: list[str]
) -> None:
    shuffled = {name: LABELLED[name] for name in order}
    shuffled["metadata"] = {name: LABELLED["metadata"][name] for name in labels}
    assert digest(shuffled, WAV, indent) == digest(LABELLED, WAV)


def test_a_fingerprint_is_made_of_what_was_sent_and_of_no_default() -> None:
    sent = hashlib.sha256(json.dumps(TEXT_SPEC, sort_keys=True).encode()).digest()
    assert digest(TEXT_SPEC) == hashlib.sha256(sent).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((TEXT_SPEC, None), (TEXT_SPEC | {"text": "Room 13"}, None)),
        ((DECODE, b"RIFF1"), (DECODE, b"RIFF2")),
        ((DECODE, b""), (DECODE, None)),
        ((DECODE | {"metadata": {"a": "b"}}, WAV), (DECODE, WAV)),
        ((CALL_SPEC, WAV), (CALL_SPEC | {"channels": CALL_SPEC["channels"][::-1]}, WAV)),
    ],
    ids=["text", "file", "no file", "metadata", "order of channels"],
)
def test_other_content_has_another_fingerprint(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    assert digest(*one) != digest(*other)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_file_is_told_from_every_other(one: bytes, other: bytes) -> None:
    assert (digest(DECODE, one) == digest(DECODE, other)) == (one == other)


def test_a_file_is_left_at_its_start() -> None:
    file = io.BytesIO(WAV)
    file.seek(7)
    fingerprint(spec.parse(json.dumps(DECODE)), file)
    assert file.tell() == 0


# Repetitions


def test_the_same_under_the_same_key_is_the_same_job(world: World) -> None:
    first = world.send(CALL_SPEC, WAV, key="k")
    kept, hints = world.kept(), list(world.dispatched.hints)
    again = world.send(CALL_SPEC, WAV, key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.job == world.jobs.get(TENANT, first.job.id)
    assert (world.kept(), world.dispatched.hints) == (kept, hints)


def test_a_repetition_shows_the_job_as_it_stands(world: World) -> None:
    job = world.send(TEXT_SPEC, key="k").job
    steps.translated(world, job, "job", "Quarto 12")
    assert world.send(TEXT_SPEC, key="k").job.state is JobState.RUNNING
    world.done(job)
    assert world.send(TEXT_SPEC, key="k").job.state is JobState.SUCCEEDED


@pytest.mark.parametrize("ending", ["fail", "cancel"])
def test_a_job_that_ended_badly_is_not_made_anew_by_a_repetition(world: World, ending: str) -> None:
    job = world.send(TEXT_SPEC, key="k").job
    if ending == "fail":
        world.store.fail(job.id, (tasks.TRANSLATE, "job"), "timeout")
    else:
        world.jobs.cancel(TENANT, job.id)
    job = world.done(job)
    assert world.send(TEXT_SPEC, key="k").job == job


def test_other_content_under_a_used_key_is_refused_and_leaves_nothing(world: World) -> None:
    world.send(CALL_SPEC, WAV, key="k")
    kept = world.kept()
    assert code_of(lambda: world.send(CALL_SPEC, WAV + b"!", key="k")) == "idempotency_key_reused"
    assert code_of(lambda: world.send(DECODE, WAV, key="k")) == "idempotency_key_reused"
    assert world.kept() == kept


def test_tenants_do_not_share_keys(world: World) -> None:
    mine, theirs = world.send(TEXT_SPEC, key="k"), world.send(TEXT_SPEC, key="k", tenant="other")
    assert mine.job.id != theirs.job.id


def test_an_erased_job_frees_its_key(world: World) -> None:
    job = world.send(TEXT_SPEC, key="k").job
    world.jobs.cancel(TENANT, job.id)
    world.done(job)
    world.jobs.erase(TENANT, job.id)
    assert not world.send(TEXT_SPEC | {"text": "Room 13"}, key="k").replayed


def test_a_repetition_is_answered_when_nothing_else_would_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.send(CALL_SPEC, WAV, key="k").job
    for _ in range(BACKLOG.jobs_per_tenant - 1):
        world.submit(TEXT_SPEC)
    for ability in ("asr", "translation", "tts", "codec"):
        monkeypatch.setattr(world.abilities, ability, away)
    world.jobs.admit(TENANT, Repeatable("k"))
    assert world.send(CALL_SPEC, WAV, key="k").job.id == job.id


def test_of_the_same_twice_at_once_one_is_a_job_and_one_upload_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find the key unused, as they do when they come at the same time."""
    monkeypatch.setattr(world.jobs, "_replayed", lambda *_arguments: None)
    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(lambda _: world.send(DECODE, WAV, key="k"), range(4)))
    (job_id,) = {each.job.id for each in accepted}
    assert sorted(each.replayed for each in accepted) == [False, True, True, True]
    assert world.kept() == [f"{TENANT}/{job_id}/input"]
    assert len(world.dispatched.hints) == 1


# SDKs that say how often they tried, and nothing more


def test_an_sdks_first_attempt_is_always_a_new_job(world: World) -> None:
    jobs = {world.send(TEXT_SPEC, sdk_retries=0).job.id for _ in range(3)}
    assert len(jobs) == 3


def test_an_sdks_next_attempt_is_the_job_of_its_last_first_one(world: World) -> None:
    world.send(TEXT_SPEC, sdk_retries=0)
    second = world.send(TEXT_SPEC, sdk_retries=0)
    again = world.send(TEXT_SPEC, sdk_retries=1)
    assert (again.job.id, again.replayed) == (second.job.id, True)
    assert world.send(TEXT_SPEC, sdk_retries=2).job.id == second.job.id


def test_an_sdks_attempt_after_one_that_was_lost_is_a_job_that_the_next_one_finds(world: World) -> None:
    first = world.send(TEXT_SPEC, sdk_retries=1)
    assert not first.replayed
    assert world.send(TEXT_SPEC, sdk_retries=2).job.id == first.job.id


def test_a_key_comes_before_what_an_sdk_says(world: World) -> None:
    first = world.send(TEXT_SPEC, key="k", sdk_retries=0)
    assert world.send(TEXT_SPEC, key="k", sdk_retries=0).job.id == first.job.id
    assert not world.send(TEXT_SPEC, sdk_retries=1).replayed


def test_without_key_or_count_every_submission_is_a_new_job(world: World) -> None:
    assert world.send(TEXT_SPEC).job.id != world.send(TEXT_SPEC).job.id


# The backlog


def test_a_full_backlog_refuses_before_and_after_the_upload_and_keeps_nothing(world: World) -> None:
    fill(world)
    kept = world.kept()
    assert code_of(lambda: world.jobs.admit(TENANT, Repeatable())) == "tenant_backlog_full"
    assert code_of(lambda: world.send(DECODE, WAV)) == "tenant_backlog_full"
    assert world.kept() == kept


def test_a_full_installation_refuses_everybody(world: World) -> None:
    fill(world)
    for _ in range(BACKLOG.jobs - BACKLOG.jobs_per_tenant):
        world.send(TEXT_SPEC, tenant="other")
    with pytest.raises(Overloaded) as caught:
        world.jobs.admit("third", Repeatable())
    assert caught.value.code == "backlog_full"


def test_only_what_may_be_a_repetition_is_read_when_the_backlog_is_full(world: World) -> None:
    world.send(TEXT_SPEC, key="used")
    for _ in range(BACKLOG.jobs_per_tenant - 1):
        world.submit(TEXT_SPEC)
    for again in (Repeatable("used"), Repeatable(sdk_retries=1)):
        world.jobs.admit(TENANT, again)
    for new in (Repeatable("new"), Repeatable(sdk_retries=0), Repeatable()):
        assert code_of(partial(world.jobs.admit, TENANT, new)) == "tenant_backlog_full"
    assert code_of(lambda: world.send(TEXT_SPEC, sdk_retries=1)) == "tenant_backlog_full"


def test_there_is_room_again_as_soon_as_a_job_ends(world: World) -> None:
    fill(world)
    (job,) = world.jobs.list(JobQuery(TENANT, 1)).jobs
    world.jobs.cancel(TENANT, job.id)
    assert code_of(lambda: world.submit(TEXT_SPEC)) == "tenant_backlog_full"
    world.done(job)
    world.submit(TEXT_SPEC)


# What fails on the way


def test_a_full_disk_is_to_be_tried_again_and_leaves_no_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(key: str, data: object) -> Artifact:
        raise StorageFailure("The disk is full.", code="storage_full")

    with monkeypatch.context() as patch:
        patch.setattr(world.artifacts, "put", full)
        assert code_of(lambda: world.send(DECODE, WAV, key="k")) == "storage_full"
    assert (world.kept(), world.jobs.list(JobQuery(TENANT, 10)).jobs) == ([], ())
    assert not world.send(DECODE, WAV, key="k").replayed


def test_a_job_whose_acceptance_was_not_heard_of_keeps_its_input(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store wrote the job, then its answer was lost with the connection: a repetition finds it whole."""
    submit = world.store.submit

    def lost(submission: Submission) -> Receipt:
        submit(submission)
        monkeypatch.setattr(world.store, "get", away)
        raise Unavailable("Redis is away.", code="redis_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "submit", lost)
        assert code_of(lambda: world.send(DECODE, WAV, key="k")) == "redis_unavailable"
    monkeypatch.undo()
    again = world.send(DECODE, WAV, key="k")
    assert again.replayed
    assert world.kept() == [f"{again.job.prefix}input"]


def test_a_refused_key_is_an_error_of_the_request() -> None:
    with pytest.raises(InvalidRequest, match="255"):
        Repeatable("x" * 300)
