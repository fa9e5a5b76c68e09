"""A real HTTP server at an OpenAI-compatible address; what it answers is the test's choice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]

_DRIP_S = 0.01


@dataclass
class Answer:
    """What the server sends: a status, headers and bytes, or a byte now and then without end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False


def completion(content: object, finish_reason: str = "stop") -> Answer:
    """A good answer with one message."""
    message = {"role": "assistant", "content": content}
    document = {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}
    return Answer(body=json.dumps(document).encode())


def translations(*texts: object) -> Answer:
    """A good answer with translations."""
    return completion(json.dumps({"translations": texts}))


def data_of(request: Request) -> dict[str, Any]:
    """What the user's message of a request holds."""
    document: dict[str, Any] = json.loads(request["messages"][-1]["content"])
    return document


def marking(request: Request) -> Answer:
    """Mark every sentence that was asked for."""
    return translations(*(f"{sentence}!" for sentence in data_of(request)["sentences"]))


class ChatServer:
    """Answers each request as `answer` says, and keeps what came.

    Attributes:
        answer: From a request's JSON to what is sent.
        requests: JSON of what came, in order.
        headers: Of the same.
        paths: Of the same.
        released: Set when the test ends; an answer may wait for it.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Request], Answer] = marking
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """As settings name it."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        """Serve while inside."""
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Go away: connections are refused from now on."""
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        house = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                request = json.loads(self.rfile.read(length))
                house.requests.append(request)
                house.headers.append({name.lower(): value for name, value in self.headers.items()})
                house.paths.append(self.path)
                answer = house.answer(request)
                self.send_response(answer.status)
                for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
                with suppress(OSError):  # nobody listens any more
                    while answer.drips and not house.released.wait(_DRIP_S):
                        self.wfile.write(b" ")

            do_GET = do_POST  # noqa: N815 - http.server's name; a followed redirect would come so

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
