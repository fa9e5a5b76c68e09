"""What the CLI tests share: settings of a home of their own, free ports, a gateway with set answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.cli.settings import CliSettings

PORT_SETTINGS = ("redis_port", "http_port", "asr_port", "translation_port", "tts_port", "codec_port")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of an installation of its own: a fresh home, free ports, no key, no Redis."""
    for name in ("DRAGOMAN_API_KEY", "DRAGOMAN_REDIS_URL", "DRAGOMAN_GATEWAY_URL", "CHILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAGOMAN_DRAIN_S", "5")
    for name in PORT_SETTINGS:
        monkeypatch.setenv(f"DRAGOMAN_{name.upper()}", str(free_port()))
    return monkeypatch


@pytest.fixture
def settings(environment: pytest.MonkeyPatch) -> CliSettings:
    return CliSettings()


@dataclass
class Answer:
    """What the stub says to one request; with the status 0 it hangs up instead."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class StubGateway:
    """A real HTTP server with set answers, which remembers what it was asked.

    Attributes:
        answers: By "METHOD /path"; a list is used up from the front, its last answer stays.
        requests: ("METHOD /path", headers, body) of every request, in order.
    """

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def say(self, request: str, document: object, status: int = 200, **headers: str) -> None:
        answer = Answer(json.dumps(document).encode(), status, headers=headers)
        self.answers.setdefault(request, []).append(answer)

    def say_bytes(self, request: str, body: bytes, media_type: str) -> None:
        self.answers.setdefault(request, []).append(Answer(body, media_type=media_type))

    def answer(self, request: str) -> Answer:
        answers = self.answers.get(request, [Answer(b"no such thing", 404, "text/plain")])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(stub: Callable[[], StubGateway]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            request = f"{self.command} {self.path.partition('?')[0]}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub().requests.append((request, dict(self.headers), body))
            answer = stub().answer(request)
            time.sleep(answer.delay_s)
            if not answer.status:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = handle_any  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
            """Say nothing."""

    return Handler


@pytest.fixture
def gateway(environment: pytest.MonkeyPatch) -> Iterator[StubGateway]:
    """A stub gateway that the CLI finds through its settings, with the key `the-key`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: stub))
    stub = StubGateway(f"http://127.0.0.1:{server.server_address[1]}")
    environment.setenv("DRAGOMAN_GATEWAY_URL", stub.url)
    environment.setenv("DRAGOMAN_API_KEY", "the-key")
    environment.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()
