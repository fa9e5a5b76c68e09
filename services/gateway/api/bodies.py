"""Reads the bodies of requests: never over a cap, never a file in memory, and no broken one is a defect."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import FormData
from starlette.types import Message

from services.shared.errors import InvalidRequest, StorageFailure, TooLarge


def media_type(request: Request) -> str:
    """Return what the body is said to be, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def unbroken(request: Request) -> Request:
    """Return the request with a body that raises InvalidRequest (upload_aborted) when the client goes away.

    Nobody hears that answer; it is an error of the client, and none of ours to log.
    """

    async def receive() -> Message:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The connection ended before the upload.", code="upload_aborted")
        return message

    return Request(request.scope, receive)


def bounded(request: Request, max_bytes: int, too_large: TooLarge) -> Request:
    """Return the request as `unbroken` does, with a body that raises `too_large` once it is over the cap."""
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    whole, seen_bytes = unbroken(request), 0

    async def receive() -> Message:
        nonlocal seen_bytes
        message = await whole.receive()
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > max_bytes:
            raise too_large
        return message

    return Request(request.scope, receive)


async def form(request: Request, *, max_fields: int, max_field_bytes: int) -> FormData:
    """Read a form; a file goes through a spool on disk that is gone once the form is closed.

    Raises:
        StorageFailure: (code storage_full) there is no room for the spool.
        HTTPException: it is no form, or over one of these caps.
    """
    try:
        return await request.form(max_files=2, max_fields=max_fields, max_part_size=max_field_bytes)
    except OSError as error:
        detail = f"The upload could not be received ({error.strerror}); free space, then send it again."
        raise StorageFailure(detail, code="storage_full") from error
