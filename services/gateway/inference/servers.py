"""Calling the model servers from the event loop: a caller who goes away cancels what was asked for him."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc

from protos.v1 import common_pb2
from services.shared import telemetry
from services.shared.config import Settings
from services.shared.rpc import wire
from services.shared.rpc.client import OPTIONS
from services.shared.rpc.tls import Identities, Identity
from services.shared.tasks import service_of

_TRACE_KEY: Final = "traceparent"


class Meter(Protocol):
    """Counts what tenants use of the model servers."""

    def spent(self, tenant: str, stage: str, audio_ms: int, served_ms: int) -> None:
        """Add one call to a tenant's use. Never raises, never waits."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    channel: grpc.aio.Channel
    identity: Identity | None


class Servers:
    """The channels of one event loop, opened at their first use, and again when the certificate was renewed.

    Args:
        target_of: Returns the gRPC target of a service's name.
        identities: For mutual TLS.
        longest_s: Most seconds that a call lasts; so long a replaced channel is kept for those that run.
    """

    def __init__(
        self, target_of: Callable[[str], str], identities: Identities | None = None, longest_s: float = 600
    ) -> None:
        self._target_of = target_of
        self._identities = identities
        self._longest_s = longest_s
        self._open: dict[str, _Opened] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, settings: Settings, longest_s: float) -> Servers:
        """Return those that the settings describe.

        Raises:
            Misconfigured: the files for TLS are missing or wrong.
        """
        return cls(settings.target_of, Identities.of(settings), longest_s)

    def to(self, service: str) -> grpc.aio.Channel:
        """Return the channel to a service, such as "asr". Ask for it before each call."""
        identity = None if self._identities is None else self._identities.now()
        opened = self._open.get(service)
        if opened is None or opened.identity is not identity:
            if opened is not None:
                closing = asyncio.create_task(opened.channel.close(self._longest_s))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            opened = _Opened(_channel(self._target_of(service), identity), identity)
            self._open[service] = opened
        return opened.channel

    async def close(self) -> None:
        """Close every channel, and end what runs on it."""
        for each in self._open.values():
            await each.channel.close()
        self._open.clear()


def _channel(target: str, identity: Identity | None) -> grpc.aio.Channel:
    if identity is None:
        return grpc.aio.insecure_channel(target, OPTIONS)
    return grpc.aio.secure_channel(target, identity.for_channel(), OPTIONS)


@dataclass(slots=True)
class Ask:
    """One call of a model server.

    Attributes:
        stage: The work it is, such as "asr.transcribe"; its service is called.
        stub: Class of the service's stub.
        method: Name of the method.
        request: The request, or the requests of a stream, which must not raise.
        audio_ms: How much audio it is about; may be set as late as before the end of the answers.
    """

    stage: str
    stub: Callable[[Any], Any]
    method: str
    request: Any
    audio_ms: int = 0


@dataclass(frozen=True, slots=True)
class Errand:
    """What one request of a client asks of the model servers.

    Attributes:
        servers: Where they are.
        tenant: Who asks.
        request_id: Names the request in the servers' logs.
        ends_s: When the client's patience ends, on the clock of time.monotonic(): the deadline of every call.
        meter: Counts what is used.
    """

    servers: Servers
    tenant: str
    request_id: str
    ends_s: float
    meter: Meter

    @property
    def context(self) -> common_pb2.RequestContext:
        """What every request carries; somebody waits for the answer."""
        return common_pb2.RequestContext(
            request_id=self.request_id, tenant=self.tenant, priority=common_pb2.PRIORITY_INTERACTIVE
        )

    async def one(self, ask: Ask) -> Any:
        """Return the answer of a method that gives one.

        Raises:
            DragomanError: what the server raised, or what the bare status stands for.
        """
        call, span = self._begin(ask)
        error = "cancelled"
        try:
            response = await call
            await self._count(call, ask)
            error = ""
        except grpc.aio.AioRpcError as failed:
            error = failed.code().name.lower()
            raise wire.from_rpc(failed) from None
        finally:
            telemetry.end(span, error)
        return response

    async def many(self, ask: Ask) -> AsyncGenerator[Any, None]:
        """Yield the answers of a method that streams them; to be closed by whoever leaves early.

        Raises:
            DragomanError: as `one` does.
        """
        call, span = self._begin(ask)
        error = "cancelled"
        try:
            async for response in call:
                yield response
            await self._count(call, ask)
            error = ""
        except grpc.aio.AioRpcError as failed:
            error = failed.code().name.lower()
            raise wire.from_rpc(failed) from None
        finally:
            call.cancel()  # does nothing to a call that has ended
            telemetry.end(span, error)

    def _begin(self, ask: Ask) -> tuple[Any, Any]:
        stub = ask.stub(self.servers.to(service_of(ask.stage)))
        span = telemetry.begin(ask.stage, telemetry.SpanKind.CLIENT, {"rpc.system": "grpc"})
        parent = telemetry.traceparent(span) if telemetry.tracing() else ""
        call = getattr(stub, ask.method)(
            ask.request,
            timeout=max(0.0, self.ends_s - time.monotonic()),
            metadata=((_TRACE_KEY, parent),) if parent else None,
        )
        return call, span

    async def _count(self, call: Any, ask: Ask) -> None:
        served_ms = wire.served_ms(await call.trailing_metadata())
        self.meter.spent(self.tenant, ask.stage, ask.audio_ms, served_ms)
