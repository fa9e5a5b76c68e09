"""The HTTP app: routes, errors and request ids around a wired context."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request

from services.gateway.api import (
    errors,
    glossaries,
    health,
    jobs,
    keys,
    links,
    openai,
    stages,
    tenants,
    tus,
    usage,
    webhooks,
)
from services.gateway.api.context import Context, authenticate
from services.gateway.api.description import describe
from services.gateway.api.events import Watching
from services.gateway.api.guard import Guard
from services.gateway.api.observed import Observed
from services.gateway.api.origins import allow_origins
from services.gateway.api.rate_headers import RateHeaders
from services.gateway.api.request_id import RequestId
from services.gateway.api.views import Views

_description = APIRouter(dependencies=[Depends(authenticate)])


@_description.get("/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Any:
    """Return the description of this API."""
    return describe(request.app)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield
    context: Context = app.state.context
    if context.servers is not None:
        await context.servers.close()


def build(context: Context) -> FastAPI:
    """Return the app. Its description lies behind the key, as everything else under /v1 does."""
    app = FastAPI(
        title="Dragoman",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # They would lead to wherever the Host header says, and to http behind a proxy that ends TLS.
        redirect_slashes=False,
        lifespan=_life,
    )
    app.state.context = context
    app.state.views = Views(context.store, context.turns, context.scaling)
    app.state.watching = Watching(app.state.views, context.settings, context.ending)
    app.add_middleware(RateHeaders)
    app.add_middleware(Guard, settings=context.settings)
    allow_origins(app, context.settings.gateway_cors_origins)
    app.add_middleware(Observed, keys=context.keys)
    app.add_middleware(RequestId)
    errors.install(app)
    for router in (
        jobs.router,
        jobs.receipts,
        links.router,
        tus.router,
        stages.router,
        webhooks.router,
        glossaries.router,
        openai.router,
        keys.router,
        tenants.router,
        usage.router,
        _description,
        health.router,
    ):
        app.include_router(router)
    return app
