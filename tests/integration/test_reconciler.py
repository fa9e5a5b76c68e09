"""The reconciler mends lost hints and lost workers, and brings every job to its end."""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import pytest

from services.gateway import reconciler
from services.gateway.hints import MissingHints
from services.gateway.jobs.finish import Finisher
from services.gateway.jobs.ids import new_job_id
from services.gateway.jobs.sweep import Sweeper
from services.gateway.outbox import Outbox, measure
from services.gateway.reconciler import Duties, Reconciler
from services.gateway.storage.redis import RedisJobStore
from services.shared import telemetry
from services.shared.artifacts.base import Artifact
from services.shared.artifacts.local import LocalArtifacts
from services.shared.config import Settings
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim, Event, Output
from services.shared.redis_url import client as connect
from services.shared.tasks import DECODE, SERVICES, Hint
from tests.conftest import Logged
from tests.support import redis_server
from tests.support.calls import audit, begin, fields, finishing, hurried, instant, new_job, play, take
from tests.support.processes import RECONCILER, WORKER, process
from tests.support.waiting import until

UNIT = f"job_1:{DECODE}:job"
HINT = Hint("codec")


class Desk:
    """A reconciler with all it needs, the hints that it sent, and a queue that lost every hint before."""

    def __init__(self, ledger: Ledger, folder: Path, sweep_age_s: float = 3600) -> None:
        self.ledger = ledger
        self.artifacts = LocalArtifacts(folder)
        self.sent: list[Hint] = []
        self.queued = dict.fromkeys(SERVICES, 0)
        self.events: list[Event] = []
        store = RedisJobStore(ledger)
        duties = Duties(
            finisher=Finisher(store, self.artifacts),
            missing=MissingHints(ledger.waiting, lambda: self.queued),
            send=self.sent.extend,
            outbox=Outbox(ledger, [measure, self.events.append]),
            sweeper=Sweeper(store, self.artifacts, sweep_age_s),
            sweep_interval_s=0.001,
        )
        self.reconciler = Reconciler(ledger, duties)

    def has_result(self, job: str = "job_1") -> bool:
        """Say whether a result document is stored for a job."""
        return any(each.key.endswith("/result.json") for each in self.artifacts.list(f"acme/{job}/files"))

    def complete(self, job: str = "job_1") -> None:
        """Run a job of one decoding unit up to its end."""
        claim = take(self.ledger, begin(self.ledger, new_job(job, "decode")))
        self.ledger.complete(claim, Output({"duration_ms": 1000}))


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk that looks at what is due at every step."""
    monkeypatch.setattr(reconciler, "_INTERVAL_S", 0)
    monkeypatch.setattr(reconciler, "_AGAIN_MS", 0)
    return Desk(instant(ledger), tmp_path)


def metric(name: str, **labels: str) -> float:
    return telemetry.REGISTRY.get_sample_value(name, labels) or 0


def test_a_lost_hint_is_sent_again_and_counted(desk: Desk) -> None:
    before = metric("dragoman_resent_hints_total", service="codec")
    desk.ledger.submit(new_job())
    desk.reconciler.step()
    assert desk.sent == [], "it may be on its way"
    desk.reconciler.step()
    assert desk.sent == [HINT]
    assert metric("dragoman_resent_hints_total", service="codec") == before + 1


def test_a_long_queue_gets_no_hint_beyond_its_own(desk: Desk) -> None:
    for n in range(100):
        desk.ledger.submit(new_job(f"job_{n}"))
    desk.queued["codec"] = 100
    for _ in range(20):
        desk.reconciler.step()
    assert desk.sent == []
    desk.queued["codec"] = 60
    for _ in range(2):
        desk.reconciler.step()
    assert desk.sent == [HINT] * 40


def test_of_several_copies_one_sends_what_is_missing(ledger: Ledger, desk: Desk, tmp_path: Path) -> None:
    desks = [desk, *(Desk(desk.ledger, tmp_path) for _ in range(2))]
    desk.ledger.submit(new_job())
    for _ in range(2):
        for each in desks:
            each.reconciler.step()
    assert [each.sent for each in desks] == [[HINT], [], []]


def test_a_broker_that_is_away_delays_nothing_else(desk: Desk, logged: Logged) -> None:
    def away() -> dict[str, int]:
        raise ConnectionError

    desk.reconciler._do.missing._queued = away
    take(hurried(desk.ledger), begin(desk.ledger))
    desk.reconciler.step()
    assert desk.sent == [HINT], "the lease that ran out"
    assert [line["event"] for line in logged()] == ["queues not seen"]


def test_litter_of_killed_workers_is_swept_and_counted(desk: Desk, tmp_path: Path) -> None:
    desk = Desk(desk.ledger, tmp_path, sweep_age_s=0)
    before = metric("dragoman_swept_artifacts_total")
    job = new_job_id()
    desk.complete(job)
    half = f"acme/{job}/{DECODE}/job.7/half.wav"
    desk.artifacts.put(half, b"sou")

    def swept() -> bool:
        desk.reconciler.step()
        return not desk.artifacts.exists(half)

    until(swept)
    assert desk.has_result(job)
    assert metric("dragoman_swept_artifacts_total") == before + 1


def test_each_end_of_a_job_is_told_once_when_all_goes_well(desk: Desk) -> None:
    desk.complete()
    for _ in range(3):
        desk.reconciler.step()
    assert [(event.job, event.state) for event in desk.events] == [("job_1", "succeeded")]


def test_an_event_that_was_not_heard_is_told_again_and_holds_up_no_other(desk: Desk, logged: Logged) -> None:
    deaf = {"job_1"}

    def subscriber(event: Event) -> None:
        if event.job in deaf:
            raise ConnectionError
        desk.events.append(event)

    desk.reconciler._do.outbox._subscribers = [subscriber]
    desk.complete("job_1")
    desk.complete("job_2")
    desk.reconciler.step()
    assert [event.job for event in desk.events] == ["job_2"]
    deaf.clear()
    desk.reconciler.step()
    assert [event.job for event in desk.events] == ["job_2", "job_1"]


def test_a_lost_worker_is_noticed_and_counted(desk: Desk) -> None:
    before = metric("dragoman_expired_leases_total")
    take(hurried(desk.ledger), begin(desk.ledger))
    desk.reconciler.step()
    assert desk.sent == [HINT]
    assert metric("dragoman_expired_leases_total") == before + 1
    assert take(desk.ledger, UNIT).attempt == 2


def test_what_is_due_is_looked_at_once_in_an_interval(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "_INTERVAL_S", 3600)
    desk.reconciler._looked_s = time.monotonic()
    desk.ledger.submit(new_job())
    desk.reconciler.step()
    assert desk.sent == []


def test_a_job_with_nothing_left_to_run_ends_with_its_result(desk: Desk) -> None:
    desk.complete()
    desk.reconciler.step()
    assert fields(desk.ledger)["state"] == "succeeded"
    assert desk.has_result()
    assert finishing(desk.ledger) == set()
    audit(desk.ledger, ["job_1"])


def test_a_job_that_lost_its_first_unit_fails_and_says_why(desk: Desk) -> None:
    play(desk.ledger, desk.ledger.submit(new_job()), poison=[UNIT])
    desk.reconciler.step()
    record = fields(desk.ledger)
    assert (record["state"], record["error_code"], record["error_detail"]) == (
        "failed",
        "poison",
        "It cannot be done.",
    )


def test_a_cancelled_job_ends_as_cancelled_and_keeps_no_artifact(desk: Desk) -> None:
    desk.ledger.submit(new_job())
    desk.artifacts.put("acme/job_1/upload", b"sound")
    desk.ledger.cancel("job_1")
    desk.reconciler.step()
    assert fields(desk.ledger)["state"] == "cancelled"
    assert not desk.artifacts.exists("acme/job_1/upload")


def test_a_job_cancelled_while_its_result_is_written_ends_as_cancelled(desk: Desk) -> None:
    class CancelledMeanwhile(LocalArtifacts):
        def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
            desk.ledger.cancel("job_1")
            return super().put(key, data)

    desk.complete()
    finisher = Finisher(RedisJobStore(desk.ledger), CancelledMeanwhile(desk.artifacts._objects.parent))
    finisher.finish("job_1")
    assert fields(desk.ledger)["state"] == "cancelling"
    desk.reconciler.step()
    assert fields(desk.ledger)["state"] == "cancelled"
    assert not desk.has_result()


def test_a_finisher_that_comes_after_the_next_end_changes_nothing(desk: Desk) -> None:
    prompt = Finisher(RedisJobStore(desk.ledger), desk.artifacts)

    class Late(LocalArtifacts):
        def put(self, key: str, data: bytes | Iterable[bytes]) -> Artifact:
            desk.ledger.finish("job_1", "failed", {})
            desk.ledger.retry("job_1")
            prompt.finish("job_1")
            return super().put(key, b"{}")

    desk.complete()
    Finisher(RedisJobStore(desk.ledger), Late(desk.artifacts._objects.parent)).finish("job_1")
    record = fields(desk.ledger)
    (file,) = json.loads(record["files"])
    assert record["state"] == "succeeded"
    assert len(desk.artifacts.get(file["key"])) == file["size_bytes"] > len(b"{}")


def test_a_job_that_cannot_be_finished_now_delays_no_other_and_comes_again(
    desk: Desk, logged: Logged
) -> None:
    desk.complete("job_1")
    desk.complete("job_2")
    blocker = desk.artifacts._objects / "acme" / "job_1"
    blocker.parent.mkdir()
    blocker.write_bytes(b"a file where a folder must be")
    desk.reconciler.step()
    assert fields(desk.ledger, "job_1")["state"] == "running"
    assert fields(desk.ledger, "job_2")["state"] == "succeeded"
    assert [line["error"] for line in logged() if line["event"] == "job not finished"] == ["StorageFailure"]
    blocker.unlink()
    desk.reconciler.step()
    assert fields(desk.ledger, "job_1")["state"] == "succeeded"


def test_three_reconcilers_at_once_end_each_job_once(ledger: Ledger, tmp_path: Path) -> None:
    before = metric("dragoman_job_seconds_count", kind="decode", state="succeeded")
    desks = [Desk(instant(ledger, hold_ms=60_000), tmp_path) for _ in range(3)]
    jobs = [f"job_{n}" for n in range(10)]
    for job in jobs:
        desks[0].complete(job)
    threads = [threading.Thread(target=each.reconciler.step) for each in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {fields(ledger, job)["state"] for job in jobs} == {"succeeded"}
    assert metric("dragoman_job_seconds_count", kind="decode", state="succeeded") == before + len(jobs)


def test_a_reconciler_outlives_a_restart_of_redis(tmp_path: Path) -> None:
    port = redis_server.free_port()
    ended = threading.Event()
    with redis_server.running(tmp_path, port) as url:
        desk = Desk(instant(Ledger(connect(url), "d:")), tmp_path / "home")
        thread = threading.Thread(target=desk.reconciler.run, args=(ended,))
        thread.start()
        desk.complete("job_1")
        until(lambda: fields(desk.ledger, "job_1")["state"] == "succeeded")
    with redis_server.running(tmp_path, port):
        desk.complete("job_2")
        until(lambda: fields(desk.ledger, "job_2")["state"] == "succeeded")
        ended.set()
        thread.join(30)
        assert not thread.is_alive()
        desk.ledger._redis.close()


def test_jobs_whose_every_hint_was_lost_are_done_by_the_processes_together(
    redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, home=tmp_path, key_prefix=f"test-{uuid.uuid4().hex}:")
    ledger = instant(Ledger(connect(redis_url), settings.key_prefix))
    jobs = [f"job_{n}" for n in range(3)]
    for job in jobs:
        ledger.submit(new_job(job, "decode"))
    with process(settings, WORKER), process(settings, RECONCILER) as running:
        until(lambda: {fields(ledger, job)["state"] for job in jobs} == {"succeeded"})
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    audit(ledger, jobs)
    ledger._redis.close()


def test_a_claim_is_what_a_worker_makes_of_a_resent_hint(desk: Desk) -> None:
    desk.ledger.submit(new_job())
    for _ in range(4):
        desk.reconciler.step()
    assert desk.sent == [HINT, HINT]
    claims = [desk.ledger.claim(hint.service) for hint in desk.sent]
    assert [isinstance(claim, Claim) for claim in claims] == [True, False]
