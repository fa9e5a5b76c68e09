"""Every request measured, traced and logged: by the template of its path, never by what a client wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access.keys import Keys
from services.gateway.api.context import key_in
from services.gateway.jobs.ids import JOB_ID
from services.shared import telemetry
from services.shared.errors import DragomanError

# Asked every few seconds by machines: counted, but neither traced nor logged.
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "none"


class Observed:
    """ASGI middleware around all routes; to be put inside RequestId.

    Own, because the one of OpenTelemetry records the whole path and its query.

    Args:
        app: What is inside.
        keys: Whose holders may have their requests traced.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What an answer is that never begins: the error goes on to who answers for defects.
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                # Some answers have a member of an enum here.
                status = int(message["status"])
            await send(message)

        began = time.monotonic()
        parent = await self._parent(scope)
        with _traced(scope, parent), telemetry.named(request_id=scope["state"]["request_id"]):
            try:
                await self._app(scope, receive, noted)
            finally:
                _over(scope, status, time.monotonic() - began)

    async def _parent(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        parent = headers.get("traceparent", "")
        if not parent:
            return ""
        try:
            await self._keys.caller(key_in(headers))
        except DragomanError:
            # It says whether to trace, which is not for everybody to say.
            return ""
        return parent


@contextmanager
def _traced(scope: Scope, parent: str) -> Iterator[None]:
    if scope["path"] in _PROBES:
        yield
        return
    method = _method(scope)
    with telemetry.span(
        method, telemetry.SpanKind.SERVER, {"http.request.method": method}, parent=parent
    ) as span:
        try:
            yield
        finally:
            # Which route it is, the router has found out meanwhile.
            span.update_name(f"{method} {_route(scope)}")


def _over(scope: Scope, status: int, seconds: float) -> None:
    method, route = _method(scope), _route(scope)
    telemetry.HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
    if scope["path"] in _PROBES:
        return
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    telemetry.mark({"http.route": route, "http.response.status_code": status}, str(status) if failed else "")
    telemetry.logger().info(
        "request", method=method, route=route, status=status, seconds=round(seconds, 3), **_job(scope)
    )


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    return _NO_ROUTE if route is None else str(route.path)


def _job(scope: Scope) -> dict[str, str]:
    job = scope.get("path_params", {}).get("job_id", "")
    return {"job": job} if JOB_ID.fullmatch(job) else {}
