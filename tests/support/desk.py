"""A gateway on a real Redis without model servers, and the keys that it gives out."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi import FastAPI

from services.gateway.api.context import Context
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.shared import tasks
from services.shared.ledger.ledger import Ledger
from services.shared.redis_url import client as connect


@dataclass
class Desk:
    """A gateway to which clients come with keys of their own.

    Attributes:
        app: The gateway.
        admin: A client with the administrator's key.
    """

    app: FastAPI
    settings: GatewaySettings
    admin: httpx.AsyncClient
    _ends: AsyncExitStack

    @property
    def context(self) -> Context:
        """What its routes use."""
        return cast("Context", self.app.state.context)

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        return Ledger(connect(self.settings.redis_url), self.settings.key_prefix)

    async def client(self, key: str | None = None) -> httpx.AsyncClient:
        """Return a client with a key, or without."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        if key is not None:
            client.headers["authorization"] = f"Bearer {key}"
        return await self._ends.enter_async_context(client)

    async def key(self, tenant: str = "acme", **wanted: Any) -> str:
        """Make a key for a tenant; return the key itself."""
        answer = await self.admin.post("/v1/keys", json={"tenant": tenant, **wanted})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    async def holder(self, tenant: str = "acme", **wanted: Any) -> httpx.AsyncClient:
        """Return a client of a tenant, with a new key."""
        return await self.client(await self.key(tenant, **wanted))


def lonely(redis_url: str, home: Path, **settings: Any) -> GatewaySettings:
    """Return settings of a gateway whose model servers nobody runs."""
    nobody: dict[str, Any] = {f"{name}_target": "127.0.0.1:1" for name in tasks.SERVICES}
    prefix = f"test-{uuid.uuid4().hex}:"
    return GatewaySettings(home=home, redis_url=redis_url, key_prefix=prefix, **nobody, **settings)


@asynccontextmanager
async def desk(settings: GatewaySettings) -> AsyncIterator[Desk]:
    """Make a gateway in this process."""
    app = create_app(settings)
    async with AsyncExitStack() as ends:
        made = Desk(app, settings, cast("httpx.AsyncClient", None), ends)
        made.admin = await made.client(settings.admin_key_file.read_text().strip())
        yield made
