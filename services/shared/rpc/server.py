"""Running a model server: load, self-test, health, admission, errors as status, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2_grpc

from protos.v1.models_pb2_grpc import add_ModelsServicer_to_server
from services.shared import surroundings, telemetry
from services.shared.config import Settings
from services.shared.errors import InvalidRequest, TooLarge, Unavailable
from services.shared.residents import Residents
from services.shared.rpc import health, upkeep, wire
from services.shared.rpc.admission import Admission
from services.shared.rpc.draining import Calls
from services.shared.rpc.interceptor import AroundCalls
from services.shared.rpc.lazy import Lazy
from services.shared.rpc.model_service import ModelServicer
from services.shared.rpc.tls import Identities

T = TypeVar("T")

__all__ = ["Lazy", "RunningServer", "ServerSpec", "collect", "run", "start"]

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", wire.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", wire.MAX_MESSAGE_BYTES),
    # Two processes on one port would split its calls without any error.
    ("grpc.so_reuseport", 0),
    # Clients resolve again when a connection ends, so new replicas get their share.
    ("grpc.max_connection_age_ms", 30_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 30_000),
    # A caller whose machine vanished is found out, and its work stopped.
    ("grpc.keepalive_time_ms", 60_000),
)
# A connection that has come of age ends no call: none lasts longer than its deadline.
_AGE_MARGIN_S: Final = 60
# For the news of a drain to reach its clients, which takes milliseconds.
_NOTICE_S: Final = 0.5
# For calls that are cut short to say so.
_FAREWELL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ServerSpec(Generic[T]):
    """What a room's server is made of.

    Attributes:
        service: Room name, such as "asr".
        grpc_name: Full name of the gRPC service, for health checks.
        load: Builds the core: loads the model and runs one self-test inference. Runs in a thread.
        register: Adds the servicer to a server.
        slots: Batches that run at once.
        queue: Calls that may wait.
        batch: Calls that may share a slot.
        residents: The engines of a core, for the service Models; None where there is nothing to exchange.
    """

    service: str
    grpc_name: str
    load: Callable[[], T]
    register: Callable[[grpc.aio.Server, Lazy[T], Admission], None]
    slots: int
    queue: int
    batch: int = 1
    residents: Callable[[T], Residents[Any, Any]] | None = None


class RunningServer(Generic[T]):
    """A started server: its port, its health, its end."""

    def __init__(self, spec: ServerSpec[T], settings: Settings, port: int) -> None:
        self._spec = spec
        self._calls = Calls()
        age_grace_ms = int((settings.unit_deadline_s + _AGE_MARGIN_S) * 1000)
        options = (*_OPTIONS, ("grpc.max_connection_age_grace_ms", age_grace_ms))
        server = self._server = grpc.aio.server(interceptors=[AroundCalls(self._calls)], options=options)
        self.port = self._bind(f"{settings.host}:{port}", Identities.of(settings))
        self._admission = Admission(spec.slots, spec.queue, spec.batch)
        self._health = grpc_health.aio.HealthServicer()
        self._core: Lazy[T] = Lazy()
        self._residents: Lazy[Residents[Any, Any]] = Lazy()
        self._upkeep: asyncio.Task[None] | None = None
        spec.register(server, self._core, self._admission)
        if spec.residents is not None:
            add_ModelsServicer_to_server(ModelServicer(self._residents), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        self._probes = health.beside(self._health, settings)

    def _bind(self, address: str, identities: Identities | None) -> int:
        try:
            if identities is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, identities.for_server())
        except RuntimeError as error:
            raise Unavailable(
                f"{address} is taken; set DRAGOMAN_{self._spec.service.upper()}_PORT to another port.",
                code="port_in_use",
            ) from error

    async def begin(self) -> None:
        """Listen, alive and not serving yet."""
        await self._health.set(health.LIVENESS, health.SERVING)
        await self._set_health(health.NOT_SERVING)
        if self._probes is not None:
            await self._probes.start()
        await self._server.start()

    async def load(self) -> None:
        """Load the core in a thread, then say SERVING."""
        core = await asyncio.to_thread(self._spec.load)
        residents = None if self._spec.residents is None else self._spec.residents(core)
        if residents is not None:
            self._residents.set(residents)
        self._upkeep = asyncio.create_task(upkeep.keep(self._admission, residents))
        self._core.set(core)
        await self._set_health(health.SERVING)

    async def stop(self, grace_s: float = 0) -> None:
        """Say NOT_SERVING, refuse new calls, give running ones `grace_s` seconds.

        Calls that run longer end as Unavailable with code draining. gRPC would end them in a way that
        their callers could not tell from a crash, so it gets a little more time than they do.
        """
        await self._set_health(health.NOT_SERVING)
        # Clients that watch the health go elsewhere meanwhile, and are never refused.
        await asyncio.sleep(min(grace_s, _NOTICE_S))
        refusing = asyncio.create_task(self._server.stop(grace_s + _FAREWELL_S))
        await self._calls.end(grace_s)
        await refusing
        self._admission.close()
        if self._upkeep is not None:
            self._upkeep.cancel()
        if self._probes is not None:
            await self._probes.stop(None)

    async def _set_health(self, status: Any) -> None:
        for name in (health.READY, self._spec.grpc_name):
            await self._health.set(name, status)


async def start(spec: ServerSpec[T], settings: Settings, port: int = 0) -> RunningServer[T]:
    """Start a server and load its model; port 0 takes a free one."""
    running = await _listen(spec, settings, port)
    await running.load()
    return running


async def _listen(spec: ServerSpec[T], settings: Settings, port: int) -> RunningServer[T]:
    running = RunningServer(spec, settings, port)
    await running.begin()
    return running


def run(spec: ServerSpec[T], settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Ends the process."""
    surroundings.settle()
    telemetry.configure(f"{spec.service}-server", settings)
    asyncio.run(_serve_and_exit(spec, settings))


