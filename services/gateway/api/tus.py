"""The routes of /v1/uploads: resumable uploads by the tus protocol 1.0.0 (tus.io)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from services.gateway.api import bodies, tus_headers
from services.gateway.api.context import Wired, Writer
from services.gateway.api.errors import answer_to
from services.gateway.uploads.receiving import ALGORITHMS, Checksum, Receiving
from services.gateway.uploads.records import Record, parse_size
from services.gateway.uploads.service import Uploads
from services.shared.errors import DragomanError, InvalidRequest, TooLarge, Unavailable, Unsupported

VERSION: Final = tus_headers.VERSION
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
# A hop to a thread for each of the small pieces that the server hands on would be slow.
_HOP_BYTES: Final = 256 * 1024


class _Route(APIRoute):
    """A route whose every answer names the version of the protocol, errors included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def versioned(request: Request) -> Response:
            try:
                answer = await handle(request)
            except DragomanError as error:
                answer = answer_to(request, error)
            answer.headers["tus-resumable"] = VERSION
            if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
                answer.headers["tus-version"] = VERSION
            return answer

        return versioned


async def speaks_tus(request: Request, tenant: Writer) -> None:
    """Check that a request, of somebody with a key, is of the version of the protocol that is spoken here.

    Raises:
        Unsupported: (tus_version) it is of another one, or of none.
    """
    del tenant
    if request.headers.get("tus-resumable") != VERSION:
        raise Unsupported(f"Send the header Tus-Resumable: {VERSION}.", code="tus_version")


router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=_Route)
_Spoken: Final = [Depends(speaks_tus)]


async def uploads_of(context: Wired, tenant: Writer) -> Uploads:
    """Return the use cases of uploads, to who may write."""
    del tenant
    if context.uploads is None:
        raise Unavailable("Uploads need Redis.", code="redis_unavailable")
    return context.uploads


Wanted = Annotated[Uploads, Depends(uploads_of)]


@router.options("", status_code=HTTPStatus.NO_CONTENT, openapi_extra=tus_headers.OPTIONS)
def abilities(uploads: Wanted, tenant: Writer) -> Response:
    """Say which parts of the tus protocol are spoken here."""
    del tenant
    return Response(
        status_code=HTTPStatus.NO_CONTENT,
        headers={
            "tus-version": VERSION,
            "tus-extension": EXTENSIONS,
            "tus-checksum-algorithm": ",".join(ALGORITHMS),
            "tus-max-size": str(uploads.max_bytes),
        },
    )


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=_Spoken,
    response_class=Response,
    openapi_extra=tus_headers.CREATE,
)
async def create(request: Request, uploads: Wanted, tenant: Writer) -> Response:
    """Begin an upload of Upload-Length bytes; the first of them may come with it."""
    size_bytes = _size(request, "upload-length")
    with_body = _has_body(request)
    if with_body:
        _check_type(request)
    metadata = request.headers.get("upload-metadata", "")
    record = await run_in_threadpool(uploads.create, tenant, size_bytes, metadata)
    headers = {"location": f"/v1/uploads/{record.id}"}
    if with_body:
        record = await _receive(request, uploads, record, 0)
    return _answer(HTTPStatus.CREATED, record, headers)


@router.head("/{upload_id}", dependencies=_Spoken, response_class=Response, openapi_extra=tus_headers.LOOK)
def look(upload_id: str, uploads: Wanted, tenant: Writer) -> Response:
    """Say how much of an upload is there."""
    record = uploads.get(tenant, upload_id)
    headers = {"upload-length": str(record.size_bytes), "cache-control": "no-store"}
    if record.metadata:
        headers["upload-metadata"] = record.metadata
    return _answer(HTTPStatus.OK, record, headers)


@router.patch(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=_Spoken,
    openapi_extra=tus_headers.ADD,
)
async def add(upload_id: str, request: Request, uploads: Wanted, tenant: Writer) -> Response:
    """Take the next bytes of an upload, from Upload-Offset on; what came before a break is kept."""
    _check_type(request)
    offset_bytes = _size(request, "upload-offset")
    record = await run_in_threadpool(uploads.get, tenant, upload_id)
    record = await _receive(request, uploads, record, offset_bytes)
    return _answer(HTTPStatus.NO_CONTENT, record)


@router.delete(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=_Spoken,
    openapi_extra=tus_headers.END,
)
def end(upload_id: str, uploads: Wanted, tenant: Writer) -> Response:
    """End an upload and delete what came of it."""
    uploads.delete(tenant, upload_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, openapi_extra=tus_headers.OVERRIDE)
async def overridden(upload_id: str, request: Request, uploads: Wanted, tenant: Writer) -> Response:
    """Do what X-HTTP-Method-Override says, for clients behind proxies that know no PATCH."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            await speaks_tus(request, tenant)
            return await add(upload_id, request, uploads, tenant)
        case "DELETE":
            await speaks_tus(request, tenant)
            return await run_in_threadpool(end, upload_id, uploads, tenant)
        case _:
            detail = "Send PATCH, or POST with X-HTTP-Method-Override: PATCH."
            raise InvalidRequest(detail, code="method_not_allowed")


async def _receive(request: Request, uploads: Uploads, record: Record, offset_bytes: int) -> Record:
    """Take a request's body; return the upload as it stands then."""
    if offset_bytes + int(request.headers.get("content-length", 0)) > record.size_bytes:
        raise TooLarge(f"The upload was announced with {record.size_bytes} bytes.", code="file_too_large")
    header = request.headers.get("upload-checksum")
    checksum = Checksum.parse(header) if header is not None else None
    opened = uploads.receiving(record.tenant, record.id, offset_bytes, checksum)
    receiving = await run_in_threadpool(opened.__enter__)
    try:
        await _pump(request, receiving)
    finally:
        await run_in_threadpool(opened.__exit__, None, None, None)
    return await run_in_threadpool(uploads.get, record.tenant, record.id)


async def _pump(request: Request, receiving: Receiving) -> None:
    gathered = bytearray()
    try:
        async for piece in bodies.unbroken(request).stream():
            gathered += piece
            if len(gathered) >= _HOP_BYTES:
                # Let go of first: what cannot be stored must not be written a second time below.
                taken, gathered = bytes(gathered), bytearray()
                await run_in_threadpool(receiving.write, taken)
    except DragomanError as error:
        await run_in_threadpool(_break_off, receiving, bytes(gathered), error)
        raise
    await run_in_threadpool(_finish, receiving, bytes(gathered))


def _finish(receiving: Receiving, rest: bytes) -> None:
    receiving.write(rest)
    receiving.finish()


def _break_off(receiving: Receiving, rest: bytes, error: Exception) -> None:
    if isinstance(error, TooLarge):
        return
    receiving.write(rest)
    receiving.break_off()


def _answer(status: HTTPStatus, record: Record, headers: dict[str, str] | None = None) -> Response:
    return Response(
        status_code=status,
        headers={
            "upload-offset": str(record.offset_bytes),
            "upload-expires": format_datetime(record.expires_at, usegmt=True),
            **(headers or {}),
        },
    )


def _size(request: Request, name: str) -> int:
    text = request.headers.get(name)
    if text is None:
        raise InvalidRequest(f"The header {name} is missing.", code="invalid_upload_header")
    return parse_size(text, name)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _check_type(request: Request) -> None:
    if bodies.media_type(request) != tus_headers.OFFSET_TYPE:
        raise InvalidRequest(f"Send the bytes as {tus_headers.OFFSET_TYPE}.", code="unsupported_upload_type")
