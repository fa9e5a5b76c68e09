"""Webhooks by the Standard Webhooks specification: is a message really from the gateway?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from dragoman.errors import InvalidSignature
from dragoman.models import WebhookEvent

TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"


def verify_webhook(
    headers: Mapping[str, str], body: bytes | str, secret: str, *, tolerance_s: float = TOLERANCE_S
) -> WebhookEvent:
    """Return what a message says, if it was signed with this secret, and lately.

    A message comes more than once when an answer got lost: `webhook-id` stays the same.

    Args:
        headers: Of the request; the case of their names does not matter.
        body: Of the request, exactly as it came.
        secret: Of the endpoint, "whsec_...".
        tolerance_s: How far its time may be from this machine's, in seconds.

    Raises:
        InvalidSignature: it was not, or it is no message of a gateway.
        ValueError: the secret is not one.
    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message, stamp, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        age_s = abs(time.time() - int(stamp))
    except (KeyError, ValueError):
        raise InvalidSignature("A header is missing or wrong: this is no message of a gateway.") from None
    if age_s > tolerance_s:
        raise InvalidSignature(f"The message is {age_s:.0f} s old or ahead; is this machine's clock right?")
    content = body.encode() if isinstance(body, str) else body
    expected = _signature(message, stamp, content, secret)
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in signatures.split()):
        raise InvalidSignature("No signature fits: is this the endpoint's secret, and the body unchanged?")
    try:
        return WebhookEvent.model_validate_json(content)
    except ValidationError:
        raise InvalidSignature("The message is signed, but says nothing that is known here.") from None


def sign_webhook(message_id: str, timestamp_s: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers that a gateway sends with a message; for testing a receiver.

    Args:
        message_id: Such as "msg_1".
        timestamp_s: Unix time in seconds.
        body: Of the request.
        secret: Of the endpoint, "whsec_...".
    """
    stamp = str(timestamp_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": _signature(message_id, stamp, body, secret),
    }


def _signature(message_id: str, stamp: str, body: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("The secret must be as the gateway gave it: whsec_ and base64.")
    signed = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    return f"{_VERSION},{base64.b64encode(signed).decode()}"
