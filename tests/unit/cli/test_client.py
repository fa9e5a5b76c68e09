"""How the command line finds its gateway, and what becomes of the client's errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dragoman
from services.cli import client
from services.cli.settings import CliSettings
from services.shared import errors
from tests.support.redis_server import free_port
from tests.support.stub_gateway import StubGateway
from tests.unit.cli.results import job

JOB = job().model_dump(mode="json")


def test_every_request_carries_the_key(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1", JOB)
    with client.connect(CliSettings()) as opened:
        assert opened.jobs.get("job_1").state == "succeeded"
    assert gateway.requests[0][1]["Authorization"] == "Bearer the-key"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.InvalidRequest),
        (429, errors.Overloaded),
        (500, errors.InternalError),
        (503, errors.Unavailable),
        (504, errors.Timeout),
    ],
)
def test_a_problem_document_comes_back_as_the_error_it_names(
    gateway: StubGateway, status: int, kind: type[errors.DragomanError]
) -> None:
    gateway.say("GET /v1/jobs/job_1", {"status": status, "code": "some_code", "detail": "Do this."}, status)
    with pytest.raises(kind) as caught, client.connect(CliSettings(), retries=0) as opened:
        opened.jobs.get("job_1")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.detail) == ("some_code", "Do this.")


def test_every_error_of_the_client_is_one_of_this_project() -> None:
    for passing in (dragoman.TimedOut, dragoman.Unreachable, dragoman.Incomplete):
        assert client.translated(passing("Do this.")).retryable
    for other in (dragoman.WaitedTooLong, dragoman.InvalidSignature, dragoman.ServerFailure):
        assert client.translated(other("Do this.")).detail == "Do this."


def test_a_gateway_that_hangs_up_says_what_to_do(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_1", {}, 0)
    with (
        pytest.raises(errors.Unavailable, match="dragoman up") as caught,
        client.connect(CliSettings(), retries=0) as opened,
    ):
        opened.jobs.get("job_1")
    assert caught.value.code == "gateway_unreachable"


def test_where_nothing_listens_a_submission_says_so_at_once(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At once: without a single repetition, of which the first alone would take half a second."""
    environment.setenv("DRAGOMAN_API_KEY", "k")
    slept: list[float] = []
    environment.setattr("time.sleep", slept.append)
    with (
        pytest.raises(errors.Unavailable, match="dragoman up") as caught,
        client.connect(CliSettings(), client.SUBMIT_RETRIES) as opened,
    ):
        opened.jobs.submit(kind="decode", file=b"RIFF")
    assert caught.value.code == "gateway_unreachable"
    assert slept == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}", "http://localhost:{}"])
def test_what_listens_is_seen_and_what_does_not_is_too(gateway: StubGateway, address: str) -> None:
    assert client.listens(address.format(gateway.url.rpartition(":")[2])) or "localhost" in address
    assert not client.listens(address.format(free_port()))


def test_a_gateway_elsewhere_is_left_to_the_proxy_that_leads_there() -> None:
    assert client.listens("https://gateway.example.org")


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


def test_a_text_on_its_way_is_sent_again_as_often_as_a_restart_takes(
    gateway: StubGateway, environment: pytest.MonkeyPatch
) -> None:
    """The command as a user runs it: four failures, and it is one job nevertheless."""
    for status in (503, 0, 502, 504):
        gateway.say("POST /v1/jobs", {"code": "redis_unavailable", "detail": "Wait."}, status)
    gateway.say("POST /v1/jobs", JOB, 202)
    command = [sys.executable, "-m", "services.cli.main", "submit", "--kind", "speech", "--text", "Hi"]
    done = subprocess.run([*command, "--language", "en"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "job_1"), done.stderr
    assert len({headers["Idempotency-Key"] for _, headers, _ in gateway.requests}) == 1
    assert len(gateway.requests) == 5
