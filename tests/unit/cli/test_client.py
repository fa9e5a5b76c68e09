"""The client against a real HTTP server with set answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import client
from services.cli.settings import CliSettings
from services.shared import errors
from tests.unit.cli.conftest import StubGateway, free_port

JOB = {
    "id": "job_1",
    "kind": "speech_translation",
    "state": "running",
    "created_at": "2026-01-02T03:04:05Z",
    "progress": {"codec.decode": {"done": 1, "total": 1}},
    "usage": {"codec.decode": {"busy_ms": 120}},
    "audio_ms": 43827,
    "files": [{"name": "result.json", "media_type": "application/json", "size_bytes": 17}],
    "something_newer": True,
}
DONE = JOB | {"state": "succeeded", "finished_at": "2026-01-02T03:04:15Z"}


def event(document: dict[str, Any]) -> bytes:
    return f"event: job\ndata: {json.dumps(document)}\n\n".encode()


def test_every_request_carries_the_key(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    with client.connect(CliSettings()) as opened:
        opened.job("job_1")
    assert gateway.requests[0][1]["Authorization"] == "Bearer the-key"


def test_a_job_is_read_and_fields_of_a_newer_gateway_are_passed_over(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    with client.connect(CliSettings()) as opened:
        job = opened.job("job_1")
    assert (job.state, job.final, job.wall_s) == ("running", False, None)
    assert job.progress["codec.decode"].done == 1
    assert job.usage["codec.decode"].busy_ms == 120
    assert job.files[0].name == "result.json"


def test_a_finished_job_knows_its_wall_time() -> None:
    job = client.Job.model_validate(DONE)
    assert job.final
    assert job.wall_s == 10


def test_a_recording_is_sent_with_its_spec(gateway: StubGateway, tmp_path: Path) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"RIFF....")
    with client.connect(CliSettings()) as opened:
        assert opened.submit({"kind": "decode"}, recording).id == "job_1"
    _, headers, body = gateway.requests[0]
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert b'name="file"; filename="call.wav"' in body
    assert b"RIFF...." in body
    assert b'name="spec"' in body
    assert b'{"kind": "decode"}' in body


def test_a_text_is_sent_as_json(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    with client.connect(CliSettings()) as opened:
        opened.submit({"kind": "text_translation", "text": "olá"})
    assert json.loads(gateway.requests[0][2]) == {"kind": "text_translation", "text": "olá"}


@contextmanager
def patient(gateway: StubGateway) -> Iterator[tuple[client.Gateway, list[float]]]:
    """Yield a client that only notes how long it would have waited, and those notes."""
    waits_s: list[float] = []
    with httpx.Client(base_url=gateway.url, trust_env=False) as http:
        yield client.Gateway(http, waits_s.append), waits_s


BUSY = {"code": "redis_unavailable", "detail": "Wait."}


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_a_submission_is_sent_again_after_a_passing_failure_and_is_the_same_one(
    gateway: StubGateway, tmp_path: Path, status: int
) -> None:
    gateway.say("POST /v1/jobs", BUSY, status)
    gateway.say("POST /v1/jobs", BUSY, status)
    gateway.say("POST /v1/jobs", JOB, 202)
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"RIFF....")
    with patient(gateway) as (opened, waits_s):
        assert opened.submit({"kind": "decode"}, recording).id == "job_1"
    assert len(waits_s) == 2
    assert len({headers["Idempotency-Key"] for _, headers, _ in gateway.requests}) == 1
    assert [b"RIFF...." in body for _, _, body in gateway.requests] == [True] * 3


def test_every_submission_has_a_key_of_its_own(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs", JOB, 202)
    with patient(gateway) as (opened, waits_s):
        for _ in range(2):
            opened.submit({"kind": "text_translation", "text": "Hi"})
    assert len({headers["Idempotency-Key"] for _, headers, _ in gateway.requests}) == 2
    assert waits_s == []


def test_a_submission_waits_as_long_as_the_gateway_says(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs", {"code": "backlog_full", "detail": "Wait."}, 429, Retry_After="30")
    gateway.say("POST /v1/jobs", JOB, 202)
    with patient(gateway) as (opened, waits_s):
        opened.submit({"kind": "decode"})
    assert waits_s == [30.0]


def test_a_submission_that_fails_again_and_again_is_given_up(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs", {"code": "backlog_full", "detail": "Wait."}, 429)
    with patient(gateway) as (opened, waits_s), pytest.raises(errors.Overloaded) as caught:
        opened.submit({"kind": "decode"})
    assert caught.value.code == "backlog_full"
    assert len(gateway.requests) == len(waits_s) + 1 == 5
    assert waits_s == sorted(waits_s)


def test_a_submission_to_nobody_is_given_up(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs", {}, 0)
    with patient(gateway) as (opened, _), pytest.raises(errors.Unavailable, match="dragoman up"):
        opened.submit({"kind": "decode"})


@pytest.mark.parametrize("status", [401, 409, 413, 422, 500])
def test_a_refused_submission_is_not_sent_again(gateway: StubGateway, status: int) -> None:
    gateway.say("POST /v1/jobs", {"code": "refused", "detail": "No."}, status)
    with patient(gateway) as (opened, _), pytest.raises(errors.DragomanError):
        opened.submit({"kind": "decode"})
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [("2", 2), ("0", 0), ("86400", 60), ("-1", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("", 0), ("²", 0)],
)
def test_a_wait_is_as_asked_but_never_endless(said: str, wait_s: float) -> None:
    assert client.retry_after_s(httpx.Response(503, headers=[(b"Retry-After", said.encode())])) == wait_s


def test_a_job_is_retried(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs/job_1/retry", JOB, 202)
    with client.connect(CliSettings()) as opened:
        assert opened.retry("job_1").state == "running"


def test_jobs_are_listed(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs", {"jobs": [JOB, DONE]})
    with client.connect(CliSettings()) as opened:
        assert [job.state for job in opened.jobs(2)] == ["running", "succeeded"]


def test_a_job_is_cancelled_and_a_result_read(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs/job_1/cancel", JOB | {"state": "cancelling"})
    gateway.say("GET /v1/jobs/job_1/result", {"schema_version": "1"})
    with client.connect(CliSettings()) as opened:
        assert opened.cancel("job_1").state == "cancelling"
        assert opened.result("job_1") == {"schema_version": "1"}


def test_all_files_are_fetched_into_a_new_folder(gateway: StubGateway, tmp_path: Path) -> None:
    gateway.say_bytes("GET /v1/jobs/job_1/artifacts/result.json", b'{"a": 1}', "application/json")
    with client.connect(CliSettings()) as opened:
        files = opened.download_all(client.Job.model_validate(JOB), tmp_path / "new" / "folder")
    assert files == [tmp_path / "new" / "folder" / "result.json"]
    assert files[0].read_bytes() == b'{"a": 1}'


def test_a_file_never_lands_outside_the_folder(gateway: StubGateway, tmp_path: Path) -> None:
    gateway.say_bytes("GET /v1/jobs/job_1/artifacts/up/evil.txt", b"x", "text/plain")
    with client.connect(CliSettings()) as opened:
        assert opened.download("job_1", "up/evil.txt", tmp_path) == tmp_path / "evil.txt"


def test_a_missing_file_is_an_error_and_leaves_nothing(gateway: StubGateway, tmp_path: Path) -> None:
    with client.connect(CliSettings()) as opened, pytest.raises(errors.NotFound):
        opened.download("job_1", "gone.txt", tmp_path)
    assert list(tmp_path.glob("gone*")) == []


def test_events_end_with_the_job(gateway: StubGateway) -> None:
    stream = b": keep-alive\n\n" + event(JOB) + event(DONE)
    gateway.say_bytes("GET /v1/jobs/job_1/events", stream, "text/event-stream")
    with client.connect(CliSettings()) as opened:
        assert [job.state for job in opened.events("job_1")] == ["running", "succeeded"]


def test_events_go_on_after_a_lost_connection(gateway: StubGateway, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(client, "_RECONNECT_S", 0.01)
    for document in (JOB, DONE):
        gateway.say_bytes("GET /v1/jobs/job_1/events", event(document), "text/event-stream")
    with client.connect(CliSettings()) as opened:
        assert [job.state for job in opened.events("job_1")] == ["running", "succeeded"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_events_go_on_after_a_passing_failure(
    gateway: StubGateway, environment: pytest.MonkeyPatch, status: int
) -> None:
    environment.setattr(client, "_RECONNECT_S", 0.01)
    gateway.say("GET /v1/jobs/job_1/events", {"code": "redis_unavailable", "detail": "Wait."}, status)
    gateway.say_bytes("GET /v1/jobs/job_1/events", event(DONE), "text/event-stream")
    with client.connect(CliSettings()) as opened:
        assert [job.state for job in opened.events("job_1")] == ["succeeded"]


def test_events_go_on_after_a_silence(gateway: StubGateway, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(client, "_RECONNECT_S", 0.01)
    gateway.say("GET /v1/jobs/job_1/events", {}, 200)
    gateway.answers["GET /v1/jobs/job_1/events"][0].delay_s = 0.5
    gateway.say_bytes("GET /v1/jobs/job_1/events", event(DONE), "text/event-stream")
    with httpx.Client(base_url=gateway.url, timeout=0.1, trust_env=False) as http:
        assert [job.state for job in client.Gateway(http).events("job_1")] == ["succeeded"]


def test_events_of_no_job_are_not_asked_for_again(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1/events", {"code": "job_not_found", "detail": "There is none."}, 404)
    with client.connect(CliSettings()) as opened, pytest.raises(errors.NotFound):
        list(opened.events("job_1"))
    assert len(gateway.requests) == 1


def test_events_of_a_gateway_that_stays_away_are_given_up(
    environment: pytest.MonkeyPatch, settings: CliSettings
) -> None:
    environment.setattr(client, "_RECONNECT_S", 0.01)
    environment.setenv("DRAGOMAN_API_KEY", "k")
    with client.connect(CliSettings()) as opened, pytest.raises(errors.Unavailable) as caught:
        list(opened.events("job_1"))
    assert caught.value.code == "gateway_unreachable"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.InvalidRequest),
        (429, errors.Overloaded),
        (500, errors.InternalError),
        (503, errors.Unavailable),
    ],
)
def test_a_problem_document_comes_back_as_the_error_it_names(
    gateway: StubGateway, status: int, kind: type[errors.DragomanError]
) -> None:
    gateway.say("GET /v1/jobs/job_1", {"status": status, "code": "some_code", "detail": "Do this."}, status)
    with client.connect(CliSettings()) as opened, pytest.raises(kind) as caught:
        opened.job("job_1")
    assert (caught.value.code, caught.value.detail) == ("some_code", "Do this.")


@given(st.binary(max_size=40), st.integers(400, 599))
def test_an_answer_that_is_no_problem_document_is_still_an_error_with_a_code(
    body: bytes, status: int
) -> None:
    error = client.problem(httpx.Response(status, content=body))
    assert error.code
    assert error.detail


def test_a_gateway_that_is_not_there_says_what_to_do(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_API_KEY", "k")
    environment.setenv("DRAGOMAN_HTTP_PORT", str(free_port()))
    with client.connect(CliSettings()) as opened, pytest.raises(errors.Unavailable, match="dragoman up"):
        opened.jobs()


def test_the_key_is_found_in_the_home_folder(settings: CliSettings) -> None:
    settings.home.mkdir()
    (settings.home / "admin.key").write_text("key_from_file\n")
    assert client.key_of(settings) == "key_from_file"


def test_a_key_of_the_environment_comes_first(environment: pytest.MonkeyPatch, settings: CliSettings) -> None:
    settings.home.mkdir()
    (settings.home / "admin.key").write_text("key_from_file\n")
    environment.setenv("DRAGOMAN_API_KEY", "key_from_environment")
    assert client.key_of(CliSettings()) == "key_from_environment"
    assert "key_from_environment" not in repr(CliSettings())


def test_without_a_key_the_error_says_where_one_comes_from(settings: CliSettings) -> None:
    with pytest.raises(errors.Unauthorized, match="DRAGOMAN_API_KEY") as caught:
        client.key_of(settings)
    assert caught.value.code == "no_api_key"


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1), max_size=5))
def test_event_data_comes_back_line_by_line_as_it_was_sent(texts: list[str]) -> None:
    lines = [line for text in texts for line in ("event: job", f"data: {text}", "")]
    assert list(client.event_data(lines)) == texts


def test_event_data_of_several_lines_is_joined_and_comments_are_passed_over() -> None:
    assert list(client.event_data([": hello", "data: a", "data:b", "id: 7", "", ""])) == ["a\nb"]


def test_an_event_without_its_end_is_not_data() -> None:
    assert list(client.event_data(["data: half"])) == []
