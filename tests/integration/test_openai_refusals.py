"""What the OpenAI-compatible routes refuse, as the official SDK sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.support.clips import SHORT, wav
from tests.support.gateway_house import House, fakes, house
from tests.support.speech import silence

REFUSED = openai.UnprocessableEntityError
LIMITS = {"gateway_max_direct_bytes": 4_000_000, "gateway_max_direct_s": 60}


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(fakes(), redis_url, tmp_path_factory.mktemp("home"), **LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: House) -> Iterator[OpenAI]:
    with gateway.client as opened:
        yield opened


def error_of(caught: pytest.ExceptionInfo[openai.APIStatusError]) -> dict[str, Any]:
    """Return the body of an error, after checking that it is a problem document that names the request."""
    response = caught.value.response
    assert response.headers["content-type"] == "application/problem+json"
    assert caught.value.request_id == response.json()["request_id"]
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    return problem


@pytest.mark.parametrize(
    ("fields", "error", "code"),
    [
        ({"model": "gpt-5"}, openai.NotFoundError, "model_not_found"),
        ({"model": "tts-1"}, openai.NotFoundError, "model_not_found"),
        ({"response_format": "docx"}, REFUSED, "invalid_parameter"),
        ({"temperature": 3}, REFUSED, "invalid_parameter"),
        ({"language": "not a tag"}, REFUSED, "invalid_parameter"),
        ({"language": "tlh"}, REFUSED, "unsupported_language"),
        ({"file": ("a.wav", b"nothing like audio" * 9)}, REFUSED, "unknown_media"),
        ({"file": ("a.wav", b"")}, REFUSED, "empty_file"),
        ({"file": ("a.wav", bytes(4_000_001))}, openai.APIStatusError, "file_too_large"),
        ({"file": wav(silence(61))}, openai.APIStatusError, "media_too_long"),
        ({"stream": True, "response_format": "srt"}, REFUSED, "stream_not_supported"),
        ({"extra_body": {"target_language": "ja"}}, REFUSED, "unsupported_language_pair"),
        ({"extra_body": {"targetlanguage": "ja"}}, REFUSED, "invalid_parameter"),
        ({"extra_body": {"channels": ["agent", "customer"]}}, REFUSED, "channel_count_mismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_refused_as_the_sdk_expects_it(
    client: OpenAI, fields: dict[str, Any], error: type[openai.APIStatusError], code: str
) -> None:
    asked: dict[str, Any] = {"file": SHORT, "model": "whisper-1", "language": "en"} | fields
    with pytest.raises(error) as caught:
        client.audio.transcriptions.create(**asked)
    problem = error_of(caught)
    assert (caught.value.code, problem["code"]) == (code, code), problem
    if code == "invalid_parameter":
        assert caught.value.param == next(iter(fields.get("extra_body", fields)))
    if code in {"media_too_long", "file_too_large"}:
        assert caught.value.status_code == 413
        assert "/v1/jobs" in problem["detail"]


def test_a_wrong_key_opens_nothing(gateway: House) -> None:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="dgm_wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.audio.transcriptions.create(file=SHORT, model="whisper-1")
        assert error_of(caught)["code"] == "invalid_key"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"json": {"model": "whisper-1"}}, "unsupported_content_type"),
        ({"data": {"model": "whisper-1"}, "files": {"other": b"1"}}, "missing_file"),
        ({"files": {"file": ("a.wav", b"1")}}, "invalid_parameter"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, "invalid_form"),
    ],
)
def test_a_form_that_no_sdk_sends_is_refused_too(gateway: House, body: dict[str, Any], code: str) -> None:
    headers = {"authorization": f"Bearer {gateway.key}"} | body.pop("headers", {})
    answer = httpx.post(f"{gateway.url}/v1/audio/transcriptions", headers=headers, trust_env=False, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
