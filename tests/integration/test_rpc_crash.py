"""What a caller learns when a model server dies, drains or never loads; every server here is a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.shared import errors
from services.shared.config import Settings
from services.shared.rpc import client
from tests.support.fragile import DIE, HOLD, MODULE, speak
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.translator import health
from tests.support.waiting import until

Ask = Callable[[grpc.Channel, str], str]


def translate(channel: grpc.Channel, text: str) -> str:
    stub = translation_pb2_grpc.TranslationStub(channel)
    request = translation_pb2.TranslateRequest(texts=[text])
    return client.call(lambda: stub.Translate(request, timeout=30)).translations[0].text


@dataclass
class Fragile:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    diary: Path

    @property
    def begun(self) -> list[str]:
        return self.diary.read_text().split() if self.diary.exists() else []

    def listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@contextmanager
def fragile(diary: Path, mode: str = "serving", drain_s: float = 20.0) -> Iterator[Fragile]:
    settings = Settings(translation_port=free_port(), drain_s=drain_s)
    with process(settings, MODULE, mode, str(diary)) as running:
        server = Fragile(running, settings.translation_port, diary)
        if mode == "serving":
            until(lambda: server.listens() and health(server.port) == "SERVING")
        yield server


@contextmanager
def opened(*servers: Fragile) -> Iterator[grpc.Channel]:
    with client.channel("ipv4:" + ",".join(f"127.0.0.1:{each.port}" for each in servers)) as channel:
        yield channel


def asking(ask: Ask, channel: grpc.Channel, text: str) -> Future[str]:
    """Ask in a thread that cannot hold the test up, should the call never end."""
    answer: Future[str] = Future()

    def run() -> None:
        try:
            answer.set_result(ask(channel, text))
        except Exception as error:  # noqa: BLE001 - the future hands it on
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer


def caught_from(answer: Future[str]) -> errors.DragomanError:
    with pytest.raises(errors.DragomanError) as caught:
        answer.result(60)
    return caught.value


both_kinds = pytest.mark.parametrize("ask", [translate, speak])


@both_kinds
def test_a_call_that_kills_its_server_is_a_lost_connection_and_is_not_repeated(ask: Ask, diary: Path) -> None:
    with fragile(diary) as first, fragile(diary) as second, opened(first, second) as channel:
        assert type(caught_from(asking(ask, channel, DIE))) is errors.ConnectionLost
        assert first.begun == [DIE], "the channel must leave it to the ledger whether a call runs again"


@both_kinds
def test_a_server_that_is_killed_during_a_call_is_a_lost_connection(ask: Ask, diary: Path) -> None:
    with fragile(diary) as server, opened(server) as channel:
        answer = asking(ask, channel, HOLD)
        until(lambda: server.begun)
        server.process.kill()
        error = caught_from(answer)
        assert type(error) is errors.ConnectionLost
        assert error.retryable


@both_kinds
def test_a_server_that_was_killed_before_the_call_is_unavailable(ask: Ask, diary: Path) -> None:
    with fragile(diary) as server, opened(server) as channel:
        assert asking(ask, channel, "hello").result(60) == "HELLO"
        server.process.kill()
        server.process.wait(30)
        assert type(caught_from(asking(ask, channel, "again"))) is errors.Unavailable


def test_a_stream_from_a_server_that_had_not_begun_ends_when_that_is_killed(diary: Path) -> None:
    with fragile(diary, "silent") as server, opened(server) as channel:
        until(server.listens)
        answer = asking(speak, channel, HOLD)
        until(lambda: server.begun)
        server.process.kill()
        assert type(caught_from(answer)) is errors.Unavailable


@both_kinds
def test_a_call_that_outlives_the_drain_of_its_server_is_unavailable(ask: Ask, diary: Path) -> None:
    with fragile(diary, drain_s=0.2) as server, opened(server) as channel:
        answer = asking(ask, channel, HOLD)
        until(lambda: server.begun)
        server.process.send_signal(signal.SIGTERM)
        error = caught_from(answer)
        assert (type(error), error.code) == (errors.Unavailable, "draining")
        assert server.process.wait(30) == 0


@both_kinds
def test_a_server_that_ends_beside_another_one_costs_no_call(ask: Ask, diary: Path) -> None:
    texts = [f"call{number}" for number in range(400)]
    with (
        fragile(diary) as leaving,
        fragile(diary) as staying,
        opened(leaving, staying) as channel,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = [pool.submit(ask, channel, text) for text in texts]
        until(lambda: len(leaving.begun) > 40)
        leaving.process.send_signal(signal.SIGTERM)
        assert [answer.result(60) for answer in answers] == [text.upper() for text in texts]
        assert leaving.process.wait(30) == 0
        assert sorted(leaving.begun) == sorted(texts)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_while_its_model_loads_ends_at_once(
    ending: signal.Signals, diary: Path
) -> None:
    with fragile(diary, "loading") as server:
        until(server.listens)
        assert health(server.port) == "NOT_SERVING"
        server.process.send_signal(ending)
        assert server.process.wait(30) == 0
