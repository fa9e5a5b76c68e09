"""With DRAGOMAN_TLS_DIR, services talk to those whom their authority vouches for, and to nobody else."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from datetime import UTC, datetime
from pathlib import Path

import grpc
import httpx
import pytest

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.cli.settings import CliSettings
from services.cli.stack import health as stack_health
from services.cli.stack.table import Component
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.shared.errors import ConnectionLost, Unavailable
from services.shared.rpc import client
from services.shared.rpc.client import Channels
from services.shared.tasks import SERVICES
from tests.support.fragile import speak
from tests.support.redis_server import free_port
from tests.support.tls import Authority
from tests.support.tls_house import House, asking, handshake, shout
from tests.support.translator import GRPC_NAME, health

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def refused(channels: Channels) -> Unavailable:
    """Return what a caller learns whose call never reaches the server."""
    with pytest.raises(Unavailable) as caught:
        await asking(channels)
    assert not isinstance(caught.value, ConnectionLost), "no attempt may be burnt for it"
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "dns:///localhost"])
async def test_a_client_of_the_same_authority_is_served(house: House, host: str) -> None:
    async with house.serving(shout):
        channels = house.channels(house.client(), host)
        assert await asking(channels) == "HELLO"
        assert await asyncio.to_thread(speak, channels.to("tts"), "hello") == "HELLO"


async def test_a_client_without_a_certificate_is_refused(house: House) -> None:
    async with house.serving(shout):
        authority = (house.folder / "ca.crt").read_bytes()
        with grpc.secure_channel(
            f"127.0.0.1:{house.port}", grpc.ssl_channel_credentials(authority), client.OPTIONS
        ) as channel:
            stub = translation_pb2_grpc.TranslationStub(channel)
            request = translation_pb2.TranslateRequest(texts=["hello"])
            with pytest.raises(Unavailable) as caught:
                await asyncio.to_thread(client.call, lambda: stub.Translate(request, timeout=30))
    assert "does not accept this process's certificate" in caught.value.detail
    assert house.shown == []


async def test_a_client_of_another_authority_is_refused(house: House, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "other").mount(tmp_path / "stranger", "worker")
    # It trusts the server; the server must not trust it.
    (stranger / "ca.crt").unlink()
    (stranger / "ca.crt").write_bytes((house.folder / "ca.crt").read_bytes())
    async with house.serving(shout):
        error = await refused(house.channels(stranger))
    assert "does not accept this process's certificate" in error.detail
    assert house.shown == []


async def test_a_client_whose_certificate_has_expired_is_refused(house: House, tmp_path: Path) -> None:
    late = house.authority.mount(tmp_path / "late", "worker", until=LONG_AGO)
    async with house.serving(shout):
        await refused(house.channels(late))
    assert house.shown == []


async def test_a_client_without_tls_is_refused(house: House) -> None:
    async with house.serving(shout):
        await refused(house.channels(None))
    assert house.shown == []


async def test_a_server_without_tls_is_refused(house: House) -> None:
    async with house.serving(shout, tls_dir=None):
        error = await refused(house.channels(house.client()))
    assert error.code == "tls_refused"
    assert "WRONG_VERSION_NUMBER" in error.detail
    assert "DRAGOMAN_TLS_DIR" in error.detail


async def test_a_server_of_another_authority_is_refused(house: House, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "other").mount(tmp_path / "stranger", "worker")
    async with house.serving(shout):
        error = await refused(house.channels(stranger))
    assert error.code == "tls_refused"
    assert "CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate" in error.detail


async def test_a_server_whose_certificate_has_expired_is_refused(house: House) -> None:
    house.authority.mount(house.folder, "127.0.0.1", until=LONG_AGO)
    async with house.serving(shout):
        error = await refused(house.channels(house.client()))
    assert error.code == "tls_refused"
    assert "certificate has expired" in error.detail


async def test_a_server_that_is_somebody_else_is_refused(house: House) -> None:
    house.authority.mount(house.folder, "tts")
    async with house.serving(shout):
        error = await refused(house.channels(house.client()))
    assert error.code == "tls_refused"
    assert "Hostname Verification Check failed" in error.detail


# Python warns of the old versions, which are here to be refused.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_is_spoken_from_version_1_2_on(house: House) -> None:
    async with house.serving(shout):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            assert (await asyncio.to_thread(handshake, house.port, house.client(), version))[0] == name
        with pytest.raises(OSError, match=r"EOF|PROTOCOL_VERSION|reset"):
            await asyncio.to_thread(handshake, house.port, house.client(), ssl.TLSVersion.TLSv1_1)


async def test_probes_need_no_certificate(house: House) -> None:
    port = free_port()
    async with house.serving(shout, health_port=port):
        for name in ("", "liveness", GRPC_NAME):
            assert await asyncio.to_thread(health, port, name) == "SERVING"


@pytest.fixture
def gateway(house: House, redis_url: str, tmp_path: Path) -> GatewaySettings:
    """A gateway with a certificate, as its settings."""
    prefix = f"test-{uuid.uuid4().hex}:"
    return GatewaySettings(home=tmp_path, redis_url=redis_url, key_prefix=prefix, tls_dir=house.client())


async def test_the_gateway_sees_that_all_are_ready(house: House, gateway: GatewaySettings) -> None:
    async def readyz(settings: GatewaySettings) -> int:
        targets = {f"{name}_target": f"127.0.0.1:{house.port}" for name in SERVICES}
        transport = httpx.ASGITransport(create_app(settings.model_copy(update=targets)))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as asking:
            return (await asking.get("/readyz")).status_code

    async with house.serving(shout):
        assert await readyz(gateway) == 200
        assert await readyz(gateway.model_copy(update={"tls_dir": None})) == 503


async def test_the_local_stack_sees_that_a_server_is_ready(house: House) -> None:
    component = Component("translation-server", None, "translation_port", "translation")
    async with house.serving(shout):
        settings = CliSettings(translation_port=house.port, tls_dir=house.client())
        assert await asyncio.to_thread(stack_health.ready, component, settings)
        without = CliSettings(translation_port=house.port)
        assert not await asyncio.to_thread(stack_health.ready, component, without)
