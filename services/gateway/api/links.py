"""The route that makes links: a token with which a browser, which cannot send a key, reads one job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.links import Link
from services.gateway.access.register import digest_of
from services.gateway.api.context import Reader, Wired, key_in
from services.shared.errors import Unavailable

router = APIRouter(tags=["jobs"])


class LinkRequest(BaseModel):
    """How long a link is to be good."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in_s: Annotated[int, Field(ge=60, le=3600)] = 900


class LinkView(BaseModel):
    """A link: append ?token=TOKEN to the paths of the job."""

    token: str
    job: str
    expires_at: datetime


@router.post("/v1/jobs/{job_id}/links", status_code=HTTPStatus.CREATED)
def make_link(
    request: Request, job_id: str, context: Wired, tenant: Reader, wanted: LinkRequest | None = None
) -> LinkView:
    """Make a token that reads one job, its events and its files: for browsers, which cannot send a key."""
    job, key, lasting = context.jobs.get(tenant, job_id), key_in(request.headers), wanted or LinkRequest()
    if context.links is None or key is None:
        raise Unavailable("Links need Redis.", code="redis_unavailable")
    token = context.links.make(Link(job.id, digest_of(key)), lasting.expires_in_s)
    expires_at = datetime.now(UTC) + timedelta(seconds=lasting.expires_in_s)
    return LinkView(token=token, job=job.id, expires_at=expires_at)
