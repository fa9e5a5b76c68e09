"""The HTTP app: routes, errors and request ids around a wired context."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request

from services.gateway.api import errors, health, jobs, stages
from services.gateway.api.context import Context, authenticate
from services.gateway.api.observed import Observed
from services.gateway.api.request_id import RequestId
from services.gateway.jobs.spec import json_schema

_description = APIRouter(dependencies=[Depends(authenticate)])


@_description.get("/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Any:
    """Return the description of this API, with the job spec, which the routes read by themselves."""
    description = request.app.openapi()
    spec = json_schema(ref_template="#/components/schemas/{model}")
    description["components"]["schemas"] |= spec.pop("$defs") | {"JobSpec": spec}
    return description


def build(context: Context) -> FastAPI:
    """Return the app. Its description lies behind the key, as everything else under /v1 does."""
    app = FastAPI(title="Dragoman", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.context = context
    app.add_middleware(Observed, keys=context.keys)
    app.add_middleware(RequestId)
    errors.install(app)
    for router in (jobs.router, stages.router, _description, health.router):
        app.include_router(router)
    return app
