"""The job plane by itself, for as long as a benchmark runs: Redis, workers without models, a reconciler."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import redis

from services.gateway.jobs.ids import new_job_id
from services.shared.broker import make_celery, send_hints
from services.shared.config import Settings
from services.shared.ledger.ledger import open_ledger
from services.shared.ledger.records import Child, Claim, NewJob, Node, Output
from services.shared.redis_url import client as connect
from services.shared.tasks import Hint
from tests.faults.member import Member
from tests.support import redis_server
from tests.support.waiting import until

WORKER: Final = "tests.bench.plane_worker"
RECONCILER: Final = "services.gateway.reconciler"
_START_S: Final = 60.0
_SENT: Final = "dragoman_sent_hints_total"


class Plane:
    """A Redis that is up, the processes that were started on it, and this process's means to give them work.

    Args:
        home: Folder of its state.
        url: Of its Redis.
        lease_s: Of the workers' units.
    """

    def __init__(self, home: Path, url: str, lease_s: float) -> None:
        self.settings = Settings(home=home, redis_url=url, key_prefix="bench:", lease_s=lease_s)
        self.ledger = open_ledger(self.settings)
        self.redis: redis.Redis = connect(url)
        self.app = make_celery(self.settings, "bench")
        self.members: list[Member] = []
        self._sent = 0

    def start(self, module: str, *arguments: str) -> Member:
        """Start a process on this plane; it has a port for its metrics."""
        name = f"{module.rpartition('.')[2]}-{len(self.members)}"
        given = self.settings.model_dump(include={"home", "redis_url", "key_prefix", "lease_s"})
        given["metrics_port"] = redis_server.free_port()
        environment = {f"DRAGOMAN_{field.upper()}": str(value) for field, value in given.items()}
        command = (sys.executable, "-m", module, *arguments)
        member = Member(name, command, {**os.environ, **environment}, self.settings.home / f"{name}.log")
        member.start()
        self.members.append(member)
        return member

    def await_idle(self, workers: int) -> None:
        """Wait until so many workers wait for hints; no hint may be queued."""
        until(lambda: self._alive() and self._listeners() >= workers, _START_S)

    def submit(self, tenant: str, kind: str, graph: tuple[Node, ...], spec: dict[str, Any]) -> str:
        """Submit a batch job as the gateway does; return its id."""
        new = NewJob(new_job_id(), tenant, kind, "batch", graph, {"kind": kind, **spec})
        submitted = self.ledger.submit(new)
        self.send(submitted.hints)
        return submitted.job

    def play(self, service: str, children: Callable[[Claim], Sequence[Child]]) -> None:
        """Be the worker of a service until nothing of it is ready."""
        while (claim := self.ledger.claim(service)) is not None:
            self.send(self.ledger.complete(claim, Output({}, tuple(children(claim)))))

    def send(self, hints: Sequence[Hint]) -> None:
        """Send hints as the service does."""
        send_hints(self.app, hints)
        self._sent += len(hints)

    def sent_hints(self) -> float:
        """Return how many hints were sent so far, by everybody."""
        return self._sent + self.metric(_SENT)

    def metric(self, name: str) -> float:
        """Return the sum of a counter over all processes."""
        return sum(member.metric(name) for member in self.members)

    def done(self, stage: str) -> int:
        """Return how many units of a stage are done."""
        return self.ledger.stages().get(stage, {}).get("done", 0)

    def redis_cpu_s(self) -> float:
        """Return Redis's processor time so far."""
        cpu: Any = self.redis.info("cpu")
        return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])

    def stop(self) -> None:
        """End every process that is left."""
        for member in self.members:
            member.end()
        self.redis.close()

    def _alive(self) -> bool:
        for member in self.members:
            assert member.alive or not member.wanted, f"{member.name} ended:\n{member.log_tail()}"
        return True

    def _listeners(self) -> int:
        clients: Any = self.redis.client_list()
        return sum(each["cmd"] == "brpop" for each in clients)


def cpu_s(member: Member) -> float:
    """Return a process's processor time so far."""
    times = psutil.Process(member.pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def running(lease_s: float = 30.0) -> Iterator[Plane]:
    """Have a Redis up with nothing on it; no process is left afterwards."""
    with tempfile.TemporaryDirectory() as name, redis_server.running(Path(name)) as url:
        plane = Plane(Path(name), url, lease_s)
        try:
            yield plane
        finally:
            plane.stop()
