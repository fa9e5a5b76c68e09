"""Composition root of the gateway's HTTP process."""

from __future__ import annotations

from fastapi import FastAPI

from services.gateway.access.admin_key import Keys, ensure_admin_key
from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.api.health import Lookups
from services.gateway.api.serving import serve
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.dispatch import CeleryDispatcher
from services.gateway.health import Health
from services.gateway.jobs.ports import Backlog
from services.gateway.jobs.service import JobService, Ports
from services.gateway.media import GrpcMediaProbe
from services.gateway.scaling.board import Board
from services.gateway.scaling.publication import Published
from services.gateway.settings import GatewaySettings
from services.gateway.storage.answers import RedisAnswers
from services.gateway.storage.redis import RedisJobStore
from services.shared import telemetry
from services.shared.artifacts.store import open_store
from services.shared.broker import make_celery
from services.shared.config import load
from services.shared.ledger.ledger import open_ledger
from services.shared.redis_url import client
from services.shared.rpc.client import Channels


def create_app(settings: GatewaySettings) -> FastAPI:
    """Wire the gateway as the settings say. Nothing is asked of any other process yet."""
    channels = Channels.of(settings)
    timeout_s = settings.gateway_health_timeout_s
    backlog = Backlog(settings.gateway_max_backlog_jobs, settings.gateway_max_tenant_backlog_jobs)
    ledger, redis = open_ledger(settings, retries=1), client(settings.redis_url, retries=1)
    store = RedisJobStore(ledger, backlog)
    answers = RedisAnswers(redis, settings.key_prefix)
    capabilities = GrpcCapabilities(channels, answers, settings.gateway_capabilities_s, timeout_s)
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
            scaling=Published(Board(redis, settings.key_prefix), ledger.now, settings.scaling_stale_s),
        )
    )


def main() -> None:
    """Serve HTTP until SIGTERM, then let running requests end."""
    settings = load(GatewaySettings)
    telemetry.configure("gateway", settings)
    app = create_app(settings)
    context: Context = app.state.context
    telemetry.SCRAPED.register(Lookups(context.store, settings))
    telemetry.SCRAPED.register(context.scaling)
    serve(app, settings)


if __name__ == "__main__":
    main()
