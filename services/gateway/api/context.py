"""What a request gets from the app: the job service, who asks, and the limits."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from starlette.datastructures import Headers

from services.gateway.access.keys import Keys
from services.gateway.access.links import Links
from services.gateway.access.model import Caller, Scope
from services.gateway.access.places import Places
from services.gateway.access.rates import Rates
from services.gateway.access.register import Register
from services.gateway.access.tenants import Tenants
from services.gateway.access.usage import Meter, Unmetered
from services.gateway.glossaries.service import Glossaries
from services.gateway.inference.servers import Servers
from services.gateway.jobs.abilities import Capabilities
from services.gateway.jobs.ports import Health, JobStore
from services.gateway.jobs.queue import NoTurns, Turns
from services.gateway.jobs.service import JobService
from services.gateway.scaling.publication import Scales, Unscaled
from services.gateway.settings import GatewaySettings
from services.gateway.uploads.service import Uploads
from services.gateway.webhooks.service import Webhooks
from services.shared.errors import Forbidden, Overloaded


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the routes use, wired by the composition root.

    Attributes:
        scaling: How large the services should be.
        meter: Counts what routes use that call model servers themselves.
        rates: Bounds the requests of a tenant per minute.
        places: Bounds those that run at once, of the routes that call model servers themselves.
        register: The keys but for the administrator's; None where there is no Redis.
        links: Made with keys, for browsers; None where there is no Redis.
        tenants: Their limits, and what they used; None where there is no Redis.
        servers: The model servers, for those routes; None when there are none.
        webhooks: Who hears of jobs that have ended; None where there is no Redis.
        glossaries: The tenants' glossaries; None where there is no Redis.
        uploads: Resumable uploads; None where there is no Redis.
        turns: Knows what is ahead of a job that waits.
        ending: Set as soon as the process is told to end.
    """

    settings: GatewaySettings
    keys: Keys
    jobs: JobService
    store: JobStore
    capabilities: Capabilities
    health: Health
    scaling: Scales = field(default_factory=Unscaled)
    meter: Meter = field(default_factory=Unmetered)
    servers: Servers | None = None
    rates: Rates = field(default_factory=Rates)
    places: Places = field(default_factory=Places)
    register: Register | None = None
    links: Links | None = None
    tenants: Tenants | None = None
    webhooks: Webhooks | None = None
    glossaries: Glossaries | None = None
    uploads: Uploads | None = None
    turns: Turns = field(default_factory=NoTurns)
    ending: threading.Event = field(default_factory=threading.Event)


async def context_of(request: Request) -> Context:
    """Return the context of the app that serves a request."""
    return cast("Context", request.app.state.context)


_READING: Final = ("GET", "HEAD")

Wired = Annotated[Context, Depends(context_of)]


async def authenticate(request: Request) -> Caller:
    """Return whom the key in Authorization (Bearer) or X-API-Key stands for, and count the request.

    Raises:
        Unauthorized: there is none, or a wrong one.
        Overloaded: (code rate_limited) its tenant sends too many requests.
        Unavailable: (code redis_unavailable) nobody can say whose the key is.
    """
    # Not as a dependency: solving one takes longer than all that is done here.
    context = await context_of(request)
    caller = request.state.caller = await caller_of(request)
    rate = await context.rates.take(caller.tenant)
    if rate is not None:
        request.state.rate = rate
        if rate.wait_s:
            detail = f"Your requests are limited to {rate.limit} per minute: wait {rate.wait_s} s."
            raise Overloaded(detail, code="rate_limited")
    return caller


async def caller_of(request: Request) -> Caller:
    """Return whom a request's key stands for, or the link with which it reads a job; raises Unauthorized."""
    keys = (await context_of(request)).keys
    key = key_in(request.headers)
    if key is None and request.method in _READING and "job_id" in request.path_params:
        token = request.query_params.get("token")
        if token is not None:
            return await keys.caller_by_link(token, request.path_params["job_id"])
    return await keys.caller(key)


def check_scope(caller: Caller, scope: Scope) -> None:
    """Check that a key is for this.

    Raises:
        Forbidden: (code missing_scope) it is not.
    """
    if scope not in caller.scopes:
        raise Forbidden(f"This key lacks the scope {scope}: use one that has it.", code="missing_scope")


def permits(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """Return a dependency that gives a route its caller, whose key has a scope."""

    async def caller_with_scope(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
        check_scope(caller, scope)
        return caller

    return caller_with_scope


def requires(scope: Scope) -> Callable[[Request], Awaitable[str]]:
    """Return a dependency that gives a route its caller's tenant, whose key has a scope."""

    # One dependency and not two, for the same reason as above.
    async def tenant_with_scope(request: Request) -> str:
        caller = await authenticate(request)
        check_scope(caller, scope)
        return caller.tenant

    return tenant_with_scope


def key_in(headers: Headers) -> str | None:
    """Return the key that a request came with, which may be a wrong one."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


# The tenant of a caller whose key has the scope that the name says.
read_by = requires(Scope.JOBS_READ)
Reader = Annotated[str, Depends(read_by)]
Writer = Annotated[str, Depends(requires(Scope.JOBS_WRITE))]
Speaker = Annotated[str, Depends(requires(Scope.AUDIO))]
Manager = Annotated[str, Depends(requires(Scope.MANAGE))]


async def placed(context: Wired, tenant: Speaker) -> AsyncIterator[None]:
    """Hold one of the tenant's places for a request to model servers, until its answer is sent.

    Raises:
        Overloaded: (codes concurrency_limited, audio_quota_exceeded) there is none.
    """
    async with context.places.held(tenant):
        yield
