"""What the doctor finds: well, not yet there, or bad with what to do."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from services.cli import checks
from services.cli.findings import Check, Health
from services.cli.main import app
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Stack
from services.cli.stack.table import REDIS


class Usage(NamedTuple):
    """What shutil.disk_usage returns."""

    total: int
    used: int
    free: int


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.component: check for check in found}


def test_this_python_is_the_right_one() -> None:
    assert checks.python().health is Health.OK


def test_another_python_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    check = checks.python()
    assert check.health is Health.BAD
    assert "3.11" in check.remedy


def test_the_packages_are_found_with_their_versions() -> None:
    found = list(checks.packages())
    assert all(check.health is Health.OK and check.found[0].isdigit() for check in found)


def test_a_missing_package_says_to_run_the_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PACKAGES", ("no-such-package",))
    assert next(checks.packages()) == Check("no-such-package", Health.BAD, "", "Run `make setup`.")


def test_a_redis_server_is_found_with_its_version(settings: CliSettings) -> None:
    check = checks.redis(settings)
    assert check.health is Health.OK
    assert check.found[0].isdigit()


def test_without_a_redis_server_it_says_what_to_do(
    settings: CliSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    check = checks.redis(settings)
    assert check.health is Health.BAD
    assert "DRAGOMAN_REDIS_URL" in check.remedy


def test_a_redis_of_the_user_must_answer_and_its_url_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    check = checks.redis(CliSettings())
    assert check.health is Health.BAD
    assert "secret" not in str(check)


def test_missing_models_say_how_to_pull_them(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("DRAGOMAN_MODELS_DIR", str(tmp_path))
    found = list(checks.models(CliSettings()))
    assert {check.health for check in found} == {Health.BAD}
    assert all("dragoman models pull lite" in check.remedy for check in found)


@pytest.mark.models
def test_pulled_models_are_verified(settings: CliSettings) -> None:
    assert {check.health for check in checks.models(settings)} == {Health.OK}


def test_disk_space_is_looked_at_where_the_state_will_be(settings: CliSettings) -> None:
    assert not settings.home.exists()
    assert checks.disk(settings).found.endswith("GB free")


def test_a_full_disk_says_what_to_do(settings: CliSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(10**9, 10**9, 0))
    check = checks.disk(settings)
    assert check.health is Health.BAD
    assert "DRAGOMAN_HOME" in check.remedy


def test_the_admin_key_comes_with_the_first_start(settings: CliSettings) -> None:
    assert checks.admin_key(settings).health is Health.IDLE


@pytest.mark.parametrize(("mode", "health"), [(0o600, Health.OK), (0o644, Health.BAD), (0o640, Health.BAD)])
def test_the_admin_key_is_for_its_owner_only(settings: CliSettings, mode: int, health: Health) -> None:
    settings.home.mkdir()
    file = settings.home / "admin.key"
    file.write_text("secret")
    file.chmod(mode)
    check = checks.admin_key(settings)
    assert check.health is health
    assert "secret" not in str(check)
    assert ("chmod 600" in check.remedy) is (health is Health.BAD)


def test_a_stopped_stack_with_free_ports_is_not_bad(settings: CliSettings) -> None:
    assert {check.health for check in checks.components(settings)} == {Health.IDLE}


def test_a_port_taken_by_another_program_names_the_setting_to_change(settings: CliSettings) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", settings.http_port))
        somebody.listen()
        check = by_name(list(checks.components(settings)))["gateway"]
    assert check.health is Health.BAD
    assert "DRAGOMAN_HTTP_PORT" in check.remedy


def test_a_component_that_runs_and_answers_is_well(settings: CliSettings) -> None:
    stack = Stack(settings, ((REDIS,),))
    stack.up(lambda _name, _state: None)
    try:
        check = by_name(list(checks.components(settings)))["redis"]
    finally:
        stack.down(lambda _name, _state: None)
    assert check.health is Health.OK
    assert str(settings.redis_port) in check.found


def test_the_doctor_prints_a_line_for_each_and_fails_when_one_is_bad(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("DRAGOMAN_MODELS_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    for name in ("python", "celery", "redis-server", "whisper-base-int8", "disk", "admin key", "gateway"):
        assert any(line.startswith(name) for line in result.output.splitlines())
    assert "Traceback" not in result.output