async def _serve_and_exit(spec: ServerSpec[T], settings: Settings) -> None:
    status = await _serve(spec, settings)
    telemetry.flush()
    # Neither a loading nor a running model can be interrupted: leave without joining its thread.
    os._exit(status)


async def _serve(spec: ServerSpec[T], settings: Settings) -> int:
    log = telemetry.logger()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        running = await _listen(spec, settings, settings.port_of(spec.service))
        log.info("model loading", port=running.port)
        if not await _in_time(running.load(), ended):
            log.info("told to end while the model was loading")
            return 0
    except Exception as error:
        log.exception("server did not start", error=str(error))
        return 1
    log.info("serving", port=running.port, slots=spec.slots, queue=spec.queue)
    await ended.wait()
    log.info("draining", seconds=settings.drain_s)
    await running.stop(settings.drain_s)
    return 0


async def _in_time(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Wait for `work` to end, and say True, or for `ended`; raises what `work` raises."""
    working, ending = asyncio.create_task(work), asyncio.create_task(ended.wait())
    await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        return False
    ending.cancel()
    await working
    return True


async def collect(
    requests: AsyncIterator[Any], config: str, audio: str, max_bytes: int
) -> tuple[Any, bytearray]:
    """Read a config-first stream to its end.

    Args:
        requests: Messages with a `message` oneof.
        config: Name of the oneof's config field, which the first message must carry.
        audio: Name of the bytes field, which all later messages must carry.
        max_bytes: Most bytes accepted.

    Returns:
        The config message and the joined bytes.

    Raises:
        InvalidRequest: the stream is empty or out of order.
        TooLarge: more than `max_bytes` came.
    """
    head: Any = None
    body = bytearray()
    async for request in requests:
        field = request.WhichOneof("message")
        if head is None:
            if field != config:
                raise InvalidRequest(
                    f"The first message of the stream must carry `{config}`.", code="config_first"
                )
            head = getattr(request, config)
            continue
        if field != audio:
            raise InvalidRequest(f"Messages after the first must carry `{audio}`.", code="config_first")
        body += getattr(request, audio)
        if len(body) > max_bytes:
            raise TooLarge(f"More than {max_bytes} bytes of audio in one call.", code="audio_too_long")
    if head is None:
        raise InvalidRequest(f"The stream ended before `{config}`.", code="config_first")
    return head, body
