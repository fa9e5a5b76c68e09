"""The routes of /v1/jobs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, cast
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from services.gateway.api import bodies, ranges
from services.gateway.api.context import Reader, Wired, Writer, caller_of, context_of
from services.gateway.api.direct import Direct
from services.gateway.api.errors import RETRY_AFTER_S
from services.gateway.api.events import Watching, while_good
from services.gateway.api.moments import Moment
from services.gateway.api.pages import make_token, read_token
from services.gateway.api.schemas import ErasureView, FilesView, FileView, JobPageView, JobView
from services.gateway.api.uploads import received
from services.gateway.api.views import Views
from services.gateway.jobs.admission import Repeatable
from services.gateway.jobs.model import File, JobState
from services.gateway.jobs.ports import JobQuery
from services.gateway.jobs.service import Accepted, JobService, Sent
from services.gateway.jobs.spec import kinds
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
                    "additionalProperties": False,
                    "properties": {"spec": SPEC, "file": {"type": "string", "format": "binary"}},
                },
                "encoding": {"spec": {"contentType": "application/json"}},
            },
            "application/json": {"schema": SPEC},
        },
    }
}

_PARTIAL: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.PARTIAL_CONTENT: {"description": "The part that Range asks for"},
    HTTPStatus.NOT_MODIFIED: {"description": "It is what If-None-Match names"},
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: {"description": "The file has no such part"},
}
_RESULT: Final = _PARTIAL | {
    HTTPStatus.OK: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Result"}}}}
}
_FILE: Final = _PARTIAL | {
    HTTPStatus.OK: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK: {"content": {"text/event-stream": {}}},
    HTTPStatus.NO_CONTENT: {"description": "Last-Event-ID names the final version"},
}
_METADATA: Final = "metadata."
_LISTED: Final = {
    "parameters": [
        {
            "name": "metadata",
            "in": "query",
            "description": "Names and values that the jobs must have, each as metadata.<name>=<value>.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "style": "form",
            "explode": True,
        }
    ]
}

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
receipts = APIRouter(prefix="/v1/erasures", tags=["jobs"])


async def views_of(request: Request) -> Views:
    """Return who shows jobs."""
    return cast("Views", request.app.state.views)


async def watching_of(request: Request) -> Watching:
    """Return who looks after jobs that are watched."""
    return cast("Watching", request.app.state.watching)


Shows = Annotated[Views, Depends(views_of)]
Kind = StrEnum("Kind", {name: name for name in kinds()})  # type: ignore[misc]  # kinds are data


@dataclass(frozen=True, slots=True)
class Created:
    """When listed jobs were created: at `created_after` or later, and earlier than `created_before`."""

    created_after: Moment | None = None
    created_before: Moment | None = None


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


async def repeatable(
    idempotency_key: IdempotencyKey = None, x_stainless_retry_count: RetryCount = None
) -> Repeatable:
    """Return what the headers say about sending a submission again."""
    return Repeatable(idempotency_key, x_stainless_retry_count)


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=JobView, openapi_extra=_BODY)
async def submit(
    request: Request, tenant: Writer, again: Annotated[Repeatable, Depends(repeatable)]
) -> Response:
    """Create a job from a spec and, for kinds that take one, a file."""
    context = await context_of(request)
    jobs, with_file = context.jobs, bodies.media_type(request) == "multipart/form-data"
    if with_file:
        await run_in_threadpool(jobs.admit, tenant, again)
    async with received(request, context.settings.gateway_max_upload_bytes) as body:
        sent = Sent(tenant, body.spec, body.upload, again)
        # Where there is no file to be spared, both in one go: each way into a thread costs time.
        accepted = await run_in_threadpool(jobs.submit if with_file else partial(_admitted, jobs), sent)
    telemetry.mark({"dragoman.job": accepted.job.id})
    telemetry.logger().info("job accepted", job=accepted.job.id, replayed=accepted.replayed)
    headers = {"location": f"/v1/jobs/{accepted.job.id}", "retry-after": str(RETRY_AFTER_S)}
    if accepted.replayed:
        headers["idempotency-replayed"] = "true"
    shown = JobView.of(accepted.job).model_dump_json()
    return Response(shown, HTTPStatus.ACCEPTED, headers, media_type="application/json")


def _admitted(jobs: JobService, sent: Sent) -> Accepted:
    jobs.admit(sent.tenant, sent.repeatable)
    return jobs.submit(sent)


def wanted_jobs(
    request: Request,
    tenant: Reader,
    page_size: Annotated[int, Query(ge=0)] = 50,
    state: JobState | None = None,
    kind: Kind | None = None,
    created: Annotated[Created, Depends()] = Created(),
) -> JobQuery:
    """Return which jobs a list is to hold: its parameters, and any `metadata.<name>=<value>`."""
    pairs = request.query_params.items()
    return JobQuery(
        tenant=tenant,
        limit=min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE),
        state=state,
        kind=kind,
        created_after=created.created_after,
        created_before=created.created_before,
        metadata={name.removeprefix(_METADATA): value for name, value in pairs if name.startswith(_METADATA)},
    )


@router.get("", openapi_extra=_LISTED)
def list_jobs(
    context: Wired, query: Annotated[JobQuery, Depends(wanted_jobs)], page_token: str = ""
) -> JobPageView:
    """List jobs, newest first; a page_size above the most is brought down to it."""
    page = context.jobs.list(replace(query, before=read_token(page_token, query)))
    return JobPageView(
        jobs=[JobView.of(job) for job in page.jobs], next_page_token=make_token(page.before, query)
    )


async def get_job(request: Request, job_id: str, tenant: Reader) -> Response:
    """Return a job as it stands."""
    # What is asked for most: a job that did not change is shown as it was, without a model's checks.
    shown = await (await views_of(request)).show(tenant, job_id)
    return Response(shown.body, media_type="application/json")


router.add_api_route("/{job_id}", get_job, response_model=JobView, route_class_override=Direct)


@router.get("/{job_id}/events", responses=_EVENTS, response_class=StreamingResponse)
async def watch(
    request: Request,
    job_id: str,
    views: Shows,
    watching: Annotated[Watching, Depends(watching_of)],
    tenant: Reader,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> Response:
    """Stream the job's changes until its final state; 204 when the client has seen that already."""
    shown = await views.show(tenant, job_id)
    if shown.final and shown.version <= last_event_id:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    events = watching.events(job_id, shown, last_event_id)
    return StreamingResponse(
        while_good(events, partial(caller_of, request)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.head("/{job_id}/result", include_in_schema=False)
@router.get("/{job_id}/result", responses=_RESULT)
def result(request: Request, job_id: str, context: Wired, tenant: Reader) -> Response:
    """Return the result document of a finished job."""
    return ranges.answer(request, context.jobs.result(tenant, job_id), context.jobs.content, {})


@router.get("/{job_id}/artifacts")
def list_artifacts(job_id: str, context: Wired, tenant: Reader) -> FilesView:
    """List the files of a job; there are none before its final state."""
    job = context.jobs.get(tenant, job_id)
    return FilesView(artifacts=[FileView.of(job, file) for file in job.files])


@router.head("/{job_id}/artifacts/{name}", include_in_schema=False)
@router.get("/{job_id}/artifacts/{name}", responses=_FILE, response_class=StreamingResponse)
def download(request: Request, job_id: str, name: str, context: Wired, tenant: Reader) -> Response:
    """Return one file of a job, or a part of it."""
    file = context.jobs.file(tenant, job_id, name)
    return ranges.answer(request, file, context.jobs.content, {"content-disposition": disposition(file)})


@router.post("/{job_id}/cancel")
def cancel(job_id: str, context: Wired, tenant: Writer) -> JobView:
    """Ask for a job to end; asking again is no error."""
    return JobView.of(context.jobs.cancel(tenant, job_id))


@router.post("/{job_id}/retry", status_code=HTTPStatus.ACCEPTED)
def retry(job_id: str, context: Wired, tenant: Writer) -> JobView:
    """Run again what failed of a job, and nothing else."""
    return JobView.of(context.jobs.retry(tenant, job_id))


@router.delete("/{job_id}")
def erase(job_id: str, context: Wired, tenant: Writer) -> ErasureView:
    """Forget a finished job and delete all that was kept of it; the answer is the receipt."""
    return ErasureView.of(context.jobs.erase(tenant, job_id))


@receipts.get("/{erasure_id}")
def erasure(erasure_id: str, context: Wired, tenant: Reader) -> ErasureView:
    """Return the receipt of a job that was erased."""
    return ErasureView.of(context.jobs.erasure(tenant, erasure_id))


def disposition(file: File) -> str:
    """Return the Content-Disposition (RFC 6266) under which a file is saved."""
    if _PLAIN_NAME.fullmatch(file.name):
        return f'attachment; filename="{file.name}"'
    return f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
