"""`dragoman up --autoscale`: further servers and workers come, serve and go, and no unit is lost by it."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from services.cli.stack.process import identity_of
from services.gateway.scaling.board import Board
from services.gateway.scaling.measure import Measured
from services.gateway.scaling.planner import Plan, State
from services.gateway.scaling.policy import Decision
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect
from services.shared.tasks import SERVICES
from tests.integration.test_stack import Installation
from tests.support.redis_server import free_port
from tests.support.waiting import until

TEXT = ("--kind", "text_translation", "--text", "Good morning", "--from", "en", "--to", "pt-BR")
REQUIRED = 12
STEP = 10


def free_block() -> int:
    """Return a port that is free, as is the one STEP above it."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port + STEP)) != 0:
                return port


class Scaled(Installation):
    """An installation whose sizes a test decides, in place of the reconciler."""

    def take_over(self) -> None:
        """Hold the lock under which a reconciler would decide."""
        until(lambda: self.ledger().lock("scaling", 3600, "test"))

    def ledger(self) -> Ledger:
        password = (self.home / "redis" / "password").read_text().strip()
        url = f"redis://:{password}@127.0.0.1:{self.environment['DRAGOMAN_REDIS_PORT']}/0"
        return Ledger(connect(url), "dragoman:")

    def decide(self, replicas: Mapping[str, int], workers: Mapping[str, int]) -> None:
        ledger = self.ledger()
        plans = {
            service: Plan(
                service, 0, 1, 2, Decision(replicas.get(service, 0), workers.get(service, 0), "test")
            )
            for service in SERVICES
        }
        Board(ledger._redis, "dragoman:").write(State(Measured(ledger.now().timestamp()), plans))

    def runs(self, name: str) -> bool:
        file = self.home / "run" / f"{name}.pid"
        if not file.exists():
            return False
        found = json.loads(file.read_text())
        return bool(identity_of(found["pid"]) == found["identity"])

    def pid(self, name: str) -> int:
        return int(json.loads((self.home / "run" / f"{name}.pid").read_text())["pid"])

    def served(self, server: str) -> int:
        """Return how many texts a translation server has translated."""
        return (self.home / "log" / f"{server}.log").read_text().count('Translation/Translate", "code": "ok"')

    def get(self, path: str) -> Any:
        """Ask the gateway for a document."""
        url = f"http://127.0.0.1:{self.environment['DRAGOMAN_HTTP_PORT']}{path}"
        key = (self.home / "admin.key").read_text().strip()
        return httpx.get(url, headers={"X-API-Key": key}, trust_env=False).raise_for_status().json()

    def translate(self, count: int) -> list[str]:
        """Submit texts all at once; return their jobs."""
        url = f"http://127.0.0.1:{self.environment['DRAGOMAN_HTTP_PORT']}"
        key = (self.home / "admin.key").read_text().strip()
        spec = {
            "kind": "text_translation",
            "text": "Good morning",
            "source_language": "en",
            "target_language": "pt",
        }
        with httpx.Client(base_url=url, headers={"X-API-Key": key}, trust_env=False) as http:
            return [
                str(http.post("/v1/jobs", json=spec).raise_for_status().json()["id"]) for _ in range(count)
            ]

    def states(self, jobs: list[str]) -> set[str]:
        ledger = self.ledger()
        return {(ledger.job(job) or {})["state"] for job in jobs}

    def misfortunes(self, jobs: list[str]) -> int:
        """Count the failures and losses of the jobs' units."""
        ledger = self.ledger()
        units = [unit.unit for job in jobs for unit in ledger.units(job)]
        found = [ledger._redis.hmget(f"dragoman:unit:{unit}", "failures", "losses") for unit in units]
        return sum(int(count or 0) for pair in found for count in pair)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    """A stack that is up, with a scaler."""
    home = tmp_path_factory.mktemp("stack") / "home"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
    ports = {f"DRAGOMAN_{name}_PORT": str(free_port()) for name in ("REDIS", "HTTP")}
    ports |= {f"DRAGOMAN_{service.upper()}_PORT": str(free_block()) for service in SERVICES}
    engines = {f"DRAGOMAN_{room}_ENGINES": "fake" for room in ("ASR", "TRANSLATION", "TTS")}
    knobs = {
        "DRAGOMAN_HOME": str(home), "DRAGOMAN_DRAIN_S": "5",
        "DRAGOMAN_AUTOSCALE_REPLICAS": "2", "DRAGOMAN_AUTOSCALE_CORES": "64",
        "DRAGOMAN_AUTOSCALE_RESERVE_BYTES": "0", "DRAGOMAN_AUTOSCALE_INTERVAL_S": "0.2",
        "DRAGOMAN_SCALING_STALE_S": "3600",
    }  # fmt: skip
    installation = Scaled(home, {**inherited, **ports, **engines, **knobs})
    up = installation.dragoman("up", "--autoscale")
    try:
        assert up.returncode == 0, up.stderr
        installation.take_over()
        yield installation
    finally:
        installation.dragoman("down")


