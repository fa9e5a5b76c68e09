"""What the ledger and its workers cost per stage task, next to a bare Celery no-op on the same Redis."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import redis

from services.shared.broker import make_celery, send_hints
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import NewJob, Node
from services.shared.redis_url import client as connect
from services.shared.tasks import Hint
from tests.bench import noop_worker as worker
from tests.bench.report import Bars, Result, Row, spread
from tests.support import redis_server

_JOBS: Final = 25
_TASKS: Final = _JOBS * worker.UNITS_PER_JOB
_PASSES: Final = 5
_SINGLES: Final = 300
_PRIORITY: Final = "batch"
_POLL_S: Final = 0.002
_GIVE_UP_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Burst:
    """Many tasks sent at once, from the first hint to the last task done.

    Attributes:
        wall_s: Time it took.
        worker_cpu_s: Processor time of the worker.
        sender_cpu_s: Processor time of this process, which sends the first hints.
        redis_cpu_s: Processor time of Redis.
        commands: Redis commands, those inside scripts too.
        scripts: Calls of scripts.
    """

    wall_s: float
    worker_cpu_s: float
    sender_cpu_s: float
    redis_cpu_s: float
    commands: int
    scripts: int

    @property
    def cpu_s(self) -> float:
        """Processor time of all three."""
        return self.worker_cpu_s + self.sender_cpu_s + self.redis_cpu_s


class Peer(ABC):
    """A worker process, and this process's means to give it tasks.

    Args:
        kind: "service" or "bare".
        settings: Where Redis is, and a prefix of this peer's own.
    """

    def __init__(self, kind: str, settings: Settings) -> None:
        self.app = make_celery(settings, worker.SERVICE)
        self.redis: redis.Redis = connect(settings.redis_url)
        self.prefix = settings.key_prefix
        variables = settings.model_dump(include={"redis_url", "key_prefix", "home", "log_level"})
        environment = {f"DRAGOMAN_{name.upper()}": str(value) for name, value in variables.items()}
        with (settings.home / f"{kind}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.noop_worker", kind],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End the worker."""
        self.process.terminate()
        self.process.wait(30)
        self.redis.close()

    @abstractmethod
    def flood(self) -> None:
        """Send _TASKS tasks as fast as can be and return when the last one is done."""

    @abstractmethod
    def single_ms(self) -> float:
        """Send one task to the idle worker; return the time until it is known to be done."""

    def send(self, hints: Sequence[Hint]) -> None:
        """Send hints as the service does."""
        send_hints(self.app, hints)

    def wait(self, over: Callable[[], bool]) -> None:
        """Wait until `over()`, as long as the worker lives."""
        deadline = time.monotonic() + _GIVE_UP_S
        while not over():
            assert self.process.poll() is None, "the worker ended"
            assert time.monotonic() < deadline, "the worker hangs"
            time.sleep(_POLL_S)

    def burst(self) -> Burst:
        """Measure a flood."""
        child = psutil.Process(self.process.pid)
        before, began = _counters(self.redis), time.perf_counter()
        worker_s, sender_s = sum(child.cpu_times()[:2]), time.process_time()
        self.flood()
        wall_s = time.perf_counter() - began
        worker_s, sender_s = sum(child.cpu_times()[:2]) - worker_s, time.process_time() - sender_s
        redis_s, commands, scripts = (
            now - then for now, then in zip(_counters(self.redis), before, strict=True)
        )
        return Burst(wall_s, worker_s, sender_s, redis_s, int(commands), int(scripts))


class Bare(Peer):
    """A Celery task that does nothing."""

    def flood(self) -> None:
        """Wait until the queue is empty and nothing is unacknowledged."""
        for _ in range(_TASKS):
            self._send(worker.NOOP)
        queue = f"{self.prefix}celery:{worker.SERVICE}"
        unacked = f"{self.prefix}celery:unacked.{worker.SERVICE}"
        self.wait(lambda: not self.redis.llen(queue) and not self.redis.hlen(unacked))

    def single_ms(self) -> float:
        """Time a task that answers through a list."""
        began = time.perf_counter()
        self._send(worker.ECHO)
        self.wait(lambda: self.redis.blpop([worker.ECHOES], timeout=1) is not None)
        return (time.perf_counter() - began) * 1000

    def _send(self, task: str) -> None:
        self.app.send_task(task, queue=worker.SERVICE, retry=False)


