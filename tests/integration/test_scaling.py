"""Sizes are decided on a real ledger, by one copy at a time, and stand where every process can read them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis
from prometheus_client import CollectorRegistry

from protos.v1 import tts_pb2, tts_pb2_grpc
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.jobs import abilities
from services.gateway.scaling.board import Board
from services.gateway.scaling.duty import Scaling
from services.gateway.scaling.measure import SPEEDS
from services.gateway.scaling.planner import State
from services.gateway.scaling.publication import Published, ServiceScale
from services.gateway.scaling.settings import ScalingSettings
from services.gateway.storage.answers import RedisAnswers
from services.shared.errors import Unavailable
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect
from services.shared.rpc.client import Channels
from services.shared.tasks import MODEL_STAGES, SERVICES, SYNTHESIZE
from tests.support.calls import fields, new_job, play
from tests.support.processes import RECONCILER, process
from tests.support.waiting import until
from tests.unit.gateway.world import Abilities

MINUTE_MS = 60_000


class Told(Abilities):
    """Model services that say how many slots they have, unless they are away."""

    def __init__(self) -> None:
        self.away = False
        self.slots = 3
        self.batch = 0

    def asr(self) -> abilities.AsrCapabilities:
        if self.away:
            raise Unavailable("Speech recognition is away.")
        return replace(super().asr(), slots=self.slots, batch=self.batch)


class Desk:
    """A copy of the duty, and what it needs."""

    def __init__(self, ledger: Ledger, connection: redis.Redis, prefix: str, **settings: object) -> None:
        self.ledger = ledger
        self.told = Told()
        self.board = Board(connection, prefix)
        chosen = ScalingSettings.model_validate({"scaling_interval_s": 0.01, **settings})
        self.duty = Scaling(ledger, self.board, self.told, chosen)
        self.published = Published(self.board, ledger.now, 60)

    def decide(self) -> dict[str, ServiceScale]:
        """Decide as soon as it is this copy's turn; return what is published then."""
        until(self.duty.step)
        return {each.service: each for each in self.published()}


@pytest.fixture
def connection(redis_url: str) -> Iterator[redis.Redis]:
    """Redis, as the gateway's own values are kept in it."""
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def prefix(ledger: Ledger) -> str:
    """The prefix of the ledger's keys."""
    return ledger._prefix


@pytest.fixture
def desk(ledger: Ledger, connection: redis.Redis, prefix: str) -> Desk:
    """The duty on an empty ledger."""
    return Desk(ledger, connection, prefix)


def submit(ledger: Ledger, count: int, audio_ms: int = 10 * MINUTE_MS) -> None:
    for _ in range(count):
        ledger.submit(replace(new_job(f"job_{uuid.uuid4().hex}"), audio_ms=audio_ms))


def test_an_idle_installation_keeps_nothing_but_what_looks_at_files(desk: Desk) -> None:
    found = desk.decide()
    assert {name: each.desired_replicas for name, each in found.items()} == {
        "asr": 0, "translation": 0, "tts": 0, "codec": 1,
    }  # fmt: skip
    assert {each.backlog_ms for each in found.values()} == {0}


def test_calls_that_wait_to_be_decoded_warm_up_all_that_comes_after(desk: Desk) -> None:
    submit(desk.ledger, 20)
    found = desk.decide()
    assert found["codec"].backlog_ms == 20 * 10 * MINUTE_MS
    assert found["asr"].backlog_ms == 0
    sizes = {name: each.desired_replicas or 0 for name, each in found.items()}
    assert sizes["tts"] == 10, "as many as the settings allow"
    assert sizes["asr"] > sizes["translation"] >= 1
    assert all(each.desired_workers for each in found.values())


def test_more_slots_per_replica_ask_for_fewer_replicas(desk: Desk) -> None:
    submit(desk.ledger, 6)
    few = desk.decide()["asr"]
    desk.board.write(State())
    desk.told.slots = 12
    many = desk.decide()["asr"]
    assert (few.slots, many.slots) == (3, 12)
    assert (many.desired_replicas or 0) < (few.desired_replicas or 0)


def test_batches_ask_for_workers_that_fill_them_and_for_no_more_replicas(desk: Desk) -> None:
    submit(desk.ledger, 6)
    single = desk.decide()["asr"]
    desk.board.write(State())
    desk.told.batch = 8
    batched = desk.decide()["asr"]
    assert batched.desired_replicas == single.desired_replicas
    assert (batched.desired_workers or 0) > (single.desired_workers or 0)


def test_a_service_that_never_answered_is_started_once(desk: Desk) -> None:
    desk.told.away = True
    asr = desk.decide()["asr"]
    assert (asr.desired_replicas, asr.reason, asr.slots) == (1, "unknown", 2)


def test_speed_is_measured_from_what_the_ledger_counted(desk: Desk) -> None:
    before = desk.decide()["asr"].speed
    submitted = desk.ledger.submit(replace(new_job(), audio_ms=MINUTE_MS))
    play(desk.ledger, submitted)
    assert fields(desk.ledger)["open"] == "0"
    counts = desk.ledger.stages()
    assert counts[MODEL_STAGES[0]]["done_ms"] == MINUTE_MS
    # Nobody served these units, so they say nothing about speed.
    assert desk.decide()["asr"].speed == before
    key = f"{desk.ledger._prefix}stages"
    desk.ledger._redis.hincrby(key, "asr.transcribe:done_ms", 3_600_000)
    desk.ledger._redis.hincrby(key, "asr.transcribe:served_ms", 360_000)
    after = desk.board.read
    desk.decide()
    assert after().measured.stages["asr.transcribe"].speed == pytest.approx(10, rel=0.1)


