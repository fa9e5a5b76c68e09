"""Page tokens (AIP-158): opaque to clients, bound to the filter they were made for, worth nothing alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import Final

from services.gateway.jobs.ids import JOB_ID
from services.gateway.jobs.ports import JobQuery
from services.shared.errors import InvalidRequest

_MARK_CHARACTERS: Final = 16


def make_token(before: str | None, query: JobQuery) -> str:
    """Return the token for what comes after a page of a query; empty at the end."""
    return token_of(before, _mark(query))


def read_token(token: str, query: JobQuery) -> str | None:
    """Return the job id that a token goes on from; None for the first page.

    Raises:
        InvalidRequest: (code invalid_page_token) it was not made here, or for another filter.
    """
    return id_in(token, _mark(query), JOB_ID)


def token_of(before: str | None, mark: str) -> str:
    """Return the token for what comes after an id in the list that `mark` stands for; empty at the end."""
    if before is None:
        return ""
    return base64.urlsafe_b64encode(json.dumps([before, mark]).encode()).decode().rstrip("=")


def id_in(token: str, mark: str, form: re.Pattern[str]) -> str | None:
    """Return the id, of that form, that a token of `token_of` goes on from; raises as `read_token`."""
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        before, made_for = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise _invalid() from None
    if made_for != mark or not isinstance(before, str) or not form.fullmatch(before):
        raise _invalid()
    return before


def _mark(query: JobQuery) -> str:
    """Return what tells the filter of a query from another one; how long its pages are, may change."""
    filters = asdict(replace(query, limit=0, before=None, metadata=dict(sorted(query.metadata.items()))))
    del filters["tenant"]
    return hashlib.sha256(json.dumps(filters, default=str).encode()).hexdigest()[:_MARK_CHARACTERS]


def _invalid() -> InvalidRequest:
    return InvalidRequest(
        "page_token is not one that this list gave for this filter: start again without it.",
        code="invalid_page_token",
    )
