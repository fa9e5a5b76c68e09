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
    errors.Timeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.StorageFailure: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_S: Final = 2
# What is full stays so for longer than a service that is just being started again.
_RETRY_AFTER_S: Final[Mapping[str, int]] = {
    "backlog_full": 30,
    "tenant_backlog_full": 30,
    "storage_full": 30,
    "redis_full": 30,
}
# The one conflict that time resolves.
_WAIT_CODES: Final = frozenset({"job_not_finished"})


def status_of(error: DragomanError) -> HTTPStatus:
    """Return the HTTP status of an error: that of its class, or of the nearest one above."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(request: Request, error: DragomanError, status: HTTPStatus | None = None) -> JSONResponse:
    """Return the problem document of an error."""
    status = status or status_of(error)
    fields = error.errors if isinstance(error, InvalidFields) else ()
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
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


def _headers(request: Request, error: DragomanError, status: HTTPStatus) -> dict[str, str]:
    headers = {HEADER: request_id_of(request)}
    if error.retryable or error.code in _WAIT_CODES:
        headers["retry-after"] = str(_RETRY_AFTER_S.get(error.code, RETRY_AFTER_S))
    elif status is HTTPStatus.CONFLICT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # The OpenAI SDKs repeat these unless told not to.
        headers["x-should-retry"] = "false"
    if status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="dragoman"'
    return headers


def install(app: FastAPI) -> None:
    """Answer every failure of an app with a problem document."""
    app.add_exception_handler(DragomanError, _on_known)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_defect)


async def _on_known(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, DragomanError) else errors.InternalError("An error was lost.")
    if status_of(known) is HTTPStatus.TOO_MANY_REQUESTS:
        telemetry.REFUSED_SUBMISSIONS.labels(known.code).inc()
    if status_of(known) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        telemetry.logger().warning("request failed", code=known.code, request_id=request_id_of(request))
    return problem(request, known)


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
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _on_validation(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    fields = tuple(FieldError(str(each["loc"][-1]), each["msg"]) for each in found)
    return problem(request, InvalidFields("request", fields, code="invalid_parameter"))


async def _on_defect(request: Request, error: Exception) -> Response:
    # Only the type: the text of an unknown exception may hold anything, even what was said in a call.
    telemetry.logger().error("defect", error=type(error).__name__, request_id=request_id_of(request))
    return problem(request, errors.InternalError("The gateway failed; its log has the request id."))
