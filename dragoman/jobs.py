"""The calls about jobs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Unpack

from dragoman import uploads
from dragoman.effects import Flow, Request, Stream
from dragoman.exchange import document, model, pages, path
from dragoman.models import Erasure, Job, Link, id_of
from dragoman.results import Result
from dragoman.specs import JobSpec
from dragoman.uploads import FileLike, Recording


def submit(
    spec: JobSpec | None = None,
    *,
    file: FileLike | None = None,
    idempotency_key: str | None = None,
    **fields: Unpack[JobSpec],
) -> Flow[Job]:
    """Create a job; it is one job however often it has to be sent.

    A file of 32 MiB or more is uploaded in pieces first: a broken connection costs no more than one of them.

    Args:
        spec: The job's fields; those given by name come on top.
        file: The recording: a path, an open binary file (taken from its start) or bytes.
        idempotency_key: Your own name for this submission, 1 to 255 printable ASCII characters: the same
            content under the same key is the same job for 24 h. A random one when None.
        fields: The job's fields, such as kind="transcription", source_language="en".

    Raises:
        InvalidRequest: the spec or the file cannot be used; `errors` lists wrong fields.
        RateLimited: there is too much work.
    """
    wanted: dict[str, Any] = {**(spec or {}), **fields}
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    if file is None:
        return (yield from model(Job, Request("POST", path("jobs"), headers=headers, json=wanted)))
    with uploads.opened(file) as recording:
        if recording.size_bytes < uploads.RESUMABLE_FROM_BYTES:
            parts = _form(wanted, recording)
            return (yield from model(Job, Request("POST", path("jobs"), headers=headers, parts=parts)))
        wanted["upload_id"] = yield from uploads.sent(recording)
    return (yield from model(Job, Request("POST", path("jobs"), headers=headers, json=wanted)))


def get(job: Job | str) -> Flow[Job]:
    """Return a job as it stands."""
    return (yield from model(Job, Request("GET", path("jobs", id_of(job)))))


def list_(
    *,
    state: str | None = None,
    kind: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> Stream[Job]:
    """Iterate over jobs, newest first; pages are fetched as they are needed.

    Args:
        state: Only these, such as "running".
        kind: Only these, such as "transcription".
        created_after: Only later ones; with a time zone.
        created_before: Only earlier ones; with a time zone.
        metadata: Only those with these values.
        limit: Most jobs; None for all.
    """
    params = {
        "state": state,
        "kind": kind,
        "created_after": created_after and created_after.isoformat(),
        "created_before": created_before and created_before.isoformat(),
        **{f"metadata.{name}": value for name, value in (metadata or {}).items()},
    }
    yield from pages(Job, "jobs", params, limit)


def result(job: Job | str) -> Flow[Result]:
    """Return what a job came to."""
    return (yield from model(Result, Request("GET", path("jobs", id_of(job), "result"))))


def result_document(job: Job | str) -> Flow[dict[str, Any]]:
    """Return what a job came to as the JSON that the gateway sent."""
    found: dict[str, Any] = yield from document(Request("GET", path("jobs", id_of(job), "result")))
    return found


def cancel(job: Job | str) -> Flow[Job]:
    """Ask for a job to end; asking again is no error."""
    return (yield from model(Job, Request("POST", path("jobs", id_of(job), "cancel"))))


def retry(job: Job | str) -> Flow[Job]:
    """Run again what failed of a job, and nothing else."""
    return (yield from model(Job, Request("POST", path("jobs", id_of(job), "retry"), idempotent=False)))


def erase(job: Job | str) -> Flow[Erasure]:
    """Delete a job that is over and all that was kept of it; return the receipt."""
    return (yield from model(Erasure, Request("DELETE", path("jobs", id_of(job)))))


def erasure(erasure_id: str) -> Flow[Erasure]:
    """Return the receipt of an erasure again."""
    return (yield from model(Erasure, Request("GET", path("erasures", erasure_id))))


def link(job: Job | str, *, expires_in_s: int = 900) -> Flow[Link]:
    """Make a token with which a browser, which cannot send a key, reads one job for 60 to 3,600 s.

    It goes behind a path of the job: `/v1/jobs/ID/events?token=TOKEN`.
    """
    wanted = {"expires_in_s": expires_in_s}
    return (yield from model(Link, Request("POST", path("jobs", id_of(job), "links"), json=wanted)))


def _form(spec: Mapping[str, Any], recording: Recording) -> dict[str, Any]:
    return {
        "file": (recording.name, recording.stream, "application/octet-stream"),
        "spec": (None, json.dumps(spec), "application/json"),
    }
