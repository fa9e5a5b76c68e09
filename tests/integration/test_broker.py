"""Hints reach a real Celery worker through a real Redis, and whatever becomes of them, units get done."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import make_celery, queued_hints, send_hints
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect
from services.shared.tasks import DECODE, Hint
from tests.support import redis_server, worker
from tests.support.calls import audit, instant, new_job, states
from tests.support.processes import WORKER, process
from tests.support.waiting import until

QUEUE = "codec"
HINT = Hint(QUEUE)


@dataclass
class Plant:
    """An installation of Redis, a ledger and a store, to which workers are added."""

    settings: Settings
    ledger: Ledger
    app: Celery

    @property
    def artifacts(self) -> LocalArtifacts:
        """Where the workers store."""
        return LocalArtifacts(self.settings.artifacts_dir)

    def submit(self, *, hold: bool = False) -> tuple[str, list[Hint]]:
        """Submit a job that decodes and encodes; return its id and its hints, not sent yet."""
        job = f"job_{uuid.uuid4().hex}"
        submitted = self.ledger.submit(replace(new_job(job, "encode"), spec={"hold": hold}))
        return job, list(submitted.hints)

    def send(self, hints: list[Hint]) -> None:
        """Send hints as every process does."""
        send_hints(self.app, hints)

    def start(self, *, hold: bool = False) -> str:
        """Submit a job and send its hint."""
        job, hints = self.submit(hold=hold)
        self.send(hints)
        return job

    def done(self, job: str) -> bool:
        """Say whether every unit of a job is done."""
        return set(states(self.ledger, job).values()) == {"done"}

    def held(self, job: str) -> bool:
        """Say whether a worker is at a job's first unit."""
        return self.artifacts.exists(f"acme/{job}/{DECODE}/job.1/started")

    def release(self, job: str) -> None:
        """Let a held job go on."""
        self.artifacts.put(worker.go_key("acme", job), b"")

    def waiting(self) -> int:
        """Return how many hints lie in the queue."""
        return queued_hints(self.app)[QUEUE]


def plant_on(url: str, home: Path) -> Plant:
    settings = Settings(redis_url=url, home=home, key_prefix=f"test-{uuid.uuid4().hex}:")
    ledger = instant(Ledger(connect(url), settings.key_prefix))
    return Plant(settings, ledger, make_celery(settings, "test"))


def closed(plant: Plant) -> None:
    plant.app.close()
    plant.app.pool.force_close_all()
    plant.ledger._redis.close()


