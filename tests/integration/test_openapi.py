"""Is the description of the API true? Schemathesis asks a whole gateway what fits it, and what does not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.api.description import describe
from services.gateway.settings import GatewaySettings
from tests.support.gateway_house import House, fakes, house

_EXAMPLES: Final = 8
# Why a request may be refused that is of the form that the description asks for.
_MEANING: Final[Mapping[str, frozenset[str]]] = {
    "POST /v1/jobs": frozenset(
        {
            *("invalid_spec", "invalid_idempotency_key", "missing_file", "unexpected_file", "empty_file"),
            *(
                "several_files",
                "url_not_allowed",
                "source_url_disabled",
                "unknown_webhook",
                "unknown_glossary",
            ),
            *(
                "unknown_media",
                "invalid_raw_format",
                "unsupported_language",
                "unsupported_language_pair",
                "unknown_voice",
            ),
            *("unknown_codec", "invalid_bitrate", "idempotency_key_reused"),
        }
    ),
    "GET /v1/jobs": frozenset({"invalid_page_token"}),
    "POST /v1/glossaries": frozenset({"invalid_parameter"}),
    "PUT /v1/glossaries/{glossary_id}": frozenset({"invalid_parameter"}),
    "POST /v1/audio/speech": frozenset({"invalid_parameter"}),
    "POST /v1/webhooks": frozenset({"url_not_allowed"}),
    "PATCH /v1/webhooks/{webhook_id}": frozenset({"url_not_allowed"}),
    "GET /v1/webhooks/{webhook_id}/deliveries": frozenset({"invalid_page_token"}),
    "POST /v1/keys": frozenset({"invalid_parameter"}),
    "PUT /v1/tenants/{name}": frozenset({"invalid_parameter"}),
    "GET /v1/usage": frozenset({"invalid_parameter"}),
}

_CONFIG: Final = {
    "seed": 1,
    "generation": {
        "max-examples": _EXAMPLES,
        "deterministic": True,
        # Names of headers and of parameters that the gateway does not know, it passes over.
        "allow-extra-parameters": False,
    },
    "checks": {
        # Judged below, by code.
        "positive_data_acceptance": {"enabled": False},
        "negative_data_rejection": {"expected-statuses": ["4xx"]},
        "missing_required_header": {"expected-statuses": ["4xx"]},
    },
}


def _description() -> dict[str, Any]:
    """Return what a gateway says of itself; it does not depend on its settings."""
    nobody: Any = None
    return describe(build(Context(GatewaySettings(), nobody, nobody, nobody, nobody, nobody)))


DESCRIPTION: Final = _description()
described = schemathesis.openapi.from_dict(DESCRIPTION, config=SchemathesisConfig.from_dict(_CONFIG))


@schemathesis.serializer("application/offset+octet-stream")
def _as_it_is(_context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway with model servers that need no models."""
    with house(fakes(), redis_url, tmp_path_factory.mktemp("home"), log_level="error") as opened:
        yield opened


@described.parametrize()
@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
def test_what_is_asked_is_answered_as_described(case: Any, gateway: House) -> None:
    """No 5xx, no undocumented status, content type, header or body; wrong requests are refused."""
    answer = case.call(base_url=gateway.url, headers={"Authorization": f"Bearer {gateway.key}"})
    case.validate_response(answer)
    if case.meta.generation.mode is GenerationMode.POSITIVE and answer.status_code in {400, 422}:
        code = answer.json()["code"]
        assert code in _MEANING.get(case.operation.label, frozenset()), answer.text


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"]
)
def test_what_is_no_http_is_answered_as_described_too(gateway: House, noise: bytes) -> None:
    url = httpx.URL(gateway.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as line:
        line.sendall(noise)
        head, _, body = line.makefile("rb").read().partition(b"\r\n\r\n")
    problem = json.loads(body)
    jsonschema.validate(problem, DESCRIPTION["components"]["schemas"]["Problem"])
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"x-request-id: {problem['request_id']}".encode() in head.lower()
