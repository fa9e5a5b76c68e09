"""What a request gets from the app: the job service, who asks, and the limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.datastructures import Headers

from services.gateway.access.admin_key import Keys
from services.gateway.access.model import Caller, Scope
from services.gateway.jobs.ports import Capabilities, Health, JobStore
from services.gateway.jobs.service import JobService
from services.gateway.scaling.publication import Scales, Unscaled
from services.gateway.settings import GatewaySettings
from services.shared.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the routes use, wired by the composition root.

    Attributes:
        scaling: How large the services should be.
        ending: Set as soon as the process is told to end.
    """

    settings: GatewaySettings
    keys: Keys
    jobs: JobService
    store: JobStore
    capabilities: Capabilities
    health: Health
    scaling: Scales = field(default_factory=Unscaled)
    ending: threading.Event = field(default_factory=threading.Event)


def context_of(request: Request) -> Context:
    """Return the context of the app that serves a request."""
    return cast("Context", request.app.state.context)


Wired = Annotated[Context, Depends(context_of)]


def authenticate(request: Request, context: Wired) -> Caller:
    """Return whom the key in Authorization (Bearer) or X-API-Key stands for.

    Raises:
        Unauthorized: there is none, or a wrong one.
    """
    return context.keys.caller(key_in(request.headers))


def requires(scope: Scope) -> Callable[[Caller], str]:
    """Return a dependency that gives a route its caller's tenant.

    Raises:
        Forbidden: (code missing_scope) the key is not for this.
    """

    def tenant_with_scope(caller: Annotated[Caller, Depends(authenticate)]) -> str:
        if scope not in caller.scopes:
            raise Forbidden(f"This key lacks the scope {scope}: use one that has it.", code="missing_scope")
        return caller.tenant

    return tenant_with_scope


def key_in(headers: Headers) -> str | None:
    """Return the key that a request came with, which may be a wrong one."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


# The tenant of a caller whose key has the scope that the name says.
Reader = Annotated[str, Depends(requires(Scope.JOBS_READ))]
Writer = Annotated[str, Depends(requires(Scope.JOBS_WRITE))]
Speaker = Annotated[str, Depends(requires(Scope.AUDIO))]
Manager = Annotated[str, Depends(requires(Scope.MANAGE))]
