"""Asks the process of this container how it is, for container health checks: prints a line, exits 0 or 1."""

from __future__ import annotations

import http.client
import sys
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from services.shared.config import Settings, load
from services.shared.errors import Misconfigured

_TIMEOUT_S: Final = 2.0
# A refused connection is an answer here, not something to retry; and no proxy may stand in between.
_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))
_NAMES: Final = {"readiness": "", "liveness": "liveness"}


def main(arguments: list[str]) -> int:
    """Print one line; return 0 when all is well, 1 when not, 2 when asked for something unknown."""
    question = arguments[0] if arguments else "readiness"
    if len(arguments) > 1 or question not in (*_NAMES, "http"):
        sys.stdout.write("usage: python -P -m services.shared.probe [readiness|liveness|http]\n")
        return 2
    try:
        settings = load(Settings)
        well, found = _http(settings) if question == "http" else _grpc(settings, _NAMES[question])
    except Misconfigured as error:
        well, found = False, error.detail
    sys.stdout.write(f"{question}: {found}\n")
    return 0 if well else 1


def _grpc(settings: Settings, name: str) -> tuple[bool, str]:
    """Ask grpc.health.v1 on the health port."""
    if settings.health_port is None:
        raise Misconfigured("DRAGOMAN_HEALTH_PORT is not set, so nobody answers; set it.")
    target = f"{_reached(settings.host)}:{settings.health_port}"
    with grpc.insecure_channel(target, _OPTIONS) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(service=name), timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            return False, f"no answer from {target} ({error.code().name})"
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return answer.status == health_pb2.HealthCheckResponse.SERVING, status


def _http(settings: Settings) -> tuple[bool, str]:
    """Ask the gateway about itself: a model service may be at zero, or have a probe of its own."""
    connection = http.client.HTTPConnection(
        _reached(settings.http_host), settings.http_port, timeout=_TIMEOUT_S
    )
    try:
        connection.request("GET", "/readyz?of=gateway")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer from port {settings.http_port} ({type(error).__name__})"
    finally:
        connection.close()
    return status == http.client.OK, f"HTTP {status}"


def _reached(host: str) -> str:
    """Return where a server that listens on `host` is reached from its own machine."""
    return "127.0.0.1" if host == "0.0.0.0" else host


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
