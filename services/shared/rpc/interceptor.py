"""Says that a call has begun, turns what it raises into status with trailing metadata, and times it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn, TypeAlias

import grpc
import structlog
from google.protobuf.message import Message

from services.shared import telemetry
from services.shared.batching import URGENCY, Urgency
from services.shared.errors import DragomanError, InternalError
from services.shared.rpc import tracing, wire
from services.shared.rpc.admission import CALL, Call
from services.shared.rpc.draining import Calls

# Generic to the type checker only.
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], "Awaitable[_Handler | None]"]
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_MAKERS: Final = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}

_URGENCIES: Final = {each.value: each for each in Urgency}
# A cancelled call is no failure of the server's.
_WELL: Final = ("ok", "cancelled")


class AroundCalls(grpc.aio.ServerInterceptor):
    """Wraps every handler of one server.

    Args:
        calls: Told of each call while it runs.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> _Handler | None:
        """Wrap the handler; health checks pass as they are."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc.health"):
            return handler
        streams = (handler.request_streaming, handler.response_streaming)
        # The handler holds its behaviour under the one of four names that fits.
        inner: Any = next(
            each
            for each in (
                handler.unary_unary,
                handler.unary_stream,
                handler.stream_unary,
                handler.stream_stream,
            )
            if each is not None
        )
        behaviour: Any = (self._streaming if streams[1] else self._unary)(method, inner)
        if telemetry.tracing():
            behaviour = (tracing.served_stream if streams[1] else tracing.served)(method, behaviour)
        make: Any = _MAKERS[streams]
        wrapped: _Handler = make(behaviour, handler.request_deserializer, handler.response_serializer)
        return wrapped

    def _unary(self, method: str, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def behave(request: Any, context: _Context) -> Any:
            began = time.monotonic()
            try:
                with self._calls.running():
                    await _begin(method, began, context)
                    response = await inner(_identified(request), context)
                _tell_served(context)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - every failure needs a status
                await _abort(method, began, error, context)
            _observe(method, began, "ok")
            return response

        return behave

    def _streaming(
        self, method: str, inner: Callable[..., AsyncIterator[Any]]
    ) -> Callable[..., AsyncIterator[Any]]:
        async def behave(request: Any, context: _Context) -> AsyncIterator[Any]:
            began = time.monotonic()
            try:
                with self._calls.running():
                    await _begin(method, began, context)
                    async for response in inner(_identified(request), context):
                        yield response
                _tell_served(context)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - every failure needs a status
                await _abort(method, began, error, context)
            _observe(method, began, "ok")

        return behave


async def _begin(method: str, began: float, context: _Context) -> None:
    """Tell the caller that its call has begun, and this task whose call it serves.

    From here on the client's channel repeats the call no more, and a broken connection is one that
    broke under this call.
    """
    remaining_s = context.time_remaining()
    CALL.set(Call(method, began + (math.inf if remaining_s is None else remaining_s)))
    await context.send_initial_metadata(((wire.BEGUN_KEY, "1"),))


def _tell_served(context: _Context) -> None:
    """Tell the caller for how long its call held slots."""
    context.set_trailing_metadata(((wire.SERVED_KEY, str(math.ceil(CALL.get().served_s * 1000))),))


def _identified(request: Any) -> Any:
    """Note how urgent a request is, and bind its id and tenant to this call's log lines.

    Those of a stream lie in its first message.
    """
    if not isinstance(request, Message):
        return _identified_stream(request)
    head = request.config if hasattr(request, "config") else request
    if hasattr(head, "context"):
        request_id = head.context.request_id
        identity = {"request_id": request_id, "tenant": head.context.tenant}
        # A worker's request is its unit, and begins with the job.
        job = {"job": request_id.partition(":")[0]} if ":" in request_id else {}
        structlog.contextvars.bind_contextvars(**identity, **job)
        URGENCY.set(_URGENCIES.get(head.context.priority, Urgency.BATCH))
    return request


async def _identified_stream(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    first = True
    async for request in requests:
        yield _identified(request) if first else request
        first = False


async def _abort(method: str, began: float, error: BaseException, context: _Context) -> NoReturn:
    if isinstance(error, asyncio.CancelledError):
        _observe(method, began, "cancelled")
        raise error
    if not isinstance(error, DragomanError):
        telemetry.logger().exception("call failed", method=method, error=type(error).__name__)
        error = InternalError("The model service failed; its log has the cause.")
    _observe(method, began, error.code)
    context.set_trailing_metadata(wire.trailers(error))
    await context.abort(wire.status_of(error), error.detail)
    raise error


def _observe(method: str, began: float, code: str) -> None:
    seconds = time.monotonic() - began
    telemetry.RPC_SECONDS.labels(method, code).observe(seconds)
    telemetry.mark({"dragoman.code": code}, "" if code in _WELL else code)
    telemetry.logger().info("call", method=method, code=code, seconds=round(seconds, 3))
