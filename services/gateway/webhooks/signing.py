"""Signatures by the Standard Webhooks spec, version v1: HMAC-SHA256 with a secret per endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32  # the spec asks for 24 to 64


def new_secret() -> str:
    """Return a fresh secret, in the form that verifying libraries take."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def signed_headers(keys: Iterable[str], message_id: str, timestamp_s: int, body: bytes) -> Mapping[str, str]:
    """Return the headers that prove who sent a body and when, with a signature by each of the secrets."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii")
