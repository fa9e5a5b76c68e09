"""What can go wrong between a program and a gateway: one tree, with the gateway's own codes.

DragomanError
├── Refused             the gateway answered with an error
│   ├── InvalidRequest  the request must change (400, 405, 415, 422, ...)
│   │   └── TooLarge    over a cap (413)
│   ├── Unauthorized    no key, or a wrong one (401)
│   ├── Forbidden       a key that is not for this (403)
│   ├── NotFound        there is no such thing, or it is another tenant's (404)
│   ├── Conflict        the state does not allow it (409)
│   ├── RateLimited     later (429)
│   └── ServerFailure   the gateway or what it needs has failed (5xx)
├── Unreachable         no answer: nothing listens, or the connection broke
│   └── TimedOut        no answer in time
├── WaitedTooLong       the job was not over in time; it goes on
├── Incomplete          a download ended early, or is not as long as announced
└── InvalidSignature    a webhook that was not signed with this secret
"""

from __future__ import annotations

import email.utils
import time
from typing import Final

import httpx

_MOST_WAIT_S: Final = 60.0
_PASSING: Final = frozenset({429, 502, 503, 504})


class DragomanError(Exception):
    """Base of all errors.

    Attributes:
        code: Stable name for programs, such as "job_not_found".
        detail: Text for people that says what to do.
        status: HTTP status of the answer; None when there was none.
        request_id: Names the request in the gateway's log; None when there was no answer.
        retryable: Whether the same request may succeed later.
        retry_after_s: How long the gateway asks to wait, 0 to 60 s; 0 when it does not say.
    """

    code: str = "error"
    retryable: bool = False

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status: int | None = None
        self.request_id: str | None = None
        self.retryable = type(self).retryable
        self.retry_after_s = 0.0


class Refused(DragomanError):
    """The gateway answered with an error.

    Attributes:
        errors: Wrong fields of a request: {"field": "channels.0.role", "message": ...} of each.
    """

    code = "refused"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.errors: list[dict[str, str]] = []


class InvalidRequest(Refused):
    """The request is wrong; sending it again will not help."""

    code = "invalid_request"


class TooLarge(InvalidRequest):
    """Something is over a cap."""

    code = "too_large"


class Unauthorized(Refused):
    """The API key is missing or wrong."""

    code = "unauthorized"


class Forbidden(Refused):
    """The API key is good, but not for this."""

    code = "forbidden"


class NotFound(Refused):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"


class Conflict(Refused):
    """The state of the thing does not allow this."""

    code = "conflict"


class RateLimited(Refused):
    """Too much at once; nothing is wrong with the request."""

    code = "rate_limited"


class ServerFailure(Refused):
    """The gateway, or something that it needs, has failed or is away."""

    code = "internal_error"


class Unreachable(DragomanError):
    """There was no answer: nothing listens there, or the connection broke."""

    code = "gateway_unreachable"
    retryable = True


class TimedOut(Unreachable):
    """There was no answer in time."""

    code = "timeout"


class WaitedTooLong(DragomanError):
    """The job was not over in the time that the caller gave it; it goes on."""

    code = "waited_too_long"
    retryable = True


class Incomplete(DragomanError):
    """A file did not come as long as it was announced."""

    code = "incomplete_download"
    retryable = True


class InvalidSignature(DragomanError):
    """A webhook was not signed with this secret, or too long ago."""

    code = "invalid_signature"


_BY_STATUS: Final[dict[int, type[Refused]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: RateLimited,
}


def refused(answer: httpx.Response) -> Refused:
    """Return the error that an answer's problem document (RFC 9457) describes; its body has been read."""
    kind = _BY_STATUS.get(answer.status_code, ServerFailure if answer.is_server_error else InvalidRequest)
    try:
        body = answer.json()
        error = kind(str(body["detail"]), code=str(body["code"]))
        error.errors = list(body.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        error = kind(f"The gateway answered {answer.status_code} without saying why; see its log.")
    error.status = answer.status_code
    error.request_id = answer.headers.get("x-request-id")
    error.retryable = _passes(answer)
    error.retry_after_s = retry_after_s(answer)
    return error


def lost(failure: httpx.TransportError, where: str) -> Unreachable:
    """Return the error for a request that got no answer from the gateway at `where`."""
    if isinstance(failure, httpx.TimeoutException):
        return TimedOut(f"The gateway at {where} took too long to answer.")
    if isinstance(failure, httpx.ConnectError):
        return Unreachable(f"Nothing answers at {where}: start the gateway, or correct the address.")
    return Unreachable(f"The connection to the gateway at {where} broke.")


def retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds that an answer asks to wait: 0 when it does not say, 60 at most."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdecimal():
        return min(float(text), _MOST_WAIT_S)
    try:
        moment_s = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return 0.0
    return min(max(moment_s - time.time(), 0.0), _MOST_WAIT_S)


def _passes(answer: httpx.Response) -> bool:
    said = answer.headers.get("x-should-retry")
    return said == "true" or (said != "false" and answer.status_code in _PASSING)