@pytest.fixture(scope="module")
def plant(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant with one worker of two threads."""
    made = plant_on(redis_url, tmp_path_factory.mktemp("plant"))
    with process(made.settings, WORKER):
        yield made
    closed(made)


@pytest.fixture
def own_plant(redis_url: str, tmp_path: Path) -> Iterator[Plant]:
    """A plant without a worker."""
    made = plant_on(redis_url, tmp_path)
    yield made
    closed(made)


def test_a_hint_makes_a_worker_do_a_whole_job(plant: Plant) -> None:
    job = plant.start()
    until(lambda: plant.done(job))
    assert plant.artifacts.get(f"acme/{job}/{DECODE}/job.1/output") == f"{job}:{DECODE}:job".encode()
    assert plant.waiting() == 0


def test_a_hint_sent_many_times_makes_one_attempt(plant: Plant) -> None:
    job, hints = plant.submit()
    plant.send(hints * 8)
    until(lambda: plant.done(job) and plant.waiting() == 0)
    assert [(unit.output or {})["attempt"] for unit in plant.ledger.units(job)] == [1, 1]


def test_any_hint_will_do_in_place_of_a_lost_one(plant: Plant) -> None:
    job, _lost = plant.submit()
    plant.send([HINT])
    until(lambda: plant.done(job))


def test_hints_that_wait_are_counted(own_plant: Plant) -> None:
    assert queued_hints(own_plant.app) == dict.fromkeys(("asr", "translation", "tts", "codec"), 0)
    own_plant.send([HINT, HINT, Hint("tts")])
    assert queued_hints(own_plant.app) == {"asr": 0, "translation": 0, "tts": 1, "codec": 2}


class Trap:
    """Runs a command wherever it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how to make it again: by touching a file."""
        return (Path.touch, (self.sprung,))


def test_a_pickled_message_is_thrown_away_unopened(plant: Plant, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "sprung")
    plant.app.send_task(QUEUE, args=[trap], queue=QUEUE, serializer="pickle")
    job = plant.start()
    until(lambda: plant.done(job) and plant.waiting() == 0)
    assert not trap.sprung.exists()


@pytest.mark.parametrize("arguments", [["codec.decode"], [{"a": 1}], [1, 2, 3]])
def test_a_malformed_hint_harms_nobody(plant: Plant, arguments: list[object]) -> None:
    plant.app.send_task(QUEUE, args=arguments, queue=QUEUE)
    plant.app.send_task("codec.dance", args=arguments, queue=QUEUE)
    job = plant.start()
    until(lambda: plant.done(job) and plant.waiting() == 0)


def test_a_worker_finishes_its_unit_before_it_ends(own_plant: Plant) -> None:
    with process(own_plant.settings, WORKER) as running:
        job = own_plant.start(hold=True)
        until(lambda: own_plant.held(job))
        running.send_signal(signal.SIGTERM)
        own_plant.release(job)
        assert running.wait(60) == 0
    assert own_plant.ledger.units(job)[0].state == "done"
    audit(own_plant.ledger, [job])


def test_a_worker_that_may_wait_no_longer_hands_its_unit_back(own_plant: Plant) -> None:
    hasty = own_plant.settings.model_copy(update={"drain_s": 0.1})
    with process(hasty, WORKER) as running:
        job = own_plant.start(hold=True)
        until(lambda: own_plant.held(job))
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    assert own_plant.ledger.units(job)[0].state == "ready"
    own_plant.send([HINT])
    own_plant.release(job)
    with process(own_plant.settings, WORKER):
        until(lambda: own_plant.done(job))
    audit(own_plant.ledger, [job])


def test_the_unit_of_a_killed_worker_is_done_by_another(own_plant: Plant) -> None:
    with process(own_plant.settings, WORKER):
        job = own_plant.start(hold=True)
        until(lambda: own_plant.held(job))
    unit = own_plant.ledger.units(job)[0].unit
    own_plant.ledger._redis.zadd(own_plant.ledger._key("due"), {unit: 0})  # its lease has run out
    due = own_plant.ledger.due(100)
    assert due.expired == 1
    own_plant.release(job)
    with process(own_plant.settings, WORKER):
        own_plant.send(list(due.hints))
        until(lambda: own_plant.done(job))
    assert (own_plant.ledger.units(job)[0].output or {})["attempt"] == 2
    audit(own_plant.ledger, [job])


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_worker_survives_a_restart_of_redis(tmp_path: Path, *, busy: bool) -> None:
    port = redis_server.free_port()
    with ExitStack() as until_the_end:
        with redis_server.running(tmp_path, port) as url:
            plant = plant_on(url, tmp_path / "home")
            until_the_end.callback(closed, plant)
            running = until_the_end.enter_context(process(plant.settings, WORKER))
            first = plant.start(hold=busy)
            until(lambda: plant.held(first) if busy else plant.done(first))
        with redis_server.running(tmp_path, port):
            plant.release(first)
            until(lambda: again(plant, first))
            second = plant.start()
            until(lambda: again(plant, second))
            assert running.poll() is None


def again(plant: Plant, job: str) -> bool:
    """Say whether a job is done; look at what is due first, as the reconciler does."""
    plant.send([*plant.ledger.due(100).hints, HINT])
    return plant.done(job)


def test_hints_are_lost_quietly_while_the_broker_is_away_and_flow_when_it_is_back(tmp_path: Path) -> None:
    port = redis_server.free_port()
    plant = plant_on(f"redis://127.0.0.1:{port}/0", tmp_path)
    plant.send([HINT] * 50)
    with redis_server.running(tmp_path, port):
        plant.send([HINT] * 3)
        assert plant.waiting() == 3
        closed(plant)
