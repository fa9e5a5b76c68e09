"""The embedded stack, with tiny real processes: up, found up, half dead, down, and what stands in its way."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.settings import CliSettings
from services.cli.stack import process, table
from services.cli.stack.embedded import Stack
from services.cli.stack.table import REDIS, WAVES, Component
from services.shared.errors import Conflict, Misconfigured, Timeout, Unavailable
from services.shared.tasks import SERVICES

CHILD = "tests.unit.cli.children"
TINY = ((Component("first", CHILD),), (Component("second", CHILD), Component("third", CHILD)))


class Said:
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, state: str) -> None:
        self.lines.append((name, state))


@pytest.fixture
def stack(settings: CliSettings) -> Iterator[Stack]:
    stack = Stack(settings, TINY)
    yield stack
    stack.down(Said())


def alive(stack: Stack) -> list[str]:
    return [component.name for component in stack.components if stack.find(component)]


def pids(stack: Stack) -> list[int]:
    return [running.pid for component in stack.components if (running := stack.find(component))]


def test_up_starts_everything_and_says_so(stack: Stack) -> None:
    said = Said()
    assert stack.up(said)
    assert alive(stack) == ["first", "second", "third"]
    assert said.lines == [("first", "ready"), ("second", "ready"), ("third", "ready")]


def test_up_again_finds_it_up_and_starts_nothing(stack: Stack) -> None:
    stack.up(Said())
    before = pids(stack)
    assert not stack.up(Said())
    assert pids(stack) == before


def test_another_command_finds_and_ends_what_one_started(stack: Stack, settings: CliSettings) -> None:
    stack.up(Said())
    other = Stack(settings, TINY)
    assert alive(other) == ["first", "second", "third"]
    assert other.down(Said())
    assert alive(stack) == []


def test_down_goes_the_other_way_round_and_leaves_no_pid_file(stack: Stack, settings: CliSettings) -> None:
    stack.up(Said())
    said = Said()
    assert stack.down(said)
    assert said.lines == [("second", "stopped"), ("third", "stopped"), ("first", "stopped")]
    assert list((settings.home / "run").glob("*.pid")) == []


def test_down_with_nothing_running_says_so(stack: Stack) -> None:
    said = Said()
    assert not stack.down(said)
    assert said.lines == []


def test_down_ends_only_what_up_started(stack: Stack) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        place = stack.place(stack.components[0])
        place.pid_file.parent.mkdir(parents=True)
        place.pid_file.write_text(f'{{"pid": {stranger.pid}, "identity": "an earlier process"}}')
        assert not stack.down(Said())
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_one_that_does_not_drain_is_killed_and_reported(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CHILD", "stubborn")
    environment.setenv("DRAGOMAN_DRAIN_S", "0")
    environment.setattr("services.cli.stack.embedded._EXIT_S", 0.3)
    stack, said = Stack(CliSettings(), TINY[:1]), Said()
    stack.up(Said())
    _wait_for_log(stack, "ready")
    stack.down(said)
    assert said.lines == [("first", "killed")]
    assert alive(stack) == []


def test_a_half_dead_stack_is_named_and_repaired_by_down_and_up(stack: Stack) -> None:
    stack.up(Said())
    victim = stack.find(stack.components[1])
    assert victim is not None
    victim.kill()
    with pytest.raises(Conflict, match="second ended") as caught:
        stack.up(Said())
    assert caught.value.code == "half_up"
    stack.down(Said())
    assert stack.up(Said())
    assert alive(stack) == ["first", "second", "third"]


def test_an_early_exit_names_the_component_and_shows_its_last_words(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CHILD", "crashing")
    unready = Component("never-ready", CHILD, "asr_port", "asr")
    stack = Stack(CliSettings(), ((unready,),))
    with pytest.raises(Unavailable, match=r"never-ready ended.*\n(.*\n)*the model file is gone") as caught:
        stack.up(Said())
    assert caught.value.code == "component_ended"


def test_a_stack_that_fails_to_start_is_stopped_again(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_UP_TIMEOUT_S", "0.2")
    never_ready = Component("never-ready", CHILD, "asr_port", "asr")
    stack = Stack(CliSettings(), (*TINY, (never_ready,)))
    with pytest.raises(Timeout, match="never-ready") as caught:
        stack.up(Said())
    assert caught.value.code == "start_timeout"
    assert "DRAGOMAN_UP_TIMEOUT_S" in caught.value.detail
    assert alive(stack) == []


def test_a_taken_port_is_noticed_before_anything_starts(settings: CliSettings) -> None:
    stack = Stack(settings, (*TINY, (Component("asr-server", CHILD, "asr_port", "asr"),)))
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", settings.asr_port))
        somebody.listen()
        with pytest.raises(Misconfigured, match="DRAGOMAN_ASR_PORT") as caught:
            stack.up(Said())
    assert caught.value.code == "port_in_use"
    assert not list((settings.home / "log").iterdir())


def test_a_redis_of_the_user_that_does_not_answer_is_an_error(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable) as caught:
        Stack(CliSettings(), TINY).up(Said())
    assert caught.value.code == "redis_unavailable"


def test_the_redis_password_reaches_the_others_through_the_environment(settings: CliSettings) -> None:
    stack = Stack(settings, ((REDIS,), *TINY))
    stack.up(Said())
    try:
        _wait_for_log(stack, "redis known: True")
        password = (settings.home / "redis" / "password").read_text()
        for component in stack.components:
            running = stack.find(component)
            assert running is not None
            assert password not in Path(f"/proc/{running.pid}/cmdline").read_text()
            assert password not in stack.place(component).log_tail(1000)
    finally:
        stack.down(Said())


def test_every_process_gets_ports_of_its_own_for_metrics_and_health(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_METRICS_PORT", "9100")
    environment.setenv("DRAGOMAN_HEALTH_PORT", "9200")
    stack = Stack(CliSettings(), TINY)
    stack.up(Said())
    try:
        _wait_for_log(stack, "child is ready")
        said = [stack.place(component).log_tail().partition("\n")[0] for component in stack.components]
    finally:
        stack.down(Said())
    assert said == [f"metrics at 910{n}, health at 920{n}" for n in range(3)]


def test_temporary_files_of_an_earlier_run_are_no_obstacle(stack: Stack, settings: CliSettings) -> None:
    left = settings.home / "tmp" / "left"
    left.mkdir(parents=True)
    stack.up(Said())
    assert not left.exists()
    assert stat.S_IMODE(left.parent.stat().st_mode) == 0o700


def test_two_commands_at_once_do_not_start_it_twice(stack: Stack, settings: CliSettings) -> None:
    def meanwhile(_name: str, _state: str) -> None:
        with pytest.raises(Conflict) as caught:
            Stack(settings, TINY).up(Said())
        assert caught.value.code == "busy"

    assert stack.up(meanwhile)


def test_a_folder_called_services_where_the_user_stands_is_not_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for package in (tmp_path / "services", tmp_path / "tests"):
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit('the wrong package')")
    monkeypatch.chdir(tmp_path)
    assert stack.up(Said())
    _wait_for_log(stack, "child is ready")


def test_the_table_names_every_process_once_and_redis_first() -> None:
    components = [component for wave in WAVES for component in wave]
    names = [component.name for component in components]
    assert len(names) == len(set(names)) == 1 + 2 * len(SERVICES) + 2
    assert names[0] == "redis"
    assert {component.service for component in components if component.service} == set(SERVICES)
    assert {component.module for component in components if component.service} == {
        f"services.{name}.server" for name in SERVICES
    }


def test_every_port_of_the_table_is_a_setting(settings: CliSettings) -> None:
    for component in Stack(settings).components:
        if component.port_setting is not None:
            assert getattr(settings, component.port_setting) > 0
            assert component.port_variable == f"DRAGOMAN_{component.port_setting.upper()}"


def test_only_redis_is_no_python_module() -> None:
    assert [c.name for wave in WAVES for c in wave if c.module is None] == [table.REDIS.name]


def test_two_homes_keep_their_files_apart(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    places = []
    for name in ("one", "two"):
        environment.setenv("DRAGOMAN_HOME", str(tmp_path / name))
        stack = Stack(CliSettings())
        places.append({stack.place(component).pid_file for component in stack.components})
    assert places[0].isdisjoint(places[1])


def _wait_for_log(stack: Stack, text: str) -> None:
    for component in stack.components:
        if component.module is not None:
            running = process.find(stack.place(component))
            assert running is not None
            for _ in range(400):
                if text in stack.place(component).log_tail() or running.wait(0.05):
                    break
            assert text in stack.place(component).log_tail(), sys.executable
