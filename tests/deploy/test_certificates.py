"""The test certificates make mutual TLS as components/tls does: the right peers talk, others are refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.shared.rpc.tls import Identities
from tests.deploy.cluster import KUBERNETES, overlay
from tests.support.absent import absent


def make(folder: Path) -> Path:
    if shutil.which("openssl") is None:
        absent("openssl, for the test certificates")
    subprocess.run([KUBERNETES / "test-certificates.sh", folder], check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "certificates")


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve grpc.health.v1 with one process's certificate; give the port."""
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_secure_port("127.0.0.1:0", Identities(folder).for_server())
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def ask(port: int, credentials: grpc.ChannelCredentials, name: str = "asr") -> grpc.StatusCode:
    """Call as a client whose target is dns:///NAME; return how it ended."""
    options = (("grpc.ssl_target_name_override", name), ("grpc.enable_retries", 0))
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


@pytest.mark.parametrize("client", ["gateway", "asr-worker"])
@pytest.mark.parametrize("name", ["asr", "asr.dragoman.svc"])
def test_a_process_with_its_certificate_is_served(certificates: Path, client: str, name: str) -> None:
    with serving(certificates / "asr") as port:
        assert ask(port, Identities(certificates / client).now().for_channel(), name) is grpc.StatusCode.OK


def test_a_client_without_a_certificate_is_refused(certificates: Path) -> None:
    with serving(certificates / "asr") as port:
        trusting = grpc.ssl_channel_credentials((certificates / "asr" / "ca.crt").read_bytes())
        assert ask(port, trusting) is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_of_another_authority_is_refused(certificates: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other") / "asr-worker"
    shutil.copy(certificates / "asr" / "ca.crt", other)
    with serving(certificates / "asr") as port:
        assert ask(port, Identities(other).now().for_channel()) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("impostor", ["asr-worker", "tts"])
def test_another_process_cannot_pass_for_the_server(certificates: Path, impostor: str) -> None:
    with serving(certificates / impostor) as port:
        credentials = Identities(certificates / "gateway").now().for_channel()
        assert ask(port, credentials) is grpc.StatusCode.UNAVAILABLE


def test_a_server_s_certificate_makes_no_client(certificates: Path) -> None:
    with serving(certificates / "asr") as port:
        assert ask(port, Identities(certificates / "tts").now().for_channel()) is grpc.StatusCode.UNAVAILABLE


def test_there_is_one_for_each_secret_that_is_mounted(certificates: Path) -> None:
    wanted = {
        volume["secret"]["secretName"]
        for each in overlay("gpu-production").lasting
        for volume in each.pod["volumes"]
        if volume["name"] == "tls"
    }
    assert {f"{folder.name}-tls" for folder in certificates.iterdir()} == wanted


def test_what_is_there_is_not_overwritten(certificates: Path) -> None:
    before = (certificates / "asr" / "tls.crt").read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        make(certificates)
    assert (certificates / "asr" / "tls.crt").read_bytes() == before


def test_keys_are_for_their_owner_only(certificates: Path) -> None:
    assert {file.stat().st_mode & 0o077 for file in certificates.rglob("*")} == {0}
