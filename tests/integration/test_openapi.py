"""Is the description of the API true? Schemathesis asks a whole gateway what fits it, and what does not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection

from services.gateway.api.application import build
from services.gateway.api.context import Context
from services.gateway.api.description import describe
from services.gateway.settings import GatewaySettings
from tests.support.gateway_house import House, fakes, house

RECORDINGS: Final = Path(__file__).parents[1] / "data"
_EXAMPLES: Final = 8
# What random fields never are, so that these routes come to more than a refusal.
_HEARD: Final[dict[str, Any]] = {
    "model": "whisper-1",
    "file": (RECORDINGS / "en-press-9.wav").read_bytes(),
    "language": "en",
    "target_language": "pt",
}
_SENSIBLE: Final[dict[str, dict[str, Any]]] = {
    "/v1/audio/transcriptions": _HEARD,
    "/v1/audio/translations": _HEARD,
    "/v1/audio/speech": {"model": "tts-1", "voice": "alloy", "language": "en"},
}
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
                "unknown_model",
            ),
            *("unknown_codec", "invalid_bitrate", "idempotency_key_reused", "unverifiable_language"),
        }
    ),
    "GET /v1/jobs": frozenset({"invalid_page_token"}),
    "GET /v1/glossaries": frozenset({"invalid_page_token"}),
    "POST /v1/glossaries": frozenset({"invalid_parameter"}),
    "PUT /v1/glossaries/{glossary_id}": frozenset({"invalid_parameter"}),
    "GET /v1/jobs/{job_id}/result": frozenset({"job_not_finished"}),
    "POST /v1/uploads/{upload_id}": frozenset({"invalid_upload_header", "unsupported_upload_type"}),
    "POST /v1/audio/transcriptions": frozenset({"channel_count_mismatch", "stream_not_supported"}),
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
    # A busy machine may need long.
    "request-timeout": 120,
    "generation": {
        "max-examples": _EXAMPLES,
        "deterministic": True,
        # Names of headers and of parameters that the gateway does not know, it passes over.
        "allow-extra-parameters": False,
    },
    "checks": {
        # Judged below, by code.
        "positive_data_acceptance": {"enabled": False},
        # 404: an id of the wrong form names nothing. 412 and 415 are what tus answers, 405 its override.
        "negative_data_rejection": {"expected-statuses": ["400", "404", "405", "412", "413", "415", "422"]},
        "missing_required_header": {"expected-statuses": ["405", "412", "422"]},
    },
}


def _description() -> dict[str, Any]:
    """Return what a gateway says of itself; it does not depend on its settings."""
    nobody: Any = None
    description = describe(build(Context(GatewaySettings(), nobody, nobody, nobody, nobody, nobody)))
    # Every request here has a key, beside which a wrong one in the other header is rightly passed over.
    return description | {"security": []}


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


@pytest.fixture(scope="module")
def there(gateway: House) -> dict[str, str]:
    """One object of each kind, by the name of its id in paths."""
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "job_id": ("jobs", {"kind": "speech", "text": "Hello.", "language": "en"}),
        "glossary_id": ("glossaries", {"name": "words", "terms": [{"source": "claim"}]}),
        "key_id": ("keys", {"tenant": "acme"}),
    }
    ids = {"model": "whisper-1", "name": "default"}
    with httpx.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {gateway.key}"}) as client:
        for name, (plural, body) in made.items():
            answer = client.post(f"/v1/{plural}", json=body)
            assert answer.is_success, answer.text
            ids[name] = answer.json()["id"]
    return ids


def _ask_for_what_is_there(case: Any, there: Mapping[str, str]) -> None:
    """Name what there is in place of what is there by no chance, where nothing is changed by that."""
    if case.method == "GET" and not case.path.endswith("/events"):
        case.path_parameters = {
            name: there.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
    sensible = _SENSIBLE.get(case.path, {})
    if isinstance(case.body, dict):
        # Into a new one: this one serves other cases as well.
        case.body = case.body | {name: value for name, value in sensible.items() if name in case.body}


@described.parametrize()
@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
def test_what_is_asked_is_answered_as_described(case: Any, gateway: House, there: dict[str, str]) -> None:
    """No 5xx, no undocumented status, content type, header or body; wrong requests are refused."""
    positive = case.meta.generation.mode is GenerationMode.POSITIVE
    if positive:
        _ask_for_what_is_there(case, there)
    answer = case.call(base_url=gateway.url, headers={"Authorization": f"Bearer {gateway.key}"})
    # What was put into a positive case by us would pass for wrong: it is bytes where a text is described.
    case.validate_response(answer, excluded_checks=[negative_data_rejection] if positive else [])
    if positive and 400 <= answer.status_code < 500 and answer.status_code != 404:
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
