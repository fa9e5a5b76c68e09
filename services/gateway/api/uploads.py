"""Reads a submission from HTTP, multipart or JSON: never over the cap, never a file in memory."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message, Receive

from services.gateway.jobs.service import Upload
from services.gateway.jobs.spec import MAX_SPEC_BYTES
from services.shared.errors import InvalidRequest, TooLarge


@dataclass(frozen=True, slots=True)
class Received:
    """A submission as it came: the spec's JSON, and the file if there is one."""

    spec: bytes
    upload: Upload | None


@asynccontextmanager
async def received(request: Request, max_bytes: int) -> AsyncIterator[Received]:
    """Read a submission; its file goes through a spool on disk that is gone afterwards.

    Raises:
        TooLarge: (code file_too_large) the body is over the cap; reading stops there.
        InvalidRequest: it is neither multipart nor JSON, or has no spec.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        bounded = _bounded(request, max_bytes)
        async with bounded.form(max_files=2, max_fields=2, max_part_size=MAX_SPEC_BYTES) as form:
            yield Received(await _spec(form), _upload(form))
    elif media_type == "application/json":
        yield Received(await _bounded(request, MAX_SPEC_BYTES).body(), None)
    else:
        raise InvalidRequest(
            "Send multipart/form-data with the parts file and spec, or the spec as application/json.",
            code="unsupported_content_type",
        )


def _bounded(request: Request, max_bytes: int) -> Request:
    """Return the request with a body that raises TooLarge as soon as it is over the cap."""
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise _too_large(max_bytes)
    return Request(request.scope, _counted(request.receive, max_bytes))


def _counted(receive: Receive, max_bytes: int) -> Receive:
    seen_bytes = 0

    async def counted() -> Message:
        nonlocal seen_bytes
        message = await receive()
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > max_bytes:
            raise _too_large(max_bytes)
        return message

    return counted


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The request is over the cap of {max_bytes} bytes.", code="file_too_large")


async def _spec(form: FormData) -> bytes:
    spec = form.get("spec")
    if isinstance(spec, UploadFile):
        return await spec.read(MAX_SPEC_BYTES)
    if spec is None:
        raise InvalidRequest("The part spec is missing: it is the job's JSON.", code="missing_spec")
    return spec.encode()


def _upload(form: FormData) -> Upload | None:
    file = form.get("file")
    if file is None:
        return None
    if not isinstance(file, UploadFile):
        raise InvalidRequest("The part file must be sent as a file, with a filename.", code="missing_file")
    size_bytes = file.file.seek(0, os.SEEK_END)
    file.file.seek(0)
    return Upload(file.file, size_bytes)
