"""Whether a component of the stack does its work, asked of the component itself."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

import grpc
import httpx
from grpc_health.v1 import health_pb2

from services.cli.settings import CliSettings
from services.cli.stack import redis_server
from services.cli.stack.table import GATEWAY, REDIS, Component
from services.shared.rpc import client
from services.shared.rpc.tls import Identities, Identity

_TIMEOUT_S: Final = 2.0
# Unlike a worker's channel: a refused connection is an answer here, not something to retry.
_CHANNEL_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))


def ready(component: Component, settings: CliSettings) -> bool:
    """Ask a component whether it serves; one that answers no questions counts as ready while it runs."""
    if component == REDIS:
        url = redis_server.url_of(settings)
        return url is not None and redis_server.ping(url) is not None
    if component == GATEWAY:
        return gateway_ready(settings)
    if component.service is None:
        return True
    identities = Identities.of(settings)
    identity = None if identities is None else identities.now()
    return server_ready(settings.target_of(component.service), identity)


def server_ready(target: str, identity: Identity | None = None) -> bool:
    """Ask a model server through grpc.health.v1 whether its model is loaded."""
    opened = client.channel(target, identity, _CHANNEL_OPTIONS)
    with opened as channel, contextlib.suppress(grpc.RpcError):
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    return False


def gateway_ready(settings: CliSettings) -> bool:
    """Ask the gateway whether everything that it needs is there."""
    with contextlib.suppress(httpx.HTTPError):
        # No proxy of the environment may stand between a machine and itself.
        answer = httpx.get(f"{settings.base_url}/readyz", timeout=_TIMEOUT_S, trust_env=False)
        return answer.status_code == httpx.codes.OK
    return False


def address_of(component: Component, settings: CliSettings) -> tuple[str, int] | None:
    """Return the host and port that a component listens on; None when it listens on none."""
    if component.port_setting is None:
        return None
    hosts = {REDIS: "127.0.0.1", GATEWAY: settings.http_host}
    return hosts.get(component, settings.host), int(getattr(settings, component.port_setting))


def port_free(host: str, port: int) -> bool:
    """Say whether a server could listen on a port now."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers after its server's end is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
