"""What a flow asks of whoever runs it.

A flow is a generator that holds the logic of one call: what to send, when to repeat it, how to read the
answer. It yields these effects in place of doing them, so that it serves both clients, blocking and not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: Such as "GET".
        path: Below the gateway's address, beginning with a slash.
        params: Of the query; those that are None are left out.
        headers: Beside the key.
        json: Body as JSON, None for none.
        content: Body as bytes, None for none.
        parts: Body as a form, as httpx takes it; None for none.
        idempotent: Whether sending it twice does no more than sending it once.
        silence_s: How long the answer may be silent; None for the client's own limit.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    parts: Mapping[str, Any] | None = None
    idempotent: bool = True
    silence_s: float | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; gives the httpx.Response, read to its end. Raises httpx.TransportError."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request; gives the httpx.Response as soon as its head is there. Raises httpx.TransportError."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Read on in what was opened last; gives bytes, None at its end. Raises httpx.TransportError."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Call a function of the user, which may be asynchronous for the asynchronous client."""

    function: Callable[[Any], Any]
    value: Any


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Give the user the next value of an iteration."""

    value: T


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Gives the client's Options."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose for all calls of a client.

    Attributes:
        base_url: Of the gateway, without a trailing slash.
        max_retries: How often a request is sent again.
    """

    base_url: str
    max_retries: int


Effect = Send | Open | Read | Sleep | Tell | AskOptions
# One call, which comes to a T; and an iteration, which emits one T after another.
Flow = Generator[Effect, Any, T]
Stream = Generator[Effect | Emit[T], Any, None]
