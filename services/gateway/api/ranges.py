"""Files over HTTP: whole, a part (RFC 9110, section 14), or not again for who has them (section 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from services.gateway.api.errors import problem
from services.gateway.jobs.model import File
from services.shared.errors import InvalidRequest

_RANGE: Final = re.compile(r"bytes=(?P<first>\d{0,19})-(?P<last>\d{0,19})")
_TAG: Final = re.compile(r'(W/)?("[^"]*")')

# Returns bytes of a file, from one on, so many.
Read = Callable[[File, int, int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Span:
    """What is sent of a file.

    Attributes:
        start: Its first byte.
        length: How many.
        asked: Whether a Range header asks for just that, which may be all: players rely on a 206 then.
    """

    start: int
    length: int
    asked: bool = True


def etag_of(file: File) -> str:
    """Return the strong validator of a file: no key is ever written twice with other content."""
    return f'"{hashlib.sha256(file.key.encode()).hexdigest()[:32]}"'


def answer(request: Request, file: File, read: Read, headers: dict[str, str]) -> Response:
    """Return a file, or the part of it that is asked for, or say that the client has it already."""
    tag = etag_of(file)
    # The client may keep it, and must ask whether it may still have it.
    headers |= {"etag": tag, "cache-control": "private, no-cache", "accept-ranges": "bytes"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag or request.method != "GET":
        wanted = ""
    span = asked_for(wanted, file.size_bytes)
    if span is None:
        detail = f"The file has {file.size_bytes} bytes: none of them lies in that range."
        refused = problem(request, InvalidRequest(detail, code="range_not_satisfiable"))
        refused.headers["content-range"] = f"bytes */{file.size_bytes}"
        return refused
    headers["content-length"] = str(span.length)
    status = HTTPStatus.OK
    if span.asked:
        last = span.start + span.length - 1
        headers["content-range"] = f"bytes {span.start}-{last}/{file.size_bytes}"
        status = HTTPStatus.PARTIAL_CONTENT
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    pieces = read(file, span.start, span.length)
    return StreamingResponse(pieces, status, headers, file.media_type)


def asked_for(header: str, size_bytes: int) -> Span | None:
    """Return which part of a file a Range header asks for; None when the file has no such part.

    All of it where the header asks for several parts, or for something that is no range of bytes.
    """
    found = _RANGE.fullmatch(header.strip())
    first, last = (found["first"], found["last"]) if found else ("", "")
    if not first and not last:
        return Span(0, size_bytes, asked=False)
    if not first:
        length = min(int(last), size_bytes)
        return Span(size_bytes - length, length) if length else None
    start, end = int(first), min(int(last) + 1 if last else size_bytes, size_bytes)
    if last and int(last) < start:
        return Span(0, size_bytes, asked=False)
    return Span(start, end - start) if start < size_bytes else None


def _matches(header: str, tag: str) -> bool:
    return header.strip() == "*" or any(found[2] == tag for found in _TAG.finditer(header))
