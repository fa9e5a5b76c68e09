"""Health for probes: grpc.health.v1 on a port of its own, without TLS, which no kubelet speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.shared.config import Settings
from services.shared.errors import Unavailable

# Names that a probe asks for: whether to send work here, and whether to restart the process.
READY: Final = ""
LIVENESS: Final = "liveness"

SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
# Two processes on one port would answer for each other.
_OPTIONS: Final = (("grpc.so_reuseport", 0),)


class Pulse:
    """Says whether a loop still comes round."""

    def __init__(self) -> None:
        self._beaten_s = time.monotonic()

    def beat(self) -> None:
        """Note that the loop has come round."""
        self._beaten_s = time.monotonic()

    def beats(self, within_s: float) -> bool:
        """Say whether it came round, or was made, less than `within_s` seconds ago."""
        return time.monotonic() - self._beaten_s < within_s


class _Answers(health_pb2_grpc.HealthServicer):
    """Asks whoever knows, at each check."""

    def __init__(self, states: dict[str, Callable[[], bool]]) -> None:
        self._states = states

    def Check(  # noqa: N802 - gRPC's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Answer for one name."""
        if request.service not in self._states:
            context.abort(grpc.StatusCode.NOT_FOUND, f'Ask for "{READY}" or "{LIVENESS}".')
        well = self._states[request.service]()
        return health_pb2.HealthCheckResponse(status=SERVING if well else NOT_SERVING)


@contextmanager
def serving(settings: Settings, ready: Callable[[], bool], alive: Callable[[], bool]) -> Iterator[None]:
    """Answer probes while inside, from threads; for processes without an event loop.

    Args:
        settings: For the port; without one nothing is served.
        ready: Whether work may come here.
        alive: Whether the process does its work; False has it restarted.

    Raises:
        Unavailable: with code port_in_use.
    """
    if settings.health_port is None:
        yield
        return
    server = grpc.server(ThreadPoolExecutor(1, thread_name_prefix="health"), options=_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(_Answers({READY: ready, LIVENESS: alive}), server)
    _bind(server, settings, settings.health_port)
    server.start()
    try:
        yield
    finally:
        server.stop(0)


def beside(servicer: Any, settings: Settings) -> grpc.aio.Server | None:
    """Return a server for probes of a process with an event loop, not started yet; None without a port.

    Args:
        servicer: The health of the process; it answers as long as the loop lives.
        settings: For the port.

    Raises:
        Unavailable: with code port_in_use.
    """
    if settings.health_port is None:
        return None
    server = grpc.aio.server(options=_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    _bind(server, settings, settings.health_port)
    return server


def _bind(server: grpc.Server | grpc.aio.Server, settings: Settings, port: int) -> None:
    address = f"{settings.host}:{port}"
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise Unavailable(
            f"{address} is taken; give each process a DRAGOMAN_HEALTH_PORT of its own.", code="port_in_use"
        ) from error
