"""The OpenAPI description of the API: what the routes say of themselves, and what holds for all of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from fastapi import FastAPI

from services.gateway import jobs
from services.gateway.jobs.spec import json_schema

_LOCAL: Final = "#/$defs/"
_SHARED: Final = "#/components/schemas/"
_TEXT: Final = {"type": "string"}

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "Why a request failed (RFC 9457), with an `error` member as the OpenAI SDKs read it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "error"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "Says what to do."},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$", "description": "Stable, for programs."},
        "request_id": {"type": "string", "description": "Names the request in the gateway's log."},
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": _TEXT,
            },
        },
        "errors": {
            "description": "Each wrong field.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
    },
}
_PROBLEM: Final[dict[str, Any]] = {
    "description": "What failed, and what to do about it",
    "headers": {
        "x-request-id": {"required": True, "schema": _TEXT},
        "retry-after": {"description": "Seconds, where waiting helps.", "schema": {"type": "integer"}},
    },
    "content": {"application/problem+json": {"schema": {"$ref": f"{_SHARED}Problem"}}},
}
_KEYS: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
# Of what reads a job: made by POST /v1/jobs/{job_id}/links.
_LINK: Final[dict[str, Any]] = {"link": {"type": "apiKey", "in": "query", "name": "token"}}
_FOR_ALL: Final = ("4XX", "5XX")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an app, with the job spec and the result, which routes handle as bytes."""
    description: dict[str, Any] = copy.deepcopy(app.openapi())
    components = description.setdefault("components", {})
    schemas = components["schemas"] = _own(components.get("schemas", {}))
    schemas |= {"Problem": _PROBLEM_SCHEMA} | _spec() | _result()
    components |= {"responses": {"Problem": _PROBLEM}, "securitySchemes": _KEYS | _LINK}
    description["security"] = [{name: []} for name in _KEYS]
    for path, method, operation in _operations(description):
        _fail_like_all(method, operation)
        _say_no_null(operation)
        if not path.startswith("/v1/"):
            operation["security"] = []
        elif method in {"get", "head"} and "{job_id}" in path:
            operation["security"] = [{name: []} for name in (*_KEYS, *_LINK)]
    return description


def _own(schemas: dict[str, Any]) -> dict[str, Any]:
    # FastAPI describes its own errors, which never leave this app.
    return {name: schema for name, schema in schemas.items() if not name.endswith("ValidationError")}


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _fail_like_all(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422", "")):
        del answers["422"]
    # An answer to HEAD has no body.
    failed = {"description": _PROBLEM["description"]} if method == "head" else _REFERENCE
    for status in _FOR_ALL:
        answers[status] = failed


def _say_no_null(operation: dict[str, Any]) -> None:
    """Take null out of what no JSON carries: parameters, and the fields of forms."""
    forms = operation.get("requestBody", {}).get("content", {})
    fields = forms.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
    for schema in (*(each["schema"] for each in operation.get("parameters", ())), *fields.values()):
        kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        if len(kinds) == 1:
            del schema["anyOf"]
            schema.update(kinds[0])


_REFERENCE: Final = {"$ref": "#/components/responses/Problem"}


def _spec() -> dict[str, Any]:
    spec = json_schema(ref_template=_SHARED + "{model}")
    return {**spec.pop("$defs"), "JobSpec": spec}


def _result() -> dict[str, Any]:
    text = resources.files(jobs).joinpath("result.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text.replace(_LOCAL, f"{_SHARED}result_"))
    own = {f"result_{name}": each for name, each in schema.pop("$defs").items()}
    return {**own, "Result": schema}
