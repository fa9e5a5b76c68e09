"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from services.gateway.access.admin_key import new_key
from services.gateway.access.keys import Keys
from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.jobs.ports import Component
from services.gateway.settings import GatewaySettings
from tests.unit.gateway.world import World

KEY = new_key()


class Components:
    """Health that a test sets."""

    def __init__(self) -> None:
        self.ready = True

    def own(self) -> list[Component]:
        return [Component("redis", ready=True, detail="reachable")]

    def components(self) -> list[Component]:
        return [*self.own(), Component("asr", self.ready, "serving")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A gateway's domain of its own."""
    return World(tmp_path / "artifacts")


@pytest.fixture
def components() -> Components:
    """Health that a test sets."""
    return Components()


@pytest.fixture
def app(world: World, components: Components, tmp_path: Path) -> FastAPI:
    """The HTTP app around that domain, with a small cap and fast event streams."""
    settings = GatewaySettings(
        home=tmp_path, gateway_max_upload_bytes=280_000, gateway_events_poll_s=0.01, gateway_heartbeat_s=0.02
    )
    return build(Context(settings, Keys(KEY), world.jobs, world.store, world.abilities, components))


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.fixture
def client(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with the key."""
    stranger.headers["authorization"] = f"Bearer {KEY}"
    return stranger
