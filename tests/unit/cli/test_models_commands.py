"""`dragoman models`: lists, verifies, and pulls with bars."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from services.cli.commands.models import Bars
from services.cli.main import app
from services.shared.errors import Misconfigured
from services.shared.models import manifest


@pytest.fixture
def empty(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A models folder with nothing in it."""
    environment.setenv("DRAGOMAN_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def test_every_model_is_listed_with_its_licence_and_whether_it_is_here(empty: Path) -> None:
    lines = CliRunner().invoke(app, ["models", "list"], env={"COLUMNS": "120"}).output.splitlines()
    for name, model in manifest.load().models.items():
        line = next(line for line in lines if line.startswith(name))
        assert model.licence in line
        assert line.split()[-1] == "no"


def test_verify_names_what_is_missing_and_fails(empty: Path) -> None:
    result = CliRunner().invoke(app, ["models", "verify", "lite"])
    assert isinstance(result.exception, Misconfigured)
    assert result.exception.code == "model_missing"
    assert all(f"{name} model_missing" in result.output for name in manifest.load().members_of("lite"))


def test_an_unknown_set_is_an_error_that_names_the_known_ones(empty: Path) -> None:
    result = CliRunner().invoke(app, ["models", "pull", "huge"])
    assert isinstance(result.exception, Misconfigured)
    assert result.exception.code == "unknown_model_set"
    assert "lite" in result.exception.detail


@pytest.mark.models
def test_pulling_what_is_here_does_nothing() -> None:
    result = CliRunner().invoke(app, ["models", "pull", "lite"])
    assert result.exit_code == 0
    assert "All models of lite are here." in result.output


@pytest.mark.models
def test_what_was_pulled_is_verified() -> None:
    result = CliRunner().invoke(app, ["models", "verify"])
    assert result.exit_code == 0
    assert all(line.endswith(" ok") for line in result.output.splitlines())


def test_there_is_one_bar_per_archive_and_a_line_per_model() -> None:
    console = Console(file=io.StringIO(), width=100)
    with Progress(console=console) as shown:
        bars = Bars(shown)
        bars.waiting()
        for done_bytes in (10, 50, 100):
            bars.downloading("whisper-base-1", done_bytes, 100)
        bars.downloading("whisper-base-2", 30, 100)
        bars.assembled("whisper-base-int8")
    assert [(task.description, task.completed) for task in shown.tasks] == [
        ("whisper-base-1", 100),
        ("whisper-base-2", 30),
    ]
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "Another pull is at work" in said
    assert "whisper-base-int8 is complete" in said
