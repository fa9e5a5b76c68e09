"""What every request must keep to, whatever its route, and what every answer says to browsers."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.api.errors import answer_to, answer_to_defect
from services.gateway.settings import GatewaySettings
from services.shared.errors import DragomanError, InvalidRequest, Timeout, TooLarge, Unavailable

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
MAX_TARGET_BYTES: Final = 8 * 1024
# At least so much of a body must come in each idle time: who drips bytes is no better than who is silent.
_LEAST_BYTES: Final = 4 * 1024
# Files; all other bodies are JSON, and read whole.
_FILES: Final = (b"multipart/form-data", b"application/offset+octet-stream")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """ASGI middleware around all routes; to be put inside RequestId.

    Args:
        app: What is inside.
        settings: The limits.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        self._max_file_bytes = settings.gateway_max_upload_bytes
        self._idle_s = settings.gateway_body_idle_s
        self._most_requests = settings.gateway_max_requests
        self._running = 0
        self._headers = (*_HEADERS, _HSTS) if settings.gateway_behind_tls else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = _Said(send, self._headers, scope)
        refusal = self._refusal(scope)
        if refusal is not None:
            await answer_to(HTTPConnection(scope), refusal)(scope, receive, said.send)
            return
        self._running += 1
        try:
            await self._app(scope, self._bounded(scope, receive, said), said.send)
        except Exception as error:
            # Not further out, where these headers, and those for other origins, would be missing.
            if not said.begun:
                await answer_to_defect(HTTPConnection(scope), error)(scope, receive, said.send)
            raise
        finally:
            self._running -= 1

    def _refusal(self, scope: Scope) -> DragomanError | None:
        headers = scope["headers"]
        size_bytes = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADERS or size_bytes > MAX_HEADER_BYTES:
            detail = f"Send {MAX_HEADERS} headers at most, of {MAX_HEADER_BYTES} bytes in all."
            return InvalidRequest(detail, code="headers_too_large")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET_BYTES:
            detail = f"Path and query may have {MAX_TARGET_BYTES} bytes at most."
            return InvalidRequest(detail, code="target_too_long")
        if self._running >= self._most_requests and scope["path"] not in {"/healthz", "/readyz", "/metrics"}:
            return Unavailable("Too many requests run here: send it again in a moment.", code="gateway_busy")
        return None

    def _bounded(self, scope: Scope, receive: Receive, said: _Said) -> Receive:
        """Return a request's body that is over its cap, or too slow, for no route."""
        if scope["method"] in {"GET", "HEAD"}:
            return receive
        of_file = _type(scope).startswith(_FILES)
        max_bytes = self._max_file_bytes if of_file else MAX_BODY_BYTES
        body = _Body(receive, max_bytes, self._idle_s, of_file=of_file)

        async def bounded() -> Message:
            try:
                return await body.receive()
            except DragomanError as error:
                # What reads bodies into models makes an error of its own of any other.
                said.instead = error
                raise

        return bounded


class _Body:
    """Counts and times what comes of a body."""

    def __init__(self, receive: Receive, max_bytes: int, idle_s: float, *, of_file: bool) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._idle_s = idle_s
        self._of_file = of_file
        self._seen_bytes = 0
        self._window_bytes = 0
        self._deadline_s = time.monotonic() + idle_s
        self._over = False

    async def receive(self) -> Message:
        if self._over:
            # From here on it only says when the client goes, which may take as long as it likes.
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline_s - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            detail = f"Less than {_LEAST_BYTES} bytes came in {self._idle_s:g} s: send it again, or go on."
            raise Timeout(detail, code="upload_too_slow") from None
        self._count(len(message.get("body", b"")))
        self._over = not message.get("more_body", False)
        return message

    def _count(self, length: int) -> None:
        self._seen_bytes += length
        self._window_bytes += length
        if self._window_bytes >= _LEAST_BYTES:
            self._window_bytes = 0
            self._deadline_s = time.monotonic() + self._idle_s
        if self._seen_bytes > self._max_bytes:
            code = "file_too_large" if self._of_file else "body_too_large"
            raise TooLarge(f"The request is over the cap of {self._max_bytes} bytes.", code=code)


class _Said:
    """What is said to the client: the app's answer with headers for browsers, or another one instead."""

    def __init__(self, send: Send, headers: tuple[tuple[bytes, bytes], ...], scope: Scope) -> None:
        self._send = send
        self._headers = headers
        self._scope = scope
        self._replaced = False
        self.begun = False
        self.instead: DragomanError | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self.instead is not None:
            error, self.instead = self.instead, None
            self._replaced = True
            await answer_to(HTTPConnection(self._scope), error)(self._scope, _nothing, self._pass_on)
        elif not self._replaced:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {name for name, _ in message["headers"]}
            more = (each for each in self._headers if each[0] not in given)
            message["headers"] = [*message["headers"], *more]
            if b"cache-control" not in given and self._scope["path"].startswith("/v1"):
                message["headers"].append(_NO_STORE)
        await self._send(message)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _type(scope: Scope) -> bytes:
    found = (value for name, value in scope["headers"] if name == b"content-type")
    return bytes(next(found, b"")).strip().lower()
