"""The routes of /v1/keys: API keys of all tenants, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from services.gateway.access.model import RESERVED_TENANT, TENANT_NAME, TENANT_SCOPES, Caller, Key, Scope
from services.gateway.access.register import Register
from services.gateway.api.context import Wired, permits
from services.gateway.api.moments import Moment
from services.shared.errors import Forbidden, Unavailable

MAX_NAME_CHARACTERS: Final = 100
Administrator = Annotated[Caller, Depends(permits(Scope.ADMIN))]

router = APIRouter(prefix="/v1/keys", tags=["access"])


def _not_reserved(tenant: str) -> str:
    if tenant == RESERVED_TENANT:
        raise ValueError(f"{RESERVED_TENANT} is no name for a tenant")
    return tenant


def _in_the_future(value: datetime) -> datetime:
    if value <= datetime.now(UTC):
        raise ValueError("lies in the past")
    return value


TenantName = Annotated[str, Field(pattern=f"^{TENANT_NAME.pattern}$"), AfterValidator(_not_reserved)]
Ending = Annotated[Moment, AfterValidator(_in_the_future)]


class NewKey(BaseModel):
    """A key to be made; without scopes it may do all that concerns its own tenant."""

    model_config = ConfigDict(extra="forbid")

    tenant: TenantName
    name: str = Field("", max_length=MAX_NAME_CHARACTERS)
    scopes: frozenset[Scope] = Field(TENANT_SCOPES, min_length=1)
    expires_at: Ending | None = None


class KeyView(BaseModel):
    """A key as administrators see it: never the key itself."""

    id: str
    tenant: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, record: Key, **more: str) -> Self:
        """Show a key."""
        return cls(
            id=record.id,
            tenant=record.tenant,
            name=record.name,
            scopes=sorted(record.scopes),
            created_at=record.created_at,
            expires_at=record.expires_at,
            revoked_at=record.revoked_at,
            last_used_at=record.last_used_at,
            **more,
        )


class NewKeyView(KeyView):
    """A key that was just made; what opens the doors is shown this once."""

    key: str


class KeysView(BaseModel):
    """All keys; there is never a second page."""

    keys: list[KeyView]
    next_page_token: str = ""


async def registered(context: Wired) -> Register:
    """Return the register of keys.

    Raises:
        Unavailable: (code redis_unavailable) this gateway runs without Redis.
    """
    if context.register is None:
        raise Unavailable("This gateway has no Redis, which keeps the keys.", code="redis_unavailable")
    return context.register


Registered = Annotated[Register, Depends(registered)]


@router.post("", status_code=HTTPStatus.CREATED)
def create(
    wanted: NewKey, response: Response, administrator: Administrator, register: Registered
) -> NewKeyView:
    """Make a key for any tenant; it can do nothing that the caller's own key cannot."""
    if lacking := wanted.scopes - administrator.scopes:
        detail = (
            f"Your own key lacks the scopes {', '.join(sorted(lacking))}: name others, or use another key."
        )
        raise Forbidden(detail, code="missing_scope")
    made, secret = register.add(
        Key(
            id="",
            tenant=wanted.tenant,
            name=wanted.name,
            scopes=wanted.scopes,
            created_at=datetime.now(UTC),
            expires_at=wanted.expires_at,
        )
    )
    response.headers["location"] = f"/v1/keys/{made.id}"
    response.headers["cache-control"] = "no-store"
    return NewKeyView.of(made, key=secret)


@router.get("")
def list_keys(_: Administrator, register: Registered, tenant: str | None = None) -> KeysView:
    """List keys, the oldest first; those that were revoked or have expired are among them."""
    return KeysView(keys=[KeyView.of(key) for key in register.list(tenant)])


@router.get("/{key_id}")
def get_key(key_id: str, _: Administrator, register: Registered) -> KeyView:
    """Return what is known of a key."""
    return KeyView.of(register.get(key_id))


@router.delete("/{key_id}")
async def revoke(key_id: str, context: Wired, _: Administrator, register: Registered) -> KeyView:
    """End a key for good: at once here, within 60 s at every gateway. Again is no error."""
    revoked = await run_in_threadpool(register.revoke, key_id)
    context.keys.forget()
    return KeyView.of(revoked)
