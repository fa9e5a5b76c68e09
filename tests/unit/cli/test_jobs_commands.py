"""The commands about jobs, run as a user runs them, against a gateway with set answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.commands import jobs
from services.cli.main import app
from services.shared.errors import Conflict, DragomanError
from tests.support.stub_gateway import StubGateway
from tests.unit.cli.results import call, job

FILES = [{"name": "result.json"}, {"name": "speech.mixed.ogg"}]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"})


@pytest.fixture
def finished(gateway: StubGateway) -> StubGateway:
    """A gateway with one job that came through."""
    document = job(files=FILES).model_dump(mode="json")
    gateway.say("POST /v1/jobs", document | {"state": "queued"}, 202)
    gateway.say("GET /v1/jobs/job_1", document)
    gateway.say("GET /v1/jobs/job_1/result", call())
    gateway.say_bytes(
        "GET /v1/jobs/job_1/events", f"data: {json.dumps(document)}\n\n".encode(), "text/event-stream"
    )
    for name in ("result.json", "speech.mixed.ogg"):
        gateway.say_bytes(f"GET /v1/jobs/job_1/artifacts/{name}", name.encode(), "text/plain")
    return gateway


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "call.wav"
    file.write_bytes(b"RIFF")
    return file


def test_submit_prints_the_id_and_does_not_wait(finished: StubGateway, recording: Path) -> None:
    result = run("submit", str(recording), "--from", "en", "--to", "pt-BR")
    assert (result.exit_code, result.output.strip()) == (0, "job_1")
    assert [request for request, _, _ in finished.requests] == ["POST /v1/jobs"]


def test_submit_with_watch_shows_the_transcript_and_the_costs(finished: StubGateway, recording: Path) -> None:
    result = run("submit", str(recording), "--from", "en", "--to", "pt-BR", "--watch")
    assert result.exit_code == 0
    assert all(text in result.output for text in ("Bom dia.", "Order [47] two.", "real-time factor"))


def test_submit_with_out_fetches_every_file(finished: StubGateway, recording: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    result = run("submit", str(recording), "--from", "en", "--to", "pt-BR", "--out", str(folder))
    assert result.exit_code == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        name: name for name in ("result.json", "speech.mixed.ogg")
    }
    assert str(folder / "speech.mixed.ogg") in result.output


def test_watch_shows_what_came_of_a_job(finished: StubGateway) -> None:
    result = run("watch", "job_1")
    assert result.exit_code == 0
    assert "Good morning." in result.output


def test_a_translated_text_is_printed_as_it_is(gateway: StubGateway) -> None:
    document = job(kind="text_translation", audio_ms=None).model_dump(mode="json")
    gateway.say("GET /v1/jobs/job_1", document)
    translated = {"job": "job_1", "kind": "text_translation", "translation": {"text": "order [bold] 47"}}
    gateway.say("GET /v1/jobs/job_1/result", translated)
    gateway.say_bytes(
        "GET /v1/jobs/job_1/events", f"data: {json.dumps(document)}\n\n".encode(), "text/event-stream"
    )
    assert "order [bold] 47" in run("watch", "job_1").output


def test_a_partial_success_says_that_something_is_missing(finished: StubGateway) -> None:
    document = job(state="partially_succeeded").model_dump(mode="json")
    finished.answers["GET /v1/jobs/job_1/events"].clear()
    finished.say_bytes(
        "GET /v1/jobs/job_1/events", f"data: {json.dumps(document)}\n\n".encode(), "text/event-stream"
    )
    result = run("watch", "job_1")
    assert result.exit_code == 0
    assert "A part of it failed" in result.output


def test_jobs_are_listed_as_a_table(gateway: StubGateway) -> None:
    running = job(id="job_2", state="running", audio_ms=None, finished_at=None)
    gateway.say("GET /v1/jobs", {"jobs": [each.model_dump(mode="json") for each in (job(), running)]})
    lines = run("jobs").output.splitlines()
    assert lines[1].split()[:3] == ["job_1", "speech_translation", "succeeded"]
    assert lines[1].rstrip().endswith("00:40")
    assert lines[2].split()[:3] == ["job_2", "speech_translation", "running"]


def test_a_list_may_be_short(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs", {"jobs": []})
    assert run("jobs", "--limit", "3").exit_code == 0
    assert len(gateway.requests) == 1


def test_retry_says_where_the_job_stands_and_does_not_wait(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs/job_1/retry", job(state="running").model_dump(mode="json"), 202)
    assert run("jobs", "retry", "job_1").output.strip() == "running"
    assert [request for request, _, _ in gateway.requests] == ["POST /v1/jobs/job_1/retry"]


def test_retry_with_watch_shows_what_came_of_the_job(finished: StubGateway) -> None:
    finished.say("POST /v1/jobs/job_1/retry", job(state="running").model_dump(mode="json"), 202)
    result = run("jobs", "retry", "job_1", "--watch")
    assert result.exit_code == 0
    assert "Good morning." in result.output


def test_a_job_that_cannot_be_retried_says_why(gateway: StubGateway) -> None:
    refusal = {"code": "job_not_retryable", "detail": "There is nothing to retry."}
    gateway.say("POST /v1/jobs/job_1/retry", refusal, 409)
    with pytest.raises(Conflict) as caught:
        CliRunner().invoke(app, ["jobs", "retry", "job_1"], catch_exceptions=False)
    assert caught.value.code == "job_not_retryable"


def test_one_job_is_shown_as_json(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1", job().model_dump(mode="json"))
    assert json.loads(run("job", "job_1").output)["id"] == "job_1"


def test_cancel_says_where_the_job_stands(gateway: StubGateway) -> None:
    gateway.say("POST /v1/jobs/job_1/cancel", job(state="cancelling").model_dump(mode="json"))
    assert run("cancel", "job_1").output.strip() == "cancelling"


def test_a_result_is_json_on_standard_output_and_nothing_else(finished: StubGateway, tmp_path: Path) -> None:
    result = run("result", "job_1", "--out", str(tmp_path / "out"))
    assert json.loads(result.stdout) == call()
    assert (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            {"state": "failed", "error": {"code": "truncated_media", "detail": "Send it again."}},
            "truncated_media",
        ),
        ({"state": "failed"}, "failed"),
        ({"state": "cancelled"}, "cancelled"),
    ],
)
def test_a_job_that_ended_badly_is_an_error_with_its_own_code(changes: dict[str, object], code: str) -> None:
    with pytest.raises(DragomanError) as caught:
        jobs.require_success(job(**changes))
    assert caught.value.code == code


@pytest.mark.parametrize("state", ["succeeded", "partially_succeeded"])
def test_a_job_with_a_result_is_no_error(state: str) -> None:
    assert jobs.require_success(job(state=state)).state == state
