"""A real HTTP server on this machine that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme


@dataclass(frozen=True)
class Asked:
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer: its body is written piece by piece."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()


# Answers by itself where a Reply is not enough: gets the open connection.
Behaviour = Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """What a test sees of the server.

    Attributes:
        asked: Every request so far.
        answer: What it answers, or how it misbehaves; may be changed at any time.
        ended: Set when the server ends: what hangs, waits for it.
    """

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.scheme = scheme
        self.asked: list[Asked] = []
        self.answer: Reply | Behaviour = Reply()
        self.ended = threading.Event()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        """Return its URL."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the end."""
        self.ended.wait()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): text for name, text in handler.headers.items()}
        self.asked.append(Asked(handler.command, handler.path, headers, body))
        if isinstance(self.answer, Reply):
            _reply(handler, self.answer)
        else:
            self.answer(handler)


def tunnel(handler: BaseHTTPRequestHandler, port: int) -> None:
    """Answer a CONNECT, and pass on what comes to a port of this machine and back, until one side ends."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        handler.send_response(200)
        handler.end_headers()
        here = handler.connection
        while True:
            for side in select.select([here, there], [], [])[0]:
                if not (piece := side.recv(65536)):
                    return
                (there if side is here else here).sendall(piece)


@contextmanager
def receiving(certificate: trustme.LeafCert | None = None) -> Iterator[Receiver]:
    """Serve on a free port, by TLS with this certificate if there is one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    receiver = Receiver(server.server_address[1], "https" if certificate else "http")
    server.RequestHandlerClass = _handler_of(receiver)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            receiver.serve(self)

        do_POST = do_CONNECT = do_GET  # noqa: N815 - the library calls it so

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _reply(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response(reply.status)
    for name, text in reply.headers.items():
        handler.send_header(name, text)
    handler.end_headers()
    for piece in reply.pieces:
        handler.wfile.write(piece)
