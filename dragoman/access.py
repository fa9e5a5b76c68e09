"""The calls about keys, tenants, usage and stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Unpack

from dragoman.effects import Flow, Request, Stream
from dragoman.exchange import model, pages, path
from dragoman.models import Key, Stages, Tenant, Usage, id_of
from dragoman.specs import LimitsSpec, ReviewSpec


def create_key(
    tenant: str,
    *,
    name: str | None = None,
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> Flow[Key]:
    """Make an API key; the answer holds it, and it is never shown again. Needs the scope admin.

    Args:
        tenant: Whose it is.
        name: For people.
        scopes: What it may be used for; all that concerns its own tenant when None.
        expires_at: When it ends; with a time zone. Never when None.
    """
    wanted = {
        "tenant": tenant,
        "name": name,
        "scopes": scopes and list(scopes),
        "expires_at": expires_at and expires_at.isoformat(),
    }
    body = {field: value for field, value in wanted.items() if value is not None}
    return (yield from model(Key, Request("POST", path("keys"), json=body, idempotent=False)))


def list_keys(*, tenant: str | None = None) -> Stream[Key]:
    """Iterate over keys, without the keys themselves. Needs the scope admin."""
    yield from pages(Key, "keys", {"tenant": tenant})


def get_key(key: Key | str) -> Flow[Key]:
    """Return what is known of a key. Needs the scope admin."""
    return (yield from model(Key, Request("GET", path("keys", id_of(key)))))


def revoke_key(key: Key | str) -> Flow[Key]:
    """Take a key back; it is refused within 60 s. Needs the scope admin."""
    return (yield from model(Key, Request("DELETE", path("keys", id_of(key)))))


def list_tenants() -> Stream[Tenant]:
    """Iterate over tenants. Needs the scope admin."""
    yield from pages(Tenant, "tenants", {})


def get_tenant(name: str) -> Flow[Tenant]:
    """Return a tenant. Needs the scope admin."""
    return (yield from model(Tenant, Request("GET", path("tenants", name))))


def put_tenant(name: str, *, review: ReviewSpec | None = None, **limits: Unpack[LimitsSpec]) -> Flow[Tenant]:
    """Set all limits of a tenant, when its results need a review, or both. Needs the scope admin.

    Args:
        name: Of the tenant, which need not be there yet.
        review: When its results need a review, set as a whole; None leaves that as it is.
        limits: By their names; those not named become the installation's own. A review alone leaves all.
    """
    body: dict[str, Any] = {"name": name}
    if limits or review is None:
        body["limits"] = dict(limits)
    if review is not None:
        body["review"] = dict(review)
    return (yield from model(Tenant, Request("PUT", path("tenants", name), json=body)))


def usage(*, start: date | None = None, end: date | None = None, tenant: str | None = None) -> Flow[Usage]:
    """Return what a tenant used between two dates, both included.

    Args:
        start: First day, in UTC; the gateway's default when None.
        end: Last day.
        tenant: Another one's, with the scope admin only.
    """
    params = {"from": start and start.isoformat(), "to": end and end.isoformat(), "tenant": tenant}
    return (yield from model(Usage, Request("GET", path("usage"), params)))


def stages() -> Flow[Stages]:
    """Return how deep the stages are, what the installation can do, and how large its services should be."""
    return (yield from model(Stages, Request("GET", path("stages"))))
