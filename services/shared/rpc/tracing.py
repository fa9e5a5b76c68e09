"""Traces across gRPC: a span for a call on each side, joined by its traceparent in the metadata.

Own interceptors, because those of OpenTelemetry return streams that cannot be cancelled, and keep the text
of errors, which may quote a call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
from opentelemetry.trace import Span

from services.shared import telemetry

_HEADER: Final = "traceparent"
# Asked every few seconds by everybody.
_HEALTH: Final = "/grpc.health"

Attributes: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class _Details(grpc.ClientCallDetails):
    """What gRPC knows of a call before it is made."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class AroundOwnCalls(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Puts a span around every call of a channel; gives gRPC's own call back, which can be cancelled.

    Who leaves a stream must cancel it: waiting for its end, the span keeps it alive.
    """

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Make a call."""
        return _traced(continuation, details, request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        """Make a call."""
        return _traced(continuation, details, request)

    def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
        """Make a call."""
        return _traced(continuation, details, requests)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        """Make a call."""
        return _traced(continuation, details, requests)


def _traced(continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
    method = details.method if isinstance(details.method, str) else details.method.decode()
    if method.startswith(_HEALTH) or not telemetry.traceparent():
        return continuation(details, request)
    span = telemetry.begin(_name(method), telemetry.SpanKind.CLIENT, _attributes(method))

    def over(call: Any) -> None:
        code = call.code()
        span.set_attribute("rpc.grpc.status_code", code.value[0])
        telemetry.end(span, "" if code is grpc.StatusCode.OK else code.name.lower())

    call = continuation(_with_header(details, method, telemetry.traceparent(span)), request)
    call.add_done_callback(over)
    return call


def _with_header(details: Any, method: str, traceparent: str) -> _Details:
    metadata = (*(details.metadata or ()), (_HEADER, traceparent))
    return _Details(
        method,
        details.timeout,
        metadata,
        details.credentials,
        details.wait_for_ready,
        details.compression,
    )


def served(method: str, behave: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Put a server's span around a handler that answers with one message."""

    async def behave_in_span(request: Any, context: Any) -> Any:
        span = _begin(method, context)
        try:
            return await behave(request, context)
        finally:
            span.end()

    return behave_in_span


def served_stream(
    method: str, behave: Callable[..., AsyncIterator[Any]]
) -> Callable[..., AsyncIterator[Any]]:
    """Put a server's span around a handler that answers with a stream."""

    async def behave_in_span(request: Any, context: Any) -> AsyncIterator[Any]:
        span = _begin(method, context)
        try:
            async for response in behave(request, context):
                yield response
        finally:
            span.end()

    return behave_in_span


def _begin(method: str, context: Any) -> Span:
    headers = {key: value for key, value in context.invocation_metadata() or () if key == _HEADER}
    # A call that is part of no trace begins none.
    span = telemetry.begin(
        _name(method), telemetry.SpanKind.SERVER, _attributes(method), parent=headers.get(_HEADER)
    )
    # Until the end of this call's task, which nothing else shares.
    telemetry.become(span)
    return span


def _name(method: str) -> str:
    return method.lstrip("/")


def _attributes(method: str) -> Attributes:
    service, _, name = _name(method).partition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
