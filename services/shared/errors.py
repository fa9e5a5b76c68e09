"""The error tree of Dragoman: every failure has a stable code and says what to do.

DragomanError
├── InvalidRequest          the caller must change the request
│   ├── InvalidMedia        the file cannot be used
│   ├── Unsupported         a language, voice, codec or option that is not there
│   └── TooLarge            over a cap
├── Unauthorized            no key, or a wrong one
├── Forbidden               a key that is not for this
├── NotFound
├── Conflict                the state does not allow it
├── Cancelled               the job was cancelled while the work ran
├── Overloaded              try again later (retryable)
├── Unavailable             a service cannot be reached or is still loading (retryable)
│   └── ConnectionLost      the connection broke under a call that a server had begun (retryable)
├── Unreachable             a server that a client named does not answer, or fails (retryable)
├── Timeout                 a deadline passed (retryable)
├── StorageFailure          an artifact could not be written or read (retryable)
├── Misconfigured           the operator must change a setting
└── InternalError           a defect here (retryable: it may be a passing one)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class DragomanError(Exception):
    """Base of all errors.

    Attributes:
        family: Stable code of the class.
        retryable: Whether the same request may succeed later.
        code: Stable code for programs: the family, or what the raiser narrowed it to.
        detail: Human text that says what to do; never what was said in a call, a key
            or a phone number.
    """

    family: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.family


class InvalidRequest(DragomanError):
    """The request is wrong; sending it again will not help."""

    family = "invalid_request"


class InvalidMedia(InvalidRequest):
    """The media file cannot be used: empty, unknown, damaged or not what it claims to be."""

    family = "invalid_media"


class Unsupported(InvalidRequest):
    """A language, language pair, voice, codec or option that this installation does not have."""

    family = "unsupported"


class TooLarge(InvalidRequest):
    """The input is over a cap: bytes, seconds, channels or characters."""

    family = "too_large"


class Unauthorized(DragomanError):
    """The API key is missing or wrong."""

    family = "unauthorized"


class Forbidden(DragomanError):
    """The API key is good, but not for this."""

    family = "forbidden"


class NotFound(DragomanError):
    """There is no such thing, or it belongs to somebody else."""

    family = "not_found"


class Conflict(DragomanError):
    """The state of the resource does not allow this."""

    family = "conflict"


class Cancelled(DragomanError):
    """The job was cancelled, or its lease lost, while this work ran."""

    family = "cancelled"


class Overloaded(DragomanError):
    """The service is full; nothing is wrong with the request."""

    family = "overloaded"
    retryable = True


class Unavailable(DragomanError):
    """A service cannot be reached, or its model is still loading."""

    family = "unavailable"
    retryable = True


class ConnectionLost(Unavailable):
    """The connection broke under a call: the server died, perhaps of this very input."""

    family = "connection_lost"


class Unreachable(DragomanError):
    """A server out there, whose URL a client gave, cannot be reached, is too slow, or says that it fails."""

    family = "unreachable"
    retryable = True


class Timeout(DragomanError):
    """A deadline passed before the work was done."""

    family = "timeout"
    retryable = True


class StorageFailure(DragomanError):
    """An artifact could not be written or read."""

    family = "storage_failure"
    retryable = True


class Misconfigured(DragomanError):
    """A setting is missing or wrong, or a needed file is not there."""

    family = "misconfigured"


class InternalError(DragomanError):
    """A defect in Dragoman."""

    family = "internal_error"
    retryable = True


def tree(root: type[DragomanError] = DragomanError) -> Iterator[type[DragomanError]]:
    """Yield every error class, parents before children."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def by_family(family: str) -> type[DragomanError]:
    """Return the class whose family is `family`, else InternalError."""
    return next((cls for cls in tree(DragomanError) if cls.family == family), InternalError)
