"""Health as the components themselves tell it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.cli.settings import CliSettings
from services.cli.stack import health
from services.cli.stack.table import GATEWAY, REDIS, WAVES, Component
from tests.support.redis_server import free_port
from tests.support.stub_gateway import StubGateway


@pytest.fixture
def servicer() -> grpc_health.HealthServicer:
    return grpc_health.HealthServicer()


@pytest.fixture
def target(servicer: grpc_health.HealthServicer) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


def test_a_server_with_its_model_loaded_is_ready(target: str, servicer: grpc_health.HealthServicer) -> None:
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    assert health.server_ready(target)


def test_a_server_that_still_loads_is_not(target: str, servicer: grpc_health.HealthServicer) -> None:
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert not health.server_ready(target)


def test_a_port_where_nobody_listens_is_not_ready() -> None:
    assert not health.server_ready(f"127.0.0.1:{free_port()}")


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_the_gateway_is_ready_when_readyz_says_200(gateway: StubGateway, status: int, ready: bool) -> None:
    gateway.say("GET /readyz", {}, status)
    assert health.ready(GATEWAY, CliSettings()) is ready


def test_a_gateway_that_is_not_there_is_not_ready(settings: CliSettings) -> None:
    assert not health.gateway_ready(settings)


def test_no_proxy_of_the_environment_comes_before_a_gateway(
    gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY")
    gateway.say("GET /readyz", {})
    assert health.gateway_ready(CliSettings())


def test_redis_that_was_never_started_is_not_ready(settings: CliSettings) -> None:
    assert not health.ready(REDIS, settings)


def test_a_worker_answers_no_questions_and_counts_as_ready(settings: CliSettings) -> None:
    assert health.ready(Component("asr-worker", "services.asr.worker"), settings)


def test_a_port_is_free_until_somebody_listens_on_it() -> None:
    port = free_port()
    assert health.port_free("127.0.0.1", port)
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        assert not health.port_free("127.0.0.1", port)


def test_exposing_the_gateway_does_not_expose_the_rest(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_HTTP_HOST", "0.0.0.0")
    settings = CliSettings()
    listens = {component.name: health.address_of(component, settings) for wave in WAVES for component in wave}
    assert listens["gateway"] == ("0.0.0.0", settings.http_port)
    assert listens["asr-server"] == ("127.0.0.1", settings.asr_port)
    assert listens["redis"] == ("127.0.0.1", settings.redis_port)
    assert listens["asr-worker"] is None
    assert settings.base_url == f"http://127.0.0.1:{settings.http_port}"
