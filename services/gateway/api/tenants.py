"""The routes of /v1/tenants: limits of tenants, for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.model import Scope
from services.gateway.access.tenants import Tenant, Tenants
from services.gateway.api.context import Wired, requires
from services.gateway.api.keys import TenantName
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared.errors import Unavailable
from services.shared.ledger.accounts import Limits

# Redis counts exactly up to there.
_MOST: Final = 2**53 - 1
Limit = Annotated[int, Field(strict=True, ge=0, le=_MOST)]

router = APIRouter(prefix="/v1/tenants", tags=["access"], dependencies=[Depends(requires(Scope.ADMIN))])


class LimitsView(BaseModel):
    """What a tenant may use: null is the installation's default, and 0 is no limit."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: Limit | None = None
    concurrent_requests: Limit | None = None
    unfinished_jobs: Limit | None = None
    storage_bytes: Limit | None = None
    audio_minutes_per_month: Limit | None = None


class NewLimits(BaseModel):
    """Limits to be set; the name may come along, as the tenant was shown."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    limits: LimitsView


class TenantView(BaseModel):
    """A tenant."""

    name: str
    limits: LimitsView

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """Show a tenant."""
        return cls(name=tenant.name, limits=LimitsView(**asdict(tenant.limits)))


class TenantsView(BaseModel):
    """All tenants; there is never a second page."""

    tenants: list[TenantView]
    next_page_token: str = ""


async def known(context: Wired) -> Tenants:
    """Return the tenants.

    Raises:
        Unavailable: (code redis_unavailable) this gateway runs without Redis.
    """
    if context.tenants is None:
        raise Unavailable("This gateway has no Redis, which keeps the tenants.", code="redis_unavailable")
    return context.tenants


Known = Annotated[Tenants, Depends(known)]


@router.get("")
def list_tenants(tenants: Known) -> TenantsView:
    """List the tenants that were ever given a key or limits, by name."""
    return TenantsView(tenants=[TenantView.of(tenant) for tenant in tenants.list()])


@router.get("/{name}")
def get_tenant(name: str, tenants: Known) -> TenantView:
    """Return a tenant's own limits."""
    return TenantView.of(tenants.get(name))


@router.put("/{name}")
def put_tenant(name: TenantName, wanted: NewLimits, tenants: Known) -> TenantView:
    """Set all limits of a tenant, which need not be there yet; they hold everywhere within 30 s."""
    if wanted.name not in (None, name):
        raise InvalidFields(
            "request", (FieldError("name", "is not the one of the path"),), code="invalid_parameter"
        )
    tenant = Tenant(name, Limits(**wanted.limits.model_dump()))
    tenants.put(tenant)
    return TenantView.of(tenant)
