"""Composition root of the gateway's HTTP process."""

from __future__ import annotations

from fastapi import FastAPI

from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.api.serving import serve
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.dispatch import CeleryDispatcher
from services.gateway.health import Health
from services.gateway.jobs.ports import Backlog
from services.gateway.jobs.service import JobService, Ports
from services.gateway.keys import Keys, ensure_admin_key
from services.gateway.media import GrpcMediaProbe
from services.gateway.settings import GatewaySettings
from services.gateway.storage.redis import RedisJobStore
from services.shared import telemetry
from services.shared.artifacts.store import open_store
from services.shared.broker import make_celery
from services.shared.config import load
from services.shared.ledger.ledger import open_ledger
from services.shared.rpc.client import Channels


def create_app(settings: GatewaySettings) -> FastAPI:
    """Wire the gateway as the settings say. Nothing is asked of any other process yet."""
    channels = Channels(settings.target_of)
    timeout_s = settings.gateway_health_timeout_s
    backlog = Backlog(settings.gateway_max_backlog_jobs, settings.gateway_max_tenant_backlog_jobs)
    store = RedisJobStore(open_ledger(settings, retries=1), backlog)
    capabilities = GrpcCapabilities(channels, settings.gateway_capabilities_s, timeout_s)
    ports = Ports(
        store=store,
        artifacts=open_store(settings),
        dispatcher=CeleryDispatcher(make_celery(settings, "gateway")),
        capabilities=capabilities,
        probe=GrpcMediaProbe(channels, timeout_s),
    )
    return build(
        Context(
            settings=settings,
            keys=Keys(ensure_admin_key(settings.admin_key_file)),
            jobs=JobService(ports),
            store=store,
            capabilities=capabilities,
            health=Health(store, channels, timeout_s),
        )
    )


def main() -> None:
    """Serve HTTP until SIGTERM, then let running requests end."""
    settings = load(GatewaySettings)
    telemetry.configure("gateway", settings)
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
