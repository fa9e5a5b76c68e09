"""HTTP/1.1 as uvicorn speaks it, for clients that take their time, or say what is no HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.gateway.api.request_id import HEADER
from services.gateway.jobs.ids import uuid7_hex


class PatientProtocol(H11Protocol):
    """Ends connections whose next request's headers do not come in time, nor what is left of the last one.

    Attributes:
        header_s: From the beginning of the connection, or of a later request, to the end of its headers;
            also for the rest of a body that was answered before it had come.
    """

    header_s: ClassVar[float] = 10.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it, too
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; wait for all of a request's headers, and for a body that nobody reads any more."""
        super().data_received(data)
        answered = self.conn.our_state is h11.DONE
        if self.conn.their_state is not h11.IDLE and not answered:
            self._wait_no_more()
        elif self._waits is None and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem document like any other."""
        request_id = f"req_{uuid7_hex()}"
        body = json.dumps(
            {
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "This is no HTTP request, or its headers are too long.",
                "code": "invalid_http",
                "request_id": request_id,
                "error": {"message": msg, "type": "invalid_request", "param": None, "code": "invalid_http"},
            }
        ).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (HEADER.encode(), request_id.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        answer: list[Any] = [
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        for event in answer:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        self._waits = self.loop.call_later(self.header_s, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None


def patient(header_s: float) -> type[PatientProtocol]:
    """Return the protocol with a time for headers, in seconds."""
    return type("PatientProtocol", (PatientProtocol,), {"header_s": header_s})
