"""Probes hear from each process whether it is ready and whether it lives, and a Redis outage ends neither."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.gateway import reconciler
from services.shared import probe
from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import make_celery, send_hints
from services.shared.config import Settings
from services.shared.errors import Unavailable
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect
from services.shared.rpc import health as probes
from services.shared.tasks import Hint
from tests.support import redis_server
from tests.support.calls import begin, new_job
from tests.support.fragile import HOLD, MODULE
from tests.support.processes import RECONCILER, WORKER, process
from tests.support.redis_server import free_port
from tests.support.translator import ask, health
from tests.support.waiting import until
from tests.support.worker import go_key


def says(settings: Settings, name: str = "") -> str:
    """Return what a process says of itself; "away" while nobody answers."""
    assert settings.health_port is not None
    try:
        return health(settings.health_port, name)
    except grpc.RpcError:
        return "away"


def both(settings: Settings) -> tuple[str, str]:
    return says(settings), says(settings, "liveness")


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    prefix = f"test-{uuid.uuid4().hex}:"
    return Settings(home=tmp_path, redis_url=redis_url, key_prefix=prefix, health_port=free_port())


def test_a_model_server_lives_before_its_model_is_loaded(tmp_path: Path) -> None:
    settings = Settings(translation_port=free_port(), health_port=free_port())
    with process(settings, MODULE, "loading", str(tmp_path / "diary")):
        until(lambda: both(settings) == ("NOT_SERVING", "SERVING"))


def test_a_model_server_is_ready_until_it_drains(tmp_path: Path) -> None:
    settings = Settings(translation_port=free_port(), health_port=free_port())
    diary = tmp_path / "diary"
    with process(settings, MODULE, "serving", str(diary)) as running:
        until(lambda: both(settings) == ("SERVING", "SERVING"))
        call = threading.Thread(target=ask_in_vain, args=(settings.translation_port,))
        call.start()
        until(diary.exists)
        running.send_signal(signal.SIGTERM)
        until(lambda: both(settings) == ("NOT_SERVING", "SERVING"))
        assert running.poll() is None
        running.kill()
        call.join(30)


def ask_in_vain(port: int) -> None:
    with pytest.raises(Unavailable):
        ask(port, HOLD)


def test_a_worker_is_ready_once_it_takes_hints_and_until_it_is_told_to_end(settings: Settings) -> None:
    ledger = Ledger(connect(settings.redis_url), settings.key_prefix)
    begin(ledger, replace(new_job(kind="decode"), spec={"hold": True}))
    with process(settings, WORKER) as running:
        until(lambda: both(settings) == ("SERVING", "SERVING"))
        send_hints(make_celery(settings, "test"), [Hint("codec")])
        until(lambda: ledger.units("job_1")[0].state == "leased")
        running.send_signal(signal.SIGTERM)
        until(lambda: both(settings) == ("NOT_SERVING", "SERVING"))
        LocalArtifacts(settings.artifacts_dir).put(go_key("acme", "job_1"), b"")
        assert running.wait(30) == 0
    assert ledger.units("job_1")[0].state == "done"


def test_no_process_is_ended_because_redis_is_away(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    alone = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})
    other = alone.model_copy(update={"health_port": free_port()})
    with process(alone, WORKER) as running, process(other, RECONCILER) as mending:
        until(lambda: both(alone) == ("NOT_SERVING", "SERVING"))
        until(lambda: both(other) == ("SERVING", "SERVING"))
        with redis_server.running(tmp_path, port):
            until(lambda: both(alone) == ("SERVING", "SERVING"))
        for _ in range(20):
            assert both(alone) == both(other) == ("SERVING", "SERVING")
        assert running.poll() is mending.poll() is None


def test_a_reconciler_lives_while_its_loop_comes_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "_INTERVAL_S", 0)
    entered, go_on, ended = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    class Away:
        """A ledger whose Redis does not answer until the test lets it say so."""

        def wait_for_work(self, _most_s: float) -> None:
            entered.release()
            assert go_on.acquire(timeout=30)
            raise ConnectionError

    nothing: Any = None
    ledger: Any = Away()
    one = reconciler.Reconciler(ledger, nothing)
    loop = threading.Thread(target=one.run, args=(ended,))
    loop.start()
    assert entered.acquire(timeout=30)
    assert one.alive
    one._pulse._beaten_s -= reconciler._HANGS_S
    assert not one.alive
    go_on.release()
    until(lambda: one.alive)
    ended.set()
    go_on.release()
    loop.join(30)


def test_two_processes_cannot_share_a_health_port(settings: Settings) -> None:
    with (
        probes.serving(settings, lambda: True, lambda: True),
        pytest.raises(Unavailable, match="DRAGOMAN_HEALTH_PORT") as caught,
        probes.serving(settings, lambda: True, lambda: True),
    ):
        pytest.fail("both listen")
    assert caught.value.code == "port_in_use"


def test_without_a_port_nothing_is_served(settings: Settings) -> None:
    without = settings.model_copy(update={"health_port": None})
    with probes.serving(without, pytest.fail, pytest.fail):
        assert says(settings) == "away"


def test_who_asks_for_another_name_is_told_so(settings: Settings) -> None:
    assert settings.health_port is not None
    with probes.serving(settings, lambda: True, lambda: True), pytest.raises(grpc.RpcError, match="liveness"):
        health(settings.health_port, "readyness")


@contextmanager
def environment(settings: Settings, patch: pytest.MonkeyPatch) -> Iterator[None]:
    with patch.context() as inside:
        for name, value in settings.model_dump(exclude_unset=True).items():
            inside.setenv(f"DRAGOMAN_{name.upper()}", str(value))
        yield


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("alive", [True, False])
def test_the_probe_exits_as_the_process_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ready: bool, alive: bool
) -> None:
    with (
        environment(settings, monkeypatch),
        probes.serving(settings, lambda: ready, lambda: alive),
    ):
        assert probe.main([]) == probe.main(["readiness"]) == int(not ready)
        assert probe.main(["liveness"]) == int(not alive)


def test_the_probe_says_what_is_wrong_in_a_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with environment(settings, monkeypatch):
        assert probe.main([]) == 1
    assert capsys.readouterr().out == (
        f"readiness: no answer from 127.0.0.1:{settings.health_port} (UNAVAILABLE)\n"
    )
    monkeypatch.delenv("DRAGOMAN_HEALTH_PORT", raising=False)
    assert probe.main(["liveness"]) == 1
    assert (
        capsys.readouterr().out == "liveness: DRAGOMAN_HEALTH_PORT is not set, so nobody answers; set it.\n"
    )
    assert probe.main(["health"]) == probe.main(["liveness", "http"]) == 2


def test_the_probe_gives_up_on_a_process_that_does_not_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "_TIMEOUT_S", 0.2)
    never = threading.Event()
    with environment(settings, monkeypatch), probes.serving(settings, never.wait, never.wait):
        assert probe.main([]) == 1
        assert "DEADLINE_EXCEEDED" in capsys.readouterr().out
        never.set()


@pytest.mark.parametrize("status", [200, 503])
def test_the_probe_asks_the_gateway_whether_it_is_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    asked: list[str] = []

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as served:
        threading.Thread(target=served.serve_forever).start()
        monkeypatch.setenv("DRAGOMAN_HTTP_PORT", str(served.server_port))
        assert probe.main(["http"]) == int(status != 200)
        served.shutdown()
    assert asked == ["/readyz?of=gateway"]
    assert capsys.readouterr().out == f"http: HTTP {status}\n"
    assert probe.main(["http"]) == 1
    assert "ConnectionRefusedError" in capsys.readouterr().out


def test_the_probe_is_light(settings: Settings) -> None:
    code = (
        "import sys, services.shared.probe as p; c = p.main(['liveness']); print(*sys.modules); sys.exit(c)"
    )
    variables = {**os.environ, "DRAGOMAN_HEALTH_PORT": str(settings.health_port)}
    with probes.serving(settings, lambda: False, lambda: True):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    line, modules = done.stdout.splitlines()
    assert line == "liveness: SERVING"
    assert not {"celery", "redis", "fastapi", "prometheus_client", "opentelemetry"}.intersection(
        modules.split()
    )
