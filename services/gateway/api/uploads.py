"""Reads a submission from HTTP, multipart or JSON: never over the cap, never a file in memory."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from services.gateway.api import bodies
from services.gateway.jobs.sources import Upload
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
        TooLarge: (codes file_too_large, spec_too_large) the body or the spec is over its cap; reading
            stops there.
        StorageFailure: (code storage_full) there is no room for the spool.
        InvalidRequest: it is neither multipart nor JSON, has no spec, or (code upload_aborted) breaks off.
    """
    media_type = bodies.media_type(request)
    if media_type == "multipart/form-data":
        form = await _form(request, max_bytes)
        try:
            yield Received(await _spec(form), _upload(form))
        finally:
            await form.close()
    elif media_type == "application/json":
        yield Received(await bodies.bounded(request, MAX_SPEC_BYTES, _spec_too_large()).body(), None)
    else:
        raise InvalidRequest(
            "Send multipart/form-data with the parts file and spec, or the spec as application/json.",
            code="unsupported_content_type",
        )


def _file_too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The request is over the cap of {max_bytes} bytes.", code="file_too_large")


def _spec_too_large() -> TooLarge:
    return TooLarge(f"The spec is over the cap of {MAX_SPEC_BYTES} bytes.", code="spec_too_large")


async def _form(request: Request, max_bytes: int) -> FormData:
    whole = bodies.bounded(request, max_bytes, _file_too_large(max_bytes))
    try:
        return await bodies.form(whole, max_fields=2, max_field_bytes=MAX_SPEC_BYTES)
    except HTTPException as error:
        # The parser has one class for all that is wrong; only a plain field has this cap.
        if error.detail.startswith("Part exceeded maximum size"):
            raise _spec_too_large() from None
        raise


async def _spec(form: FormData) -> bytes:
    spec = form.get("spec")
    if isinstance(spec, UploadFile):
        if (spec.size or 0) > MAX_SPEC_BYTES:
            raise _spec_too_large()
        return await spec.read()
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
