"""Where the gateway is and the key for it; its errors as those of this project."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import httpx

import dragoman
from dragoman import Dragoman
from dragoman.client import DEFAULT_TIMEOUT
from services.cli.settings import CliSettings
from services.shared import errors

# How often a submission is sent again: enough for a gateway to be started again, or longer where it says so.
SUBMIT_RETRIES: Final = 4

_RETRIES: Final = 2
_CONNECT_S: Final = 2.0
_HERE: Final = frozenset({"127.0.0.1", "localhost"})
_UNREACHABLE: Final = "gateway_unreachable"
_BY_STATUS: Final[dict[int, type[errors.DragomanError]]] = {
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Timeout,
}
# A kind before those it belongs to.
_KINDS: Final[tuple[tuple[type[dragoman.DragomanError], type[errors.DragomanError]], ...]] = (
    (dragoman.Unauthorized, errors.Unauthorized),
    (dragoman.Forbidden, errors.Forbidden),
    (dragoman.NotFound, errors.NotFound),
    (dragoman.Conflict, errors.Conflict),
    (dragoman.TooLarge, errors.TooLarge),
    (dragoman.RateLimited, errors.Overloaded),
    (dragoman.InvalidRequest, errors.InvalidRequest),
    (dragoman.TimedOut, errors.Timeout),
    (dragoman.Unreachable, errors.Unavailable),
    (dragoman.Incomplete, errors.Unavailable),
)


@contextlib.contextmanager
def connect(settings: CliSettings, retries: int = _RETRIES) -> Iterator[Dragoman]:
    """Open the gateway that the settings name, with the key that they or the home folder hold.

    What the client raises inside comes out as an error of this project, with the same code and detail.

    Args:
        settings: Where it is, and the key.
        retries: How often a request is sent again where that is safe.

    Raises:
        Unauthorized: (code no_api_key) there is no key.
        Unavailable: (code gateway_unreachable) it is one of this machine, and nothing listens.
    """
    key = key_of(settings)
    if not listens(settings.base_url):
        raise _not_up(settings)
    # A proxy of the environment may lie before a gateway elsewhere, never before one's own.
    elsewhere = settings.gateway_url is not None
    with httpx.Client(timeout=DEFAULT_TIMEOUT, trust_env=elsewhere) as http:
        try:
            yield Dragoman(settings.base_url, api_key=key, max_retries=retries, http=http)
        except dragoman.DragomanError as error:
            if error.code == _UNREACHABLE:
                raise _not_up(settings) from None
            raise translated(error) from None


def key_of(settings: CliSettings) -> str:
    """Return the API key: DRAGOMAN_API_KEY, else the admin key that the first start wrote.

    Raises:
        Unauthorized: there is neither.
    """
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    file = settings.home / "admin.key"
    try:
        return file.read_text().strip()
    except OSError:
        raise errors.Unauthorized(
            f"No API key: {file} cannot be read. Run `dragoman up` first, or set DRAGOMAN_API_KEY.",
            code="no_api_key",
        ) from None


def listens(base_url: str) -> bool:
    """Say whether anything takes connections there; what is not on this machine counts as if it did."""
    url = httpx.URL(base_url)
    if url.host not in _HERE:
        return True
    try:
        socket.create_connection((url.host, url.port or 80), timeout=_CONNECT_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def translated(error: dragoman.DragomanError) -> errors.DragomanError:
    """Return an error of the client as one of this project."""
    kind = _BY_STATUS.get(error.status or 0)
    if kind is None:
        found = (own for theirs, own in _KINDS if isinstance(error, theirs))
        kind = next(found, errors.InternalError)
    return kind(error.detail, code=error.code)


def _not_up(settings: CliSettings) -> errors.Unavailable:
    return errors.Unavailable(
        f"The gateway at {settings.base_url} does not answer; run `dragoman up`.", code=_UNREACHABLE
    )
