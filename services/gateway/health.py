"""Whether this installation can work: Redis, and the four model services by grpc.health.v1."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.gateway.jobs.ports import Component, JobStore
from services.shared.errors import DragomanError
from services.shared.rpc import client
from services.shared.tasks import SERVICES

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING


class Health:
    """Asks every component, all at once.

    Args:
        store: Says whether Redis can be reached.
        channels: To the model services.
        timeout_s: Wait for one component.
    """

    def __init__(self, store: JobStore, channels: client.Channels, timeout_s: float) -> None:
        self._store = store
        self._channels = channels
        self._timeout_s = timeout_s

    def own(self) -> list[Component]:
        """Return how that is without which the gateway itself can do nothing."""
        return [self._redis()]

    def components(self) -> list[Component]:
        """Return how each component is."""
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            services = pool.map(self._service, SERVICES)
            return [self._redis(), *services]

    def _redis(self) -> Component:
        try:
            self._store.ping()
        except DragomanError as error:
            return Component("redis", ready=False, detail=error.detail)
        return Component("redis", ready=True, detail="reachable")

    def _service(self, name: str) -> Component:
        stub: Any = health_pb2_grpc.HealthStub(self._channels.to(name))
        request = health_pb2.HealthCheckRequest()
        try:
            answer = client.call(lambda: stub.Check(request, timeout=self._timeout_s))
        except DragomanError as error:
            return Component(name, ready=False, detail=error.detail)
        serving = answer.status == _SERVING
        return Component(name, ready=serving, detail="serving" if serving else "loading its model")
