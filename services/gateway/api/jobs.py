"""The routes of /v1/jobs."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from services.gateway.api.context import Reader, Wired, Writer
from services.gateway.api.errors import RETRY_AFTER_S
from services.gateway.api.events import events
from services.gateway.api.pages import make_token, read_token
from services.gateway.api.schemas import FilesView, FileView, JobPageView, JobView
from services.gateway.api.uploads import received
from services.gateway.jobs.admission import Repeatable
from services.gateway.jobs.model import File, JobState
from services.gateway.jobs.ports import JobQuery
from services.gateway.jobs.service import Sent
from services.shared import telemetry

MAX_PAGE_SIZE: Final = 200
SPEC: Final = {"$ref": "#/components/schemas/JobSpec"}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._ -]+")
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {"spec": SPEC, "file": {"type": "string", "format": "binary"}},
                },
                "encoding": {"spec": {"contentType": "application/json"}},
            },
            "application/json": {"schema": SPEC},
        },
    }
}

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Your own name for this submission: the same content under the same key is the same job.",
        json_schema_extra={"minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    ),
]
RetryCount = Annotated[
    int | None,
    Header(ge=0, description="How often an SDK that sends no Idempotency-Key has sent this one before."),
]


def repeatable(
    idempotency_key: IdempotencyKey = None, x_stainless_retry_count: RetryCount = None
) -> Repeatable:
    """Return what the headers say about sending a submission again."""
    return Repeatable(idempotency_key, x_stainless_retry_count)


@router.post("", status_code=HTTPStatus.ACCEPTED, openapi_extra=_BODY)
async def submit(
    request: Request,
    response: Response,
    context: Wired,
    tenant: Writer,
    again: Annotated[Repeatable, Depends(repeatable)],
) -> JobView:
    """Create a job from a spec and, for kinds that take one, a file."""
    await run_in_threadpool(context.jobs.admit, tenant, again)
    async with received(request, context.settings.gateway_max_upload_bytes) as body:
        sent = Sent(tenant, body.spec, body.upload, again)
        accepted = await run_in_threadpool(context.jobs.submit, sent)
    telemetry.mark({"dragoman.job": accepted.job.id})
    telemetry.logger().info("job accepted", job=accepted.job.id, replayed=accepted.replayed)
    response.headers["location"] = f"/v1/jobs/{accepted.job.id}"
    response.headers["retry-after"] = str(RETRY_AFTER_S)
    if accepted.replayed:
        response.headers["idempotency-replayed"] = "true"
    return JobView.of(accepted.job)


@router.get("")
def list_jobs(
    context: Wired,
    tenant: Reader,
    page_size: Annotated[int, Query(ge=0)] = 50,
    page_token: str = "",
    state: JobState | None = None,
) -> JobPageView:
    """List jobs, newest first; a page_size above the most is brought down to it."""
    limit = min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    page = context.jobs.list(JobQuery(tenant, limit, state, before=read_token(page_token, state)))
    return JobPageView(
        jobs=[JobView.of(job) for job in page.jobs], next_page_token=make_token(page.before, state)
    )


@router.get("/{job_id}")
def get_job(job_id: str, context: Wired, tenant: Reader) -> JobView:
    """Return a job as it stands."""
    return JobView.of(context.jobs.get(tenant, job_id))


@router.get("/{job_id}/events")
async def watch(
    job_id: str, context: Wired, tenant: Reader, last_event_id: Annotated[int, Header(ge=0)] = 0
) -> Response:
    """Stream the job's changes until its final state; 204 when the client has seen that already."""
    look = functools.partial(context.jobs.get, tenant, job_id)
    job = await run_in_threadpool(look)
    if job.state.final and job.version <= last_event_id:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return StreamingResponse(
        events(look, context.settings, context.ending, last_event_id),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.get("/{job_id}/result")
def result(job_id: str, context: Wired, tenant: Reader) -> Response:
    """Return the result document of a finished job."""
    file = context.jobs.result(tenant, job_id)
    return StreamingResponse(
        context.jobs.content(file),
        media_type=file.media_type,
        headers={"content-length": str(file.size_bytes)},
    )


@router.get("/{job_id}/artifacts")
def list_artifacts(job_id: str, context: Wired, tenant: Reader) -> FilesView:
    """List the files of a job; there are none before its final state."""
    job = context.jobs.get(tenant, job_id)
    return FilesView(artifacts=[FileView.of(job, file) for file in job.files])


@router.get("/{job_id}/artifacts/{name}")
def download(job_id: str, name: str, context: Wired, tenant: Reader) -> Response:
    """Return one file of a job."""
    file = context.jobs.file(tenant, job_id, name)
    return StreamingResponse(
        context.jobs.content(file),
        media_type=file.media_type,
        headers={
            "content-length": str(file.size_bytes),
            "content-disposition": disposition(file),
            "x-content-type-options": "nosniff",
        },
    )


@router.post("/{job_id}/cancel")
def cancel(job_id: str, context: Wired, tenant: Writer) -> JobView:
    """Ask for a job to end; asking again is no error."""
    return JobView.of(context.jobs.cancel(tenant, job_id))


@router.post("/{job_id}/retry", status_code=HTTPStatus.ACCEPTED)
def retry(job_id: str, context: Wired, tenant: Writer) -> JobView:
    """Run again what failed of a job, and nothing else."""
    return JobView.of(context.jobs.retry(tenant, job_id))


@router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT)
def erase(job_id: str, context: Wired, tenant: Writer) -> None:
    """Forget a finished job and delete all that was kept of it."""
    context.jobs.erase(tenant, job_id)


def disposition(file: File) -> str:
    """Return the Content-Disposition (RFC 6266) under which a file is saved."""
    if _PLAIN_NAME.fullmatch(file.name):
        return f'attachment; filename="{file.name}"'
    return f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
