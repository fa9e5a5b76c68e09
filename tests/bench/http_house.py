"""A gateway on a core of its own, with all else on the others, for as long as a benchmark runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from services.gateway.settings import GatewaySettings
from tests.bench.http_load import HOST
from tests.support import redis_server
from tests.support.gateway_house import Specs, serving
from tests.support.redis_server import free_port
from tests.support.waiting import until

_ALL: Final = sorted(os.sched_getaffinity(0))
GATEWAY: Final = "services.gateway.app"
RECONCILER: Final = "services.gateway.reconciler"


@dataclass(frozen=True, slots=True)
class House:
    """A gateway that answers.

    Attributes:
        settings: Its own.
        gateway: Its process.
        key: The administrator's.
        log: What every process writes.
    """

    settings: GatewaySettings
    gateway: psutil.Process
    key: str
    log: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.settings.http_port

    @contextmanager
    def process(self, module: str, *arguments: str, **changes: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run another process of the installation, with some settings changed."""
        with started(self.settings.model_copy(update=changes), self.log, module, *arguments) as running:
            yield running


@contextmanager
def house(specs: Specs, **settings: Any) -> Iterator[House]:
    """Run a gateway, with model servers in this process; no limit of requests is in the way."""
    with ExitStack() as ends:
        ends.enter_context(on(other_cores()))
        home = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        targets: dict[str, Any] = dict(ends.enter_context(serving(specs)))
        chosen = GatewaySettings(
            home=home,
            redis_url=ends.enter_context(redis_server.running(home)),
            http_port=free_port(),
            gateway_requests_per_minute=10**9,
            gateway_max_backlog_jobs=10**7,
            gateway_max_tenant_backlog_jobs=10**7,
            **targets,
            **settings,
        )
        with on(first_core()):
            running = ends.enter_context(started(chosen, home / "log", GATEWAY))
        until(lambda: listens(chosen.http_port))
        key = chosen.admin_key_file.read_text().strip()
        yield House(chosen, psutil.Process(running.pid), key, home / "log")


@contextmanager
def started(
    settings: GatewaySettings, log: Path, module: str, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module as a process with these settings, its output in a file."""
    given = settings.model_dump(exclude_unset=True)
    environment = {f"DRAGOMAN_{name.upper()}": str(value) for name, value in given.items()}
    with log.open("ab") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
        )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


def listens(port: int) -> bool:
    """Say whether anybody takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextmanager
def on(cores: Collection[int]) -> Iterator[None]:
    """Run on some cores what is begun inside: this thread, and the threads and processes that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def first_core() -> set[int]:
    """Return the core of what is measured."""
    return {_ALL[0]}


def other_cores() -> set[int]:
    """Return the cores of all else; on a machine with one core, that one."""
    return set(_ALL[1:] or _ALL)
