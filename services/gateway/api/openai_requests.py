"""Reads what the OpenAI-compatible routes are sent: never over the cap, and no file in memory."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from services.gateway.api import bodies
from services.gateway.api.context import Context
from services.gateway.api.request_id import request_id_of
from services.gateway.inference.servers import Errand
from services.gateway.inference.stages import MESSAGE_BYTES
from services.gateway.jobs.spec import FieldError, InvalidFields
from services.shared.errors import InvalidRequest, TooLarge, Unavailable

F = TypeVar("F", bound=BaseModel)

# 4096 characters of input and as many of instructions, escaped, are less.
_MAX_JSON_BYTES: Final = 128 * 1024
# A field may be a speaker's voice, which is ignored; all of them together may not fill the memory.
_MAX_FIELD_BYTES: Final = 512 * 1024
_MAX_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Sent(Generic[F]):
    """A form as it came."""

    fields: F
    file: UploadFile

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file."""
        await self.file.seek(0)
        while part := await self.file.read(MESSAGE_BYTES):
            yield part


def errand_of(request: Request, context: Context, tenant: str) -> Errand:
    """Return what calls the model servers for a request.

    Raises:
        Unavailable: this process knows of none.
    """
    if context.servers is None:
        raise Unavailable("This gateway calls no model servers itself; send a job.")
    ends_s = time.monotonic() + context.settings.gateway_direct_deadline_s
    return Errand(context.servers, tenant, request_id_of(request), ends_s, context.meter)


@asynccontextmanager
async def received(request: Request, kind: type[F], max_bytes: int) -> AsyncIterator[Sent[F]]:
    """Read a form with a file; the file goes through a spool on disk that is gone afterwards.

    Raises:
        TooLarge: (code file_too_large) the body is over the cap; reading stops there.
        StorageFailure: (code storage_full) there is no room for the spool.
        InvalidFields: (code invalid_parameter) fields are missing, unknown or wrong.
        InvalidRequest: (codes unsupported_content_type, missing_file, upload_aborted).
    """
    if bodies.media_type(request) != "multipart/form-data":
        raise InvalidRequest("Send multipart/form-data with a file.", code="unsupported_content_type")
    form = await _form(_bounded(request, max_bytes))
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("The part file is missing, or has no filename.", code="missing_file")
        yield Sent(_validated(kind, _given(form, kind)), file)
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    try:
        return await bodies.form(request, max_fields=_MAX_FIELDS, max_field_bytes=_MAX_FIELD_BYTES)
    except HTTPException as error:
        raise InvalidRequest(f"The form cannot be read: {error.detail}", code="invalid_form") from None


def _given(form: FormData, kind: type[BaseModel]) -> dict[str, Any]:
    """Return the fields by name; lists with their brackets, whether they were sent with them or not."""
    lists = {field.alias for field in kind.model_fields.values() if str(field.alias).endswith("[]")}
    given: dict[str, Any] = {}
    for sent, value in form.multi_items():
        name = f"{sent}[]" if f"{sent}[]" in lists else sent
        if name == "file" or value == "":
            continue  # SDKs send nothing as nothing, forms in a browser send it as an empty text
        if name in lists:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return given


async def json_body(request: Request, kind: type[F]) -> F:
    """Read a JSON body.

    Raises:
        TooLarge: (code request_too_large) it is longer than any that is right.
        InvalidFields: (code invalid_parameter) it is not JSON, or fields are missing, unknown or wrong.
    """
    body = await _bounded(request, _MAX_JSON_BYTES, "request_too_large").body()
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        _refuse(error)


def _validated(kind: type[F], given: Mapping[str, Any]) -> F:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    fields = tuple(
        FieldError(str(each["loc"][0]) if each["loc"] else "", _message(each["type"], each["msg"]))
        for each in problems
    )
    raise InvalidFields("request", fields, code="invalid_parameter") from None


def _message(kind: str, text: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown field"
        case "string_pattern_mismatch":
            return "is not of the form that the description asks for, such as en or pt-BR of a language"
        case _:
            text = text.removeprefix("Value error, ")
            return text[:1].lower() + text[1:]


def _bounded(request: Request, max_bytes: int, code: str = "file_too_large") -> Request:
    detail = f"The request is over the cap of {max_bytes} bytes; send longer recordings to POST /v1/jobs."
    return bodies.bounded(request, max_bytes, TooLarge(detail, code=code))
