"""The routes of /v1/tenants: limits of tenants and when their results need a review, for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.gateway.access.model import Scope
from services.gateway.access.tenants import Tenant, Tenants
from services.gateway.api.context import Wired, requires
from services.gateway.api.keys import TenantName
from services.gateway.jobs.listing import listed
from services.gateway.jobs.policy import OwnPolicy
from services.gateway.jobs.review import CODES
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared.errors import Unavailable
from services.shared.ledger.accounts import Limits

# Redis counts exactly up to there.
_MOST: Final = 2**53 - 1
Limit = Annotated[int, Field(strict=True, ge=0, le=_MOST)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Delay = Annotated[int, Field(strict=True, ge=0, le=60_000)]


def _known(code: str) -> str:
    if code not in CODES:
        raise ValueError(f"is no code that a result warns of, which are {listed(sorted(CODES))}")
    return code


Code = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(CODES)})]

router = APIRouter(prefix="/v1/tenants", tags=["access"], dependencies=[Depends(requires(Scope.ADMIN))])


class LimitsView(BaseModel):
    """What a tenant may use: null is the installation's default, and 0 is no limit."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: Limit | None = None
    concurrent_requests: Limit | None = None
    unfinished_jobs: Limit | None = None
    storage_bytes: Limit | None = None
    audio_minutes_per_month: Limit | None = None


class ReviewView(BaseModel):
    """When a tenant's results need a review: null is the installation's default. Each job keeps what held."""

    model_config = ConfigDict(extra="forbid")

    min_confidence: Share | None = None
    min_entity_confidence: Share | None = None
    max_delay_ms: Delay | None = None
    max_word_error_rate: Share | None = None
    ignored: Annotated[list[Code], Field(max_length=len(CODES))] | None = None

    def own(self) -> OwnPolicy:
        """Return it as it is kept: each code once."""
        said = self.model_dump()
        if self.ignored is not None:
            said["ignored"] = tuple(dict.fromkeys(self.ignored))
        return OwnPolicy(**said)


class NewTenant(BaseModel):
    """What is to be set: `limits`, `review` or both. The name may come along, as the tenant was shown."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    limits: LimitsView | None = None
    review: ReviewView | None = None

    @model_validator(mode="after")
    def _something_to_set(self) -> Self:
        if self.limits is None and self.review is None:
            raise ValueError("give limits, review or both")
        return self


class TenantView(BaseModel):
    """A tenant."""

    name: str
    limits: LimitsView
    review: ReviewView

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """Show a tenant."""
        limits, review = asdict(tenant.limits), asdict(tenant.review)
        if tenant.review.ignored is not None:
            review["ignored"] = [code for code in tenant.review.ignored if code in CODES]
        return cls(name=tenant.name, limits=LimitsView(**limits), review=ReviewView(**review))


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
    """Return a tenant's own limits and policy."""
    return TenantView.of(tenants.get(name))


@router.put("/{name}")
def put_tenant(name: TenantName, wanted: NewTenant, tenants: Known) -> TenantView:
    """Set the limits of a tenant, which need not be there yet, or when its results need a review.

    Each is set as a whole; left out, it stays as it is. Limits hold everywhere within 30 s, `review` for jobs
    that are submitted from now on.
    """
    if wanted.name not in (None, name):
        raise InvalidFields(
            "request", (FieldError("name", "is not the one of the path"),), code="invalid_parameter"
        )
    limits = Limits(**wanted.limits.model_dump()) if wanted.limits else None
    review = wanted.review.own() if wanted.review else None
    return TenantView.of(tenants.put(name, limits, review))