def test_with_every_further_address_dead_no_call_fails(stack: Scaled) -> None:
    stack.decide({}, {})
    until(lambda: not stack.runs("translation-server-2"))
    jobs = stack.translate(30)
    until(lambda: stack.states(jobs) == {"succeeded"})
    assert stack.misfortunes(jobs) == 0
    status = stack.dragoman("status")
    assert status.returncode == 0, status.stdout
    assert len(status.stdout.splitlines()[1:]) == REQUIRED


def test_a_second_server_and_worker_come_and_both_serve(stack: Scaled) -> None:
    stack.decide({"translation": 2}, {"translation": 2})
    until(lambda: stack.runs("translation-server-2") and stack.runs("translation-worker-2"))

    def both() -> bool:
        jobs = stack.translate(10)
        until(lambda: stack.states(jobs) == {"succeeded"})
        assert stack.misfortunes(jobs) == 0
        return stack.served("translation-server-2") > 0

    before = stack.served("translation-server")
    until(both)
    assert stack.served("translation-server") > before
    status = stack.dragoman("status")
    assert status.returncode == 0
    (line,) = [line for line in status.stdout.splitlines() if line.startswith("translation-server-2")]
    assert int(line.split()[-1]) == int(stack.environment["DRAGOMAN_TRANSLATION_PORT"]) + STEP


def test_a_server_and_a_worker_that_go_under_load_lose_nothing(stack: Scaled) -> None:
    stack.decide({"translation": 2}, {"translation": 2})
    until(lambda: stack.runs("translation-server-2") and stack.runs("translation-worker-2"))
    jobs = stack.translate(20)
    stack.decide({"translation": 1}, {"translation": 1})
    while stack.runs("translation-server-2") or stack.runs("translation-worker-2"):
        jobs += stack.translate(5)
    until(lambda: stack.states(jobs) == {"succeeded"})
    assert stack.misfortunes(jobs) == 0
    until(lambda: not (stack.home / "run" / "translation-server-2.pid").exists())


def test_a_server_that_dies_is_started_again(stack: Scaled) -> None:
    stack.decide({"asr": 2}, {})
    until(lambda: stack.runs("asr-server-2"))
    died = stack.pid("asr-server-2")
    os.kill(died, signal.SIGKILL)
    until(lambda: stack.runs("asr-server-2") and stack.pid("asr-server-2") != died)


def test_a_killed_scaler_is_seen_and_what_it_started_goes_down_with_the_rest(stack: Scaled) -> None:
    stack.decide({"asr": 2, "tts": 2}, {})
    until(lambda: stack.runs("asr-server-2") and stack.runs("tts-server-2"))
    os.kill(stack.pid("scaler"), signal.SIGKILL)
    status = stack.dragoman("status")
    assert status.returncode == 1
    assert [line.split()[1] for line in status.stdout.splitlines() if line.startswith("scaler")] == [
        "stopped"
    ]
    assert stack.runs("asr-server-2"), "work goes on without it"
    pids = stack.pids()
    assert stack.dragoman("down").returncode == 0
    assert [identity_of(pid) for pid in pids] == [None] * len(pids)
    assert stack.pids() == []
    up = stack.dragoman("up", "--autoscale")
    assert up.returncode == 0, up.stderr


def test_the_reconciler_of_the_stack_decides_and_the_gateway_publishes_it(stack: Scaled) -> None:
    stack.ledger()._redis.delete("dragoman:lock:scaling")

    def decided() -> bool:
        found = stack.get("/v1/stages")["scaling"]
        return {each["reason"] for each in found}.isdisjoint({"test", "stale"}) and len(found) == len(
            SERVICES
        )

    until(decided)
    assert {each["service"]: each["slots"] for each in stack.get("/v1/stages")["scaling"]} == {
        "asr": 2, "translation": 1, "tts": 2, "codec": 2,
    }  # fmt: skip
