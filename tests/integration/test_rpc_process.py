"""A model server as a process: it serves, drains on SIGTERM, and says so when it cannot start."""

from __future__ import annotations

import signal

import pytest

from services.shared.config import Settings
from services.shared.errors import Unavailable
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.translator import ask
from tests.support.waiting import until

MODULE = "tests.support.translator"


def answers(port: int) -> bool:
    """Say whether a server answers by now."""
    try:
        return ask(port, "hello") == "HELLO"
    except Unavailable:
        return False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_server_serves_until_it_is_told_to_end(ending: signal.Signals) -> None:
    port = free_port()
    with process(Settings(translation_port=port), MODULE) as running:
        until(lambda: answers(port))
        running.send_signal(ending)
        assert running.wait(30) == 0


def test_a_server_whose_model_does_not_load_ends_with_an_error() -> None:
    with process(Settings(translation_port=free_port()), MODULE, "broken") as running:
        assert running.wait(30) == 1


def test_a_server_whose_port_is_taken_ends_with_an_error() -> None:
    port = free_port()
    with process(Settings(translation_port=port), MODULE):
        until(lambda: answers(port))
        with process(Settings(translation_port=port), MODULE) as second:
            assert second.wait(30) == 1
        assert answers(port)
