"""Page tokens (AIP-158): opaque to clients, bound to the filter they were made for, worth nothing alone."""

from __future__ import annotations

import base64
import binascii
import json

from services.gateway.jobs.ids import JOB_ID
from services.shared.errors import InvalidRequest


def make_token(before: str | None, state: str | None) -> str:
    """Return the token for what comes after a page; empty at the end."""
    if before is None:
        return ""
    return base64.urlsafe_b64encode(json.dumps([before, state]).encode()).decode().rstrip("=")


def read_token(token: str, state: str | None) -> str | None:
    """Return the job id that a token goes on from; None for the first page.

    Raises:
        InvalidRequest: (code invalid_page_token) it was not made here, or for another filter.
    """
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        before, made_for = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise _invalid() from None
    if made_for != state or not isinstance(before, str) or not JOB_ID.fullmatch(before):
        raise _invalid()
    return before


def _invalid() -> InvalidRequest:
    return InvalidRequest(
        "page_token is not one that this list gave for this filter: start again without it.",
        code="invalid_page_token",
    )
