"""Webhooks: what is signed is believed, by us and by the Standard Webhooks package, and nothing else is."""

from __future__ import annotations

import base64
import secrets
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from dragoman import InvalidSignature, sign_webhook, verify_webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"another key, which is as long as").decode()
BODY = b'{"type": "job.succeeded", "timestamp": "2026-01-02T03:04:05Z", "data": {"job": "job_1"}}'


def signed(age_s: float = 0, secret: str = SECRET) -> dict[str, str]:
    return sign_webhook("msg_1", int(time.time() - age_s), BODY, secret)


def by_the_package(body: bytes = BODY) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("msg_1", now, body.decode()),
    }


def test_what_the_package_signs_is_believed() -> None:
    heard = verify_webhook(by_the_package(), BODY, SECRET)
    assert (heard.type, heard.data) == ("job.succeeded", {"job": "job_1"})
    assert verify_webhook(by_the_package(), BODY.decode(), SECRET) == heard


def test_what_is_signed_here_the_package_believes() -> None:
    assert Webhook(SECRET).verify(BODY, signed())["data"] == {"job": "job_1"}
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, signed())


@given(st.binary(min_size=24, max_size=64))
def test_any_secret_does(key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed(secret=secret)
    assert verify_webhook(headers, BODY, secret).type == Webhook(secret).verify(BODY, headers)["type"]


def test_during_a_rotation_either_secret_does() -> None:
    both = signed()
    both["webhook-signature"] += " " + signed(secret=OTHER)["webhook-signature"]
    assert verify_webhook(both, BODY, SECRET) == verify_webhook(both, BODY, OTHER)


def test_another_secret_or_body_is_not_believed() -> None:
    for headers, body in ((signed(secret=OTHER), BODY), (signed(), BODY.replace(b"job_1", b"job_2"))):
        with pytest.raises(InvalidSignature, match="secret"):
            verify_webhook(headers, body, SECRET)


@pytest.mark.parametrize("age_s", [-310, 310, 1e6])
def test_a_message_from_another_time_is_not_believed(age_s: float) -> None:
    with pytest.raises(InvalidSignature, match="clock"):
        verify_webhook(signed(age_s), BODY, SECRET)
    assert verify_webhook(signed(age_s), BODY, SECRET, tolerance_s=2e6).type == "job.succeeded"


@pytest.mark.parametrize("age_s", [-280, 280])
def test_a_message_that_took_its_time_is(age_s: float) -> None:
    assert verify_webhook(signed(age_s), BODY, SECRET).type == "job.succeeded"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "x", "²", "v1,", "v2,abc", "\u00e9"])
def test_wrong_headers_are_not_believed(name: str, value: str | None) -> None:
    headers = signed() | ({} if value is None else {name: value})
    if value is None:
        del headers[name]
    with pytest.raises(InvalidSignature):
        verify_webhook(headers, BODY, SECRET)


def test_a_signed_message_of_another_sort_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="known"):
        verify_webhook(by_the_package(b"[]"), b"[]", SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_x"])
def test_a_secret_that_is_none_says_so(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(signed(), BODY, secret)


def test_no_error_tells_the_secret() -> None:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with pytest.raises(InvalidSignature) as caught:
        verify_webhook(signed(), BODY, secret)
    assert secret not in repr(caught.value)