def test_of_several_copies_one_decides_in_an_interval(
    ledger: Ledger, connection: redis.Redis, prefix: str
) -> None:
    desks = [Desk(ledger, connection, prefix, scaling_interval_s=60) for _ in range(3)]
    assert [each.duty.step() for each in desks] == [True, False, False]


def test_another_copy_goes_on_where_one_was_lost(desk: Desk, connection: redis.Redis, prefix: str) -> None:
    submit(desk.ledger, 20)
    first = desk.decide()
    measured = desk.board.read().measured
    second = Desk(desk.ledger, connection, prefix)
    assert second.board.read().measured == measured
    again = second.decide()
    assert {name: each.desired_replicas for name, each in again.items()} == {
        name: each.desired_replicas for name, each in first.items()
    }
    assert second.board.read().plans["tts"].decision.past.since_s == measured.at_s


@pytest.mark.parametrize("value", ["", "not json", '{"version": 0}', '{"version": 1, "plans": {}}', "[]"])
def test_a_board_that_nobody_can_read_is_started_anew(
    desk: Desk, connection: redis.Redis, prefix: str, value: str
) -> None:
    connection.set(f"{prefix}scaling", value)
    assert desk.published() == ()
    assert desk.decide()["codec"].desired_replicas == 1
    assert json.loads(str(connection.get(f"{prefix}scaling")))["version"] == 1


def test_an_old_decision_is_shown_without_its_sizes(desk: Desk) -> None:
    submit(desk.ledger, 1)
    fresh = desk.decide()["tts"]
    later = Published(desk.board, lambda: datetime.now(UTC) + timedelta(seconds=61), 60)
    old = {each.service: each for each in later()}["tts"]
    assert old == replace(fresh, desired_replicas=None, desired_workers=None, reason="stale")


def test_the_gauges_say_what_was_decided_and_fall_silent_with_it(desk: Desk) -> None:
    submit(desk.ledger, 1)
    desk.decide()
    registry = CollectorRegistry()
    registry.register(desk.published)
    labels = {"service": "codec"}
    assert registry.get_sample_value("dragoman_backlog_seconds", labels) == 600
    assert registry.get_sample_value("dragoman_desired_replicas", labels) == 1
    assert registry.get_sample_value("dragoman_desired_workers", labels) == 1
    assert registry.get_sample_value("dragoman_stage_speed", {"stage": SYNTHESIZE}) == SPEEDS[SYNTHESIZE]
    desk.published._stale_s = -1
    assert registry.get_sample_value("dragoman_backlog_seconds", labels) == 600
    assert registry.get_sample_value("dragoman_desired_replicas", labels) is None


def test_a_redis_that_is_away_publishes_nothing(desk: Desk) -> None:
    desk.decide()
    gone = connect("redis://127.0.0.1:1/0", retries=0)
    assert Published(Board(gone, "d:"), desk.ledger.now, 60)() == ()
    gone.close()


def test_the_duty_outlives_an_outage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, failures = threading.Event(), iter([ConnectionError(), ConnectionError()])

    def step() -> None:
        error = next(failures, None)
        if error is None:
            ended.set()
        else:
            raise error

    monkeypatch.setattr(desk.duty, "step", step)
    desk.duty.run(ended)
    assert ended.is_set()


def test_a_reconciler_process_decides(redis_url: str, tmp_path: Path) -> None:
    prefix = f"test-{uuid.uuid4().hex}:"
    settings = ScalingSettings(
        redis_url=redis_url, home=tmp_path, key_prefix=prefix, scaling_interval_s=0.1, asr_port=1,
        translation_port=1, tts_port=1, codec_port=1,
    )  # fmt: skip
    connection = connect(redis_url)
    board = Board(connection, prefix)
    with process(settings, RECONCILER):
        until(lambda: set(board.read().plans) == set(SERVICES))
        decided_s = board.read().measured.at_s
        until(lambda: board.read().measured.at_s != decided_s)
    connection.close()


class Tts(tts_pb2_grpc.TtsServicer):
    """A speech synthesis that only says what it can do."""

    def GetCapabilities(self, request: object, context: object) -> tts_pb2.TtsCapabilities:  # noqa: N802 - gRPC's name
        voices = [tts_pb2.Voice(name="dora", language_code="pt-BR")]
        return tts_pb2.TtsCapabilities(voices=voices, slots=7)

    def Synthesize(self, request: object, context: object) -> Any:  # noqa: N802 - gRPC's name
        raise NotImplementedError  # nobody here speaks: only what it can do is asked


@contextmanager
def speaking() -> Iterator[int]:
    """Run it; yield its port."""
    server = grpc.server(ThreadPoolExecutor(2))
    tts_pb2_grpc.add_TtsServicer_to_server(Tts(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_what_a_service_said_is_known_to_a_gateway_that_starts_while_it_has_no_server(
    connection: redis.Redis, prefix: str
) -> None:
    with speaking() as port:
        channels = Channels(lambda _: f"127.0.0.1:{port}")
        told = GrpcCapabilities(channels, RedisAnswers(connection, prefix), 30, 5).tts()
        channels.close()
    assert (told.slots, told.voices) == (7, (abilities.Voice("dora", "pt-BR"),))
    channels = Channels(lambda _: "127.0.0.1:1")
    later = GrpcCapabilities(channels, RedisAnswers(connection, prefix), 30, 5)
    assert later.tts() == told
    with pytest.raises(Unavailable):
        later.asr()
    channels.close()


def test_answers_that_cannot_be_kept_are_given_all_the_same() -> None:
    gone = connect("redis://127.0.0.1:1/0", retries=0)
    answers = RedisAnswers(gone, "d:")
    answers.put("tts", b"x")
    assert answers.get("tts") is None
    gone.close()
