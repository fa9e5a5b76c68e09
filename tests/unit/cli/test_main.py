"""The command line as a whole: what it offers, and how it fails."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import main
from services.cli.main import app
from services.shared.errors import Unsupported
from tests.support.stub_gateway import StubGateway

COMMANDS = (
    "up down status demo doctor models submit watch jobs job cancel result erase "  # noqa: SIM905 (reads better)
    "glossaries webhooks keys tenants usage".split()
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(command in shown for command in COMMANDS)


def test_an_error_is_one_line_with_its_code_and_no_traceback(gateway: StubGateway) -> None:
    gateway.say("GET /v1/jobs/job_9", {"code": "job_not_found", "detail": "There is no such job."}, 404)
    done = subprocess.run(
        [sys.executable, "-m", "services.cli.main", "job", "job_9"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error job_not_found: There is no such job.\n"


def test_a_wrong_setting_is_an_error_like_any_other(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("DRAGOMAN_HTTP_PORT", "no number")
    assert run(environment, "status") == 1
    assert capsys.readouterr().err.startswith("error misconfigured: Settings are wrong: DRAGOMAN_HTTP_PORT")


def test_a_defect_is_reported_without_a_traceback(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defective() -> None:
        raise KeyError("what was said in the call")

    environment.setattr(main, "app", defective)
    assert run(environment) == 1
    said = capsys.readouterr().err
    assert said.startswith("error internal_error: KeyError at ")
    assert said.count("\n") == 1
    assert "what was said" not in said


def test_a_file_that_cannot_be_used_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environment.setattr(main, "app", (tmp_path / "gone" / "result.json").read_bytes)
    assert run(environment) == 1
    said = capsys.readouterr().err
    assert said == f"error file: {tmp_path}/gone/result.json: No such file or directory\n"


def test_a_full_disk_says_so(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def writing() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    environment.setattr(main, "app", writing)
    assert run(environment) == 1
    assert capsys.readouterr().err == "error file: No space left on device\n"


def test_an_error_keeps_the_code_that_it_was_raised_with(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing() -> None:
        raise Unsupported("Choose another one.", code="unknown_voice")

    environment.setattr(main, "app", refusing)
    assert run(environment) == 1
    assert capsys.readouterr().err == "error unknown_voice: Choose another one.\n"


def run(environment: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    environment.setattr(sys, "argv", ["dragoman", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return caught.value.code
