"""A real HTTP server with set answers in place of a gateway."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What the stub says to one request; with the status 0 it hangs up instead.

    Attributes:
        cut_at: Hang up after so many bytes of the body, though more were announced.
    """

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None


@dataclass
class StubGateway:
    """A real HTTP server with set answers, which remembers what it was asked.

    Attributes:
        answers: By "METHOD /path"; a list is used up from the front, its last answer stays.
        requests: ("METHOD /path", headers, body) of every request, in order.
        queries: The query of every request, in order.
        respond: Asked first; None from it leaves the request to `answers`.
    """

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    respond: Callable[[str, dict[str, str], bytes], Answer | None] = lambda *_: None

    def say(self, request: str, document: object, status: int = 200, **headers: str) -> None:
        """Add an answer of JSON."""
        self.add(request, Answer(json.dumps(document).encode(), status, headers=headers))

    def say_bytes(self, request: str, body: bytes, media_type: str) -> None:
        """Add an answer of bytes."""
        self.add(request, Answer(body, media_type=media_type))

    def add(self, request: str, answer: Answer) -> None:
        """Add an answer."""
        self.answers.setdefault(request, []).append(answer)

    def answer(self, request: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the next answer to a request."""
        if (made := self.respond(request, headers, body)) is not None:
            return made
        answers = self.answers.get(request, [Answer(b"no such thing", 404, "text/plain")])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def asked(self) -> list[str]:
        """Return "METHOD /path" of every request, in order."""
        return [request for request, _, _ in self.requests]


def _handler(stub: Callable[[], StubGateway]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            path, _, query = self.path.partition("?")
            request, headers = f"{self.command} {path}", dict(self.headers)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub().requests.append((request, headers, body))
            stub().queries.append(query)
            answer = stub().answer(request, headers, body)
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
            self.wfile.write(b"" if self.command == "HEAD" else answer.body[: answer.cut_at])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
            """Say nothing."""

    return Handler


@contextmanager
def stub_gateway() -> Iterator[StubGateway]:
    """Serve on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: stub))
    stub = StubGateway(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()
