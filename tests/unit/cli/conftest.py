"""What the CLI tests share: settings of a home of their own, free ports, a gateway with set answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.settings import CliSettings
from tests.support.redis_server import free_port
from tests.support.stub_gateway import StubGateway, stub_gateway

PORT_SETTINGS = ("redis_port", "http_port", "asr_port", "translation_port", "tts_port", "codec_port")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of an installation of its own: a fresh home, free ports, no key, no Redis."""
    for name in ("DRAGOMAN_API_KEY", "DRAGOMAN_REDIS_URL", "DRAGOMAN_GATEWAY_URL", "CHILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAGOMAN_DRAIN_S", "5")
    for name in PORT_SETTINGS:
        monkeypatch.setenv(f"DRAGOMAN_{name.upper()}", str(free_port()))
    return monkeypatch


@pytest.fixture
def settings(environment: pytest.MonkeyPatch) -> CliSettings:
    return CliSettings()


@pytest.fixture
def gateway(environment: pytest.MonkeyPatch) -> Iterator[StubGateway]:
    """A stub gateway that the CLI finds through its settings, with the key `the-key`."""
    with stub_gateway() as stub:
        environment.setenv("DRAGOMAN_GATEWAY_URL", stub.url)
        environment.setenv("DRAGOMAN_API_KEY", "the-key")
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield stub
