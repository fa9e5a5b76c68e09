"""Errors on HTTP: every failure of every path is one RFC 9457 problem document.

An extra `error` member has the shape that the OpenAI SDKs read, so that one body serves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match

from services.gateway.api.context import authenticate
from services.gateway.api.request_id import HEADER, request_id_of
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared import errors, telemetry
from services.shared.errors import DragomanError

STATUS: Final[Mapping[type[DragomanError], HTTPStatus]] = {
    DragomanError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidMedia: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unsupported: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Cancelled: HTTPStatus.CONFLICT,
    errors.Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ConnectionLost: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unreachable: HTTPStatus.BAD_GATEWAY,
    errors.Timeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.StorageFailure: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
# Where a protocol wants another status than that of the error's class.
_BY_CODE: Final[Mapping[str, int]] = {
    "upload_too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "tus_version": HTTPStatus.PRECONDITION_FAILED,
    "unsupported_upload_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "upload_locked": HTTPStatus.LOCKED,
    "headers_too_large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "target_too_long": HTTPStatus.REQUEST_URI_TOO_LONG,
    "range_not_satisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    # Of the tus protocol, and of no registry.
    "checksum_mismatch": 460,
}
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_PHRASES: Final[Mapping[int, str]] = {460: "Checksum Mismatch"}
RETRY_AFTER_S: Final = 2
# What is full stays so for longer than a service that is just being started again.
_RETRY_AFTER_S: Final[Mapping[str, int]] = {
    "backlog_full": 30,
    "tenant_backlog_full": 30,
    "storage_full": 30,
    "redis_full": 30,
    "too_many_uploads": 30,
    "storage_quota_exceeded": 3600,
    "audio_quota_exceeded": 3600,
}
# What waiting alone is unlikely to mend: the SDKs must not repeat it by themselves.
_LASTING_CODES: Final = frozenset({"storage_quota_exceeded", "audio_quota_exceeded"})
# The conflicts that time resolves.
_WAIT_CODES: Final = frozenset({"job_not_finished", "upload_locked"})


def status_of(error: DragomanError) -> int:
    """Return the HTTP status of an error: that of its code, of its class, or of the nearest one above."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(request: HTTPConnection, error: DragomanError, status: int | None = None) -> JSONResponse:
    """Return the problem document of an error."""
    status = status or status_of(error)
    fields = error.errors if isinstance(error, InvalidFields) else ()
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _PHRASES.get(status) or HTTPStatus(status).phrase,
        "status": int(status),
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id_of(request),
        "error": {
            "message": error.detail,
            "type": error.family,
            "param": (fields[0].field or None) if fields else None,
            "code": error.code,
        },
    }
    if fields:
        body["errors"] = [asdict(field) for field in fields]
    return JSONResponse(
        body,
        status_code=status,
        headers=_headers(request, error, status),
        media_type="application/problem+json",
    )


def _headers(request: HTTPConnection, error: DragomanError, status: int) -> dict[str, str]:
    headers = {HEADER: request_id_of(request)}
    passes = error.retryable or error.code in _WAIT_CODES
    if passes:
        headers["retry-after"] = str(_wait_s(request, error))
    repeated = status == HTTPStatus.CONFLICT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if error.code in _LASTING_CODES or (repeated and not passes):
        # The OpenAI SDKs repeat these unless told not to.
        headers["x-should-retry"] = "false"
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="dragoman"'
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = ", ".join(_methods_of(request))
    return headers


def _wait_s(request: HTTPConnection, error: DragomanError) -> int:
    rate = getattr(request.state, "rate", None)
    if error.code == "rate_limited" and rate is not None:
        return int(rate.wait_s)
    return _RETRY_AFTER_S.get(error.code, RETRY_AFTER_S)


def install(app: FastAPI) -> None:
    """Answer every failure that an app foresees with a problem document; Guard answers for the others."""
    app.add_exception_handler(DragomanError, _on_known)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)


def answer_to(request: HTTPConnection, error: DragomanError) -> JSONResponse:
    """Return the problem document of an error, counted and logged as its kind is."""
    if status_of(error) == HTTPStatus.TOO_MANY_REQUESTS:
        telemetry.REFUSED_SUBMISSIONS.labels(error.code).inc()
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        telemetry.logger().warning("request failed", code=error.code, request_id=request_id_of(request))
    return problem(request, error)


async def _on_known(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, DragomanError) else errors.InternalError("An error was lost.")
    return answer_to(request, known)


async def _on_http(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    match status:
        case HTTPStatus.NOT_FOUND:
            known: DragomanError = errors.NotFound("There is no such path.", code="path_not_found")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            known = errors.InvalidRequest("This path has no such method.", code="method_not_allowed")
        case _:
            known = errors.InvalidRequest(str(getattr(error, "detail", status.phrase)))
    answer = problem(request, known, status)
    # But for Allow, of which the router knows only a part.
    more = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
    answer.headers.update({name: value for name, value in more.items() if name not in answer.headers})
    return answer


def _methods_of(request: HTTPConnection) -> list[str]:
    """Return all methods that a path has: the router names only those of its first route there."""
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [
        scope["method"]
        for scope in asked
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


async def _on_validation(request: Request, error: Exception) -> Response:
    if request.url.path.startswith("/v1") and not hasattr(request.state, "caller"):
        # A body that is no JSON is found out before anything that the route depends on is asked.
        try:
            await authenticate(request)
        except DragomanError as refused:
            return answer_to(request, refused)
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    # A path begins with where the field is: in the body, the query or the headers.
    fields = tuple(
        FieldError(
            ".".join(map(str, each["loc"][1:] or each["loc"])), each["msg"].removeprefix("Value error, ")
        )
        for each in found
    )
    return problem(request, InvalidFields("request", fields, code="invalid_parameter"))


def answer_to_defect(request: HTTPConnection, error: Exception) -> JSONResponse:
    """Return the problem document of an error that should not be, logged without its text.

    That of an unknown exception may hold anything, even what was said in a call.
    """
    telemetry.logger().error("defect", error=type(error).__name__, request_id=request_id_of(request))
    return problem(request, errors.InternalError("The gateway failed; its log has the request id."))
