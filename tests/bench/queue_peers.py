"""Three ways to hand tasks to workers: the ledger with its stage workers, bare Celery, and a Redis list."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from services.shared.artifacts.store import open_store
from services.shared.ledger.records import Child, Node, Output
from services.shared.tasks import DECODE, SEGMENT, TRANSLATE
from tests.bench import echo_worker, plane
from tests.bench.plane import Plane
from tests.faults.member import Member

# A task's payload of at most so many bytes is in the unit itself; a larger one is an artifact.
_INLINE_BYTES: Final = 1_000
_CHANNELS: Final = 100
_GRAPH: Final = (Node(DECODE, "job"), Node(SEGMENT, "channel"), Node(TRANSLATE, "region"))
# Of a worker of any kind.
SLOTS: Final = echo_worker.CONCURRENCY


class Peer(ABC):
    """Workers of one kind, and the means to give them tasks.

    Args:
        up: Where they run.
    """

    command: tuple[str, ...]

    def __init__(self, up: Plane) -> None:
        self.up = up
        self.workers: list[Member] = []
        self._count = itertools.count()

    def start(self) -> None:
        """Start one more worker."""
        self.workers.append(self.up.start(*self.command))

    def stop(self) -> None:
        """End all workers, and forget them."""
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def prepare(self, batches: int) -> None:  # noqa: B027 - most need not
        """Get ready for so many calls of `send`."""

    @abstractmethod
    def send(self, sizes_bytes: Sequence[int]) -> list[str]:
        """Give the workers tasks with payloads of these sizes; return their names."""

    def name(self) -> str:
        """Return a new task's name."""
        return f"task {next(self._count)}"

    def completions(self) -> dict[str, list[float]]:
        """Return when each task was done, by the workers' logs (seconds since 1970)."""
        done: dict[str, list[float]] = defaultdict(list)
        for line in _lines(self.workers):
            if line.get("event") == "unit" and line["outcome"] == "done":
                done[line["unit"]].append(datetime.fromisoformat(line["timestamp"]).timestamp())
        return done

    def count_done(self) -> int:
        """Return how many tasks are done so far."""
        return len(self.completions())


class Service(Peer):
    """Regions of calls; sending them is what the completion of the stage before does."""

    command = (plane.WORKER, "translation", str(SLOTS))

    def __init__(self, up: Plane) -> None:
        super().__init__(up)
        self.jobs: list[str] = []
        self._before = 0

    def prepare(self, batches: int) -> None:
        """Have as many channels ready, whose completion makes regions."""
        self._before = self.up.done(TRANSLATE)
        self.jobs.clear()
        while batches > 0:
            channels = min(batches, _CHANNELS)
            batches -= channels
            self.jobs.append(self.up.submit("bench", "decode", _GRAPH, {}))
            children = [Child(f"c{number}", {}) for number in range(channels)]
            self.up.play("codec", lambda _, children=children: children)  # type: ignore[misc]  # bound here

    def send(self, sizes_bytes: Sequence[int]) -> list[str]:
        """Complete a channel."""
        claim = self.up.ledger.claim("asr")
        assert claim is not None
        children = [
            Child(f"{claim.index}r{number}", self._payload(size)) for number, size in enumerate(sizes_bytes)
        ]
        self.up.send(self.up.ledger.complete(claim, Output({}, tuple(children))))
        return [f"{claim.job}:{TRANSLATE}:{child.index}" for child in children]

    def count_done(self) -> int:
        """Return what the ledger counts."""
        return self.up.done(TRANSLATE) - self._before

    def attempts(self) -> list[int]:
        """Return how often each unit that is done was claimed."""
        units = (unit for job in self.jobs for unit in self.up.ledger.units(job, TRANSLATE))
        return [unit.attempt for unit in units if unit.state == "done"]

    def _payload(self, size_bytes: int) -> dict[str, str]:
        if size_bytes <= _INLINE_BYTES:
            return {"filler": "x" * size_bytes}
        key = f"bench/inputs/{size_bytes}"
        store = open_store(self.up.settings)
        if not store.exists(key):
            store.put(key, b"x" * size_bytes)
        return {"input": key}


class Celery(Peer):
    """Celery tasks that do nothing; the payload is in the message."""

    command = ("tests.bench.echo_worker", "celery")

    def send(self, sizes_bytes: Sequence[int]) -> list[str]:
        """Send messages."""
        names = [self.name() for _ in sizes_bytes]
        for name, size in zip(names, sizes_bytes, strict=True):
            self.up.app.send_task(
                echo_worker.QUEUE, args=(name, "x" * size), queue=echo_worker.QUEUE, retry=False
            )
        return names


class Raw(Peer):
    """Elements of a Redis list that a loop pushes onto another list."""

    command = ("tests.bench.echo_worker", "raw")

    def send(self, sizes_bytes: Sequence[int]) -> list[str]:
        """Push onto the list."""
        names = [self.name() for _ in sizes_bytes]
        for name, size in zip(names, sizes_bytes, strict=True):
            task = json.dumps({"task": name, "filler": "x" * size})
            self.up.redis.lpush(echo_worker.TASKS, task)
        return names


def _lines(workers: Iterable[Member]) -> Iterator[dict[str, Any]]:
    for worker in workers:
        for text in worker.log_since(0):
            if text.startswith("{") and text.endswith("}"):
                yield json.loads(text)