class Service(Peer):
    """Units of jobs with the shape of a two-channel call."""

    def __init__(self, kind: str, settings: Settings) -> None:
        super().__init__(kind, settings)
        self.ledger = Ledger(self.redis, settings.key_prefix)

    def flood(self) -> None:
        """Submit _JOBS jobs; wait until no unit is open."""
        for _ in range(_JOBS):
            self.send(self._submit(worker.GRAPH))
        finishing = f"{self.prefix}finishing"
        self.wait(lambda: self.redis.zcard(finishing) == _JOBS)
        self.redis.delete(finishing, f"{self.prefix}wake")

    def single_ms(self) -> float:
        """Time a job of one unit, without its submission."""
        hints = self._submit((Node(worker.SINGLE, "job"),))
        began = time.perf_counter()
        self.send(hints)
        self.wait(lambda: self.redis.blpop([f"{self.prefix}wake"], timeout=1) is not None)
        elapsed_ms = (time.perf_counter() - began) * 1000
        self.redis.delete(f"{self.prefix}finishing")
        return elapsed_ms

    def _submit(self, graph: tuple[Node, ...]) -> Sequence[Hint]:
        job = NewJob(f"job_{uuid.uuid4().hex}", "bench", "bench", _PRIORITY, graph, {})
        return self.ledger.submit(job).hints


def run() -> Result:
    """Measure both peers in interleaved passes."""
    with _peers() as (bare, service):
        for peer in (bare, service):
            peer.flood()
        pairs = [(bare.burst(), service.burst()) for _ in range(_PASSES)]
        singles = [(bare.single_ms(), service.single_ms()) for _ in range(_SINGLES)]
    rates = {
        "bare Celery no-op": [_TASKS / bare.wall_s for bare, _ in pairs],
        "stage tasks": [_TASKS / service.wall_s for _, service in pairs],
    }
    return Result(
        "control_plane",
        (
            *(Row(name, "tasks/s", spread(values)) for name, values in rates.items()),
            Row("rate over bare rate", "ratio", spread([b.wall_s / s.wall_s for b, s in pairs]), ">= 0.5"),
            Row("the same in processor time", "ratio", spread([b.cpu_s / s.cpu_s for b, s in pairs])),
            Row("one bare task, idle worker", "ms", spread([bare for bare, _ in singles])),
            Row("one stage task, idle worker", "ms", spread([service for _, service in singles])),
            Row("added per stage task", "ms", spread([service - bare for bare, service in singles])),
            *_costs("bare task", [bare for bare, _ in pairs]),
            *_costs("stage task", [service for _, service in pairs]),
        ),
        (Bars("Control plane", "tasks/s", {name: spread(values).median for name, values in rates.items()}),),
        {"tasks_per_pass": _TASKS, "concurrency": worker.CONCURRENCY, "units_per_job": worker.UNITS_PER_JOB},
    )


def _costs(name: str, bursts: list[Burst]) -> Iterator[Row]:
    yield Row(f"{name}: worker CPU", "ms", spread([each.worker_cpu_s * 1000 / _TASKS for each in bursts]))
    yield Row(f"{name}: sender CPU", "ms", spread([each.sender_cpu_s * 1000 / _TASKS for each in bursts]))
    yield Row(f"{name}: Redis CPU", "ms", spread([each.redis_cpu_s * 1000 / _TASKS for each in bursts]))
    yield Row(f"{name}: Redis commands", "count", spread([each.commands / _TASKS for each in bursts]))
    yield Row(f"{name}: of them scripts", "count", spread([each.scripts / _TASKS for each in bursts]))


@contextmanager
def _peers() -> Iterator[tuple[Peer, Peer]]:
    with tempfile.TemporaryDirectory() as name, redis_server.running(Path(name)) as url:
        home = Path(name)
        peers = [
            kind(label, Settings(home=home, redis_url=url, key_prefix=f"{label}:", log_level="info"))
            for label, kind in (("bare", Bare), ("service", Service))
        ]
        try:
            for peer in peers:
                peer.single_ms()
            yield peers[0], peers[1]
        finally:
            for peer in peers:
                peer.stop()


def _counters(client: redis.Redis) -> tuple[float, int, int]:
    """Return Redis's processor seconds, its commands and its script calls so far."""
    cpu, stats = client.info("cpu"), client.info("commandstats")
    assert isinstance(cpu, dict)
    assert isinstance(stats, dict)
    calls = {name: int(each["calls"]) for name, each in stats.items()}
    scripts = calls.get("cmdstat_evalsha", 0)
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"], sum(calls.values()), scripts
