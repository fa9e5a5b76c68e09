"""Background processes: started apart, found again, told from strangers, ended with all they left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.stack import process
from services.cli.stack.process import Place, Running

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "tests.unit.cli.children")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("child", tmp_path / "child.pid", tmp_path / "child.log")


@pytest.fixture
def started(place: Place) -> Iterator[list[Running]]:
    children: list[Running] = []
    yield children
    for child in children:
        child.kill()


def start(place: Place, behaviour: str = "obedient") -> Running:
    child = process.start(place, COMMAND, {**os.environ, "CHILD": behaviour, "PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 60
    while child.alive() and "child is ready" not in place.log_tail() and time.monotonic() < deadline:
        time.sleep(0.02)
    return child


def test_a_started_process_is_alive_and_found_through_its_pid_file(
    place: Place, started: list[Running]
) -> None:
    child = start(place)
    started.append(child)
    found = process.find(place)
    assert child.alive()
    assert found is not None
    assert (found.pid, found.identity, found.alive()) == (child.pid, child.identity, True)


def test_it_leads_a_process_group_of_its_own(place: Place, started: list[Running]) -> None:
    child = start(place)
    started.append(child)
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_it_ends_on_sigterm(place: Place) -> None:
    child = start(place)
    child.terminate()
    assert child.wait(60)
    assert not child.alive()


def test_one_that_ignores_sigterm_is_still_there_and_is_killed(place: Place) -> None:
    child = start(place, "stubborn")
    child.terminate()
    assert not child.wait(0.3)
    child.kill()
    assert not child.alive()


def test_killing_takes_along_what_it_started(place: Place) -> None:
    child = start(place, "parent")
    grandchild = int(place.log_tail().split("grandchild ")[1].split()[0])
    assert process.identity_of(grandchild) is not None
    child.terminate()
    child.wait(60)
    child.kill()
    deadline = time.monotonic() + 60
    while process.identity_of(grandchild) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.identity_of(grandchild) is None


def test_a_later_process_with_the_same_pid_is_not_taken_for_it(place: Place, started: list[Running]) -> None:
    child = start(place)
    started.append(child)
    place.pid_file.write_text(json.dumps({"pid": child.pid, "identity": "another boot:12345"}))
    stranger = process.find(place)
    assert stranger is not None
    assert not stranger.alive()
    stranger.terminate()
    assert child.alive(), "a stranger must not be ended"


@pytest.mark.parametrize("content", ["", "17", "{}", '{"pid": "x", "identity": "y"}', '{"pid": 1'])
def test_a_damaged_pid_file_names_nobody(place: Place, content: str) -> None:
    place.pid_file.write_text(content)
    assert process.find(place) is None


def test_no_pid_file_names_nobody(place: Place) -> None:
    assert process.find(place) is None


def test_a_zombie_does_not_count_as_running() -> None:
    child = subprocess.Popen(["true"])
    try:
        deadline = time.monotonic() + 60
        while process.identity_of(child.pid) is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.identity_of(child.pid) is None
    finally:
        child.wait()


def test_a_process_keeps_its_identity_and_no_two_share_one(place: Place, started: list[Running]) -> None:
    child = start(place)
    started.append(child)
    assert process.identity_of(child.pid) == child.identity
    assert process.identity_of(os.getpid()) != child.identity


def test_the_log_holds_what_it_said_and_the_run_before_is_kept(place: Place) -> None:
    for _ in range(2):
        start(place, "crashing").wait(60)
    assert place.log_tail().splitlines()[-1] == "the model file is gone"
    assert place.log_tail(1) == "the model file is gone"
    assert "the model file is gone" in place.log_file.with_suffix(".log.1").read_text()


def test_a_log_that_is_not_there_has_no_last_lines(place: Place) -> None:
    assert place.log_tail() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_end_is_not_disturbed_and_afterwards_signals_count_again(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda given, _frame: heard.append(given))
    try:
        with process.undisturbed():
            signal.raise_signal(number)
        assert heard == []
        signal.raise_signal(number)
        assert heard == [number]
    finally:
        signal.signal(number, before)
