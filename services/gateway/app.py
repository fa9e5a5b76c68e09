"""Composition root of the gateway's HTTP process."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from services.gateway.access.admin_key import ensure_admin_key
from services.gateway.access.counters import Counters, Defaults
from services.gateway.access.keys import Keys
from services.gateway.access.links import Links
from services.gateway.access.places import Places
from services.gateway.access.rates import Rates
from services.gateway.access.register import Register
from services.gateway.access.reviews import Reviews
from services.gateway.access.tenants import Tenants
from services.gateway.access.usage import GatheringMeter
from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.api.health import Lookups
from services.gateway.api.serving import serve
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.dispatch import CeleryDispatcher
from services.gateway.glossaries.service import Glossaries
from services.gateway.glossaries.store import GlossaryStore
from services.gateway.health import Health
from services.gateway.inference.servers import Servers
from services.gateway.jobs.ports import Backlog, Quotas
from services.gateway.jobs.service import JobService, Ports
from services.gateway.media import GrpcMediaProbe
from services.gateway.scaling.board import Board
from services.gateway.scaling.publication import Published
from services.gateway.settings import GatewaySettings
from services.gateway.storage.answers import RedisAnswers
from services.gateway.storage.erasures import RedisErasures
from services.gateway.storage.redis import RedisJobStore
from services.gateway.storage.turns import RedisTurns
from services.gateway.uploads.records import Records
from services.gateway.uploads.service import Uploads
from services.gateway.urls import AllowedUrls
from services.gateway.webhooks.wiring import open_webhooks
from services.shared import telemetry
from services.shared.artifacts.store import open_store
from services.shared.broker import make_celery
from services.shared.config import load
from services.shared.ledger.ledger import open_ledger
from services.shared.redis_url import client
from services.shared.rpc.client import Channels

_ACCESS_WAIT_S: Final = 2.0


def create_app(settings: GatewaySettings) -> FastAPI:
    """Wire the gateway as the settings say. Nothing is asked of any other process yet."""
    channels = Channels.of(settings)
    timeout_s = settings.gateway_health_timeout_s
    backlog = Backlog(settings.gateway_max_backlog_jobs, settings.gateway_max_tenant_backlog_jobs)
    ledger, redis = open_ledger(settings, retries=1), client(settings.redis_url, retries=1)
    quotas = Quotas(settings.gateway_storage_bytes, settings.gateway_audio_minutes_per_month)
    store = RedisJobStore(ledger, backlog, quotas)
    answers = RedisAnswers(redis, settings.key_prefix)
    capabilities = GrpcCapabilities(channels, answers, settings.gateway_capabilities_s, timeout_s)
    webhooks = open_webhooks(settings)
    glossaries = Glossaries(GlossaryStore(redis, settings.key_prefix))
    reviews = Reviews(redis, settings.key_prefix)
    artifacts = open_store(settings)
    records = Records(
        redis, settings.key_prefix, settings.gateway_upload_ttl_s, settings.gateway_storage_bytes
    )
    uploads = Uploads(records, artifacts, settings.gateway_max_upload_bytes)
    ports = Ports(
        store=store,
        artifacts=artifacts,
        dispatcher=CeleryDispatcher(make_celery(settings, "gateway")),
        capabilities=capabilities,
        probe=GrpcMediaProbe(channels, timeout_s),
        uploads=uploads,
        urls=AllowedUrls(settings),
        erasures=RedisErasures(redis, settings.key_prefix),
        webhooks=webhooks,
        glossaries=glossaries,
        policies=reviews,
    )
    # Asked before anything else: a Redis that hangs must not hold up requests for long.
    hasty = client(settings.redis_url, retries=1, most_wait_s=_ACCESS_WAIT_S)
    register, links = Register(hasty, settings.key_prefix), Links(hasty, settings.key_prefix)
    counters = Counters(hasty, settings.key_prefix, _defaults(settings))
    return build(
        Context(
            settings=settings,
            keys=Keys(ensure_admin_key(settings.admin_key_file), register, links=links),
            jobs=JobService(ports),
            store=store,
            capabilities=capabilities,
            health=Health(store, channels, timeout_s),
            servers=Servers.of(settings, settings.gateway_direct_deadline_s),
            uploads=uploads,
            turns=RedisTurns(redis, settings.key_prefix),
            scaling=Published(Board(redis, settings.key_prefix), ledger.now, settings.scaling_stale_s),
            meter=GatheringMeter(ledger.accounts),
            rates=Rates(counters),
            places=Places(counters),
            register=register,
            links=links,
            tenants=Tenants(ledger.accounts, reviews),
            webhooks=webhooks,
            glossaries=glossaries,
        )
    )


def _defaults(settings: GatewaySettings) -> Defaults:
    return Defaults(
        settings.gateway_requests_per_minute,
        settings.gateway_concurrent_requests,
        settings.gateway_audio_minutes_per_month,
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
    context.meter.flush()


if __name__ == "__main__":
    main()
