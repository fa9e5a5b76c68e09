"""Asks a URL that a client named: checked, pinned, capped, and never led on to another one.

No error quotes more of a URL than its host: paths and queries of signed URLs are secrets.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpcore
import httpx

from services.shared.errors import InvalidMedia, InvalidRequest, Misconfigured, TooLarge, Unreachable
from services.shared.outbound.addresses import look_up
from services.shared.outbound.network import Backend, Guard
from services.shared.outbound.policy import Policy, Target, check, refused

_AGENT: Final = "Dragoman"
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of a request is endured.

    Attributes:
        total_s: Time from the look-up of the name to the last byte of the answer, above 0.
        max_bytes: Length of the answer's body.
        connect_s: Time for the connection to one address, and again for TLS.
        content_types: Patterns such as "audio/*" that the answer's type must match; any, when empty.
    """

    total_s: float
    max_bytes: int
    connect_s: float = 10.0
    content_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: Its status; 3xx is as good as any other here.
        headers: By name in lower case; the last one counts.
        pieces: The body as it comes, without any limit but the time: whoever reads it counts.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    pieces: Iterator[bytes] = field(repr=False)


def download(url: str, policy: Policy, caps: Caps) -> Iterator[bytes]:
    """Fetch what lies at a URL, piece by piece; nothing is asked before the first piece is.

    Raises:
        InvalidRequest: (code url_not_allowed) the policy forbids it; (url_status) the answer is a refusal,
            or leads to another URL, which is not followed.
        InvalidMedia: (code url_content_type) it is of a type that is not wanted.
        TooLarge: (code url_too_large) it is longer than the cap; found out before anything is read where the
            server says how long it is.
        Unreachable: (codes url_unreachable, url_timeout, url_certificate, url_status) there is no answer,
            none in time, none that can be trusted, or one that asks to come again (408, 425, 429, 5xx).
        Misconfigured: the certificates cannot be read.
    """
    with ask("GET", check(url, policy), policy, caps) as answer:
        _check_status(answer.status)
        _check_head(answer.headers, caps)
        received_bytes = 0
        for piece in answer.pieces:
            received_bytes += len(piece)
            if received_bytes > caps.max_bytes:
                raise _too_large(caps)
            yield piece


def post(target: Target, policy: Policy, caps: Caps, headers: Mapping[str, str], body: bytes) -> Answer:
    """Post to a URL, and return how it was answered; the answer's body is left unread.

    Raises:
        InvalidRequest: (code url_not_allowed) an address of its host is not allowed.
        Unreachable: (codes url_unreachable, url_timeout, url_certificate) there is no answer.
        Misconfigured: the certificates cannot be read.
    """
    with ask("POST", target, policy, caps, headers, body) as answer:
        return Answer(answer.status, answer.headers, iter(()))


@contextmanager
def ask(
    method: str,
    target: Target,
    policy: Policy,
    caps: Caps,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Iterator[Answer]:
    """Send one request over a connection of its own; raises as `post`, also while the body is read."""
    guard = Guard(caps.total_s, caps.connect_s)
    with _as_our_errors(target), _pool(target, policy, guard) as pool:
        sent = {"host": target.netloc, "user-agent": _AGENT, "accept": "*/*"}
        sent |= {"accept-encoding": "identity", "connection": "close"}
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        fields = list((sent | dict(headers or {})).items())
        with pool.stream(method, url, headers=fields, content=body or None) as response:
            guard.head_is_over()
            found = {
                name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers
            }
            yield Answer(response.status, found, response.iter_stream())


def _pool(target: Target, policy: Policy, guard: Guard) -> httpcore.ConnectionPool:
    context = _tls(policy.ca_file) if target.scheme == "https" else None
    if policy.proxy:
        proxy, backend = httpx.Proxy(policy.proxy), Backend(None, guard)
        return httpcore.HTTPProxy(
            str(proxy.url), proxy_auth=proxy.raw_auth, ssl_context=context, network_backend=backend
        )
    addresses = _addresses(target, policy, guard)
    return httpcore.ConnectionPool(ssl_context=context, network_backend=Backend(addresses, guard))


def _addresses(target: Target, policy: Policy, guard: Guard) -> tuple[str, ...]:
    try:
        found = look_up(target.host, policy.resolver, guard.connect_left_s())
    except TimeoutError:
        raise _timed_out(target) from None
    except OSError:
        raise Unreachable(f"There is no host {target.host}.", code="url_unreachable") from None
    # All of them: a name that is public at times only is not.
    if not all(policy.allows(target.host, address) for address in found):
        raise refused(f"{target.host} has an address that is not public")
    return tuple(map(str, found))


@lru_cache(maxsize=8)
def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError):
        raise Misconfigured(
            "DRAGOMAN_OUTBOUND_CA_FILE cannot be read: name a file of PEM certificates."
        ) from None
    return context


@contextmanager
def _as_our_errors(target: Target) -> Iterator[None]:
    host = target.host
    try:
        yield
    except httpcore.TimeoutException:
        raise _timed_out(target) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        if isinstance(error.__context__, ssl.SSLCertVerificationError):
            detail = f"The certificate of {host} is not trusted: {error.__context__.verify_message}"
            raise Unreachable(detail, code="url_certificate") from None
        detail = f"{host} cannot be reached, or does not speak HTTP ({type(error).__name__})."
        raise Unreachable(detail, code="url_unreachable") from None


def _timed_out(target: Target) -> Unreachable:
    return Unreachable(f"{target.host} did not answer in time.", code="url_timeout")


def _check_status(status: int) -> None:
    if status == HTTPStatus.OK:
        return
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unreachable(f"The server of the URL answered {status}.", code="url_status")
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    why = "; redirects are not followed: give the URL that it leads to" if redirected else ""
    raise InvalidRequest(f"The server of the URL answered {status}{why}.", code="url_status")


def _check_head(headers: Mapping[str, str], caps: Caps) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if caps.content_types and not any(fnmatchcase(kind, each) for each in caps.content_types):
        raise InvalidMedia(
            f"The URL leads to {kind or 'something'}, not to a recording.", code="url_content_type"
        )
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise InvalidMedia("The URL's content comes compressed; serve it as it is.", code="url_content_type")
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > caps.max_bytes:
        raise _too_large(caps)


def _too_large(caps: Caps) -> TooLarge:
    return TooLarge(f"What the URL leads to is over the cap of {caps.max_bytes} bytes.", code="url_too_large")
