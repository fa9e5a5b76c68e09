"""The use cases of the job API: submit, look, cancel, erase, fetch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, BinaryIO, Final

from services.gateway.jobs import resolve, spec
from services.gateway.jobs.ids import JOB_ID, new_job_id
from services.gateway.jobs.model import File, Job, JobState, Progress
from services.gateway.jobs.pipeline import PIPELINES
from services.gateway.jobs.ports import (
    Capabilities,
    Dispatcher,
    JobQuery,
    JobStore,
    MediaProbe,
    RawFormat,
    Submission,
)
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import Conflict, InvalidMedia, InvalidRequest, NotFound

RESULT_NAME: Final = "result.json"
_HEAD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file, not yet kept.

    Attributes:
        file: Its bytes; read from the start, more than once.
        size_bytes: Its length.
    """

    file: BinaryIO
    size_bytes: int


@dataclass(frozen=True, slots=True)
class JobPage:
    """A page of jobs, newest first, and the id to go on after; None at the end."""

    jobs: tuple[Job, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class Ports:
    """The world as the domain needs it."""

    store: JobStore
    artifacts: ArtifactStore
    dispatcher: Dispatcher
    capabilities: Capabilities
    probe: MediaProbe


class JobService:
    """The job API without HTTP. Every method may be called from any thread.

    Another tenant's job is NotFound everywhere, like one that never was.
    """

    def __init__(self, ports: Ports, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ports = ports
        self._now = now

    def submit(self, tenant: str, raw_spec: bytes | str, upload: Upload | None = None) -> Job:
        """Accept a job: from here on it reaches exactly one final state.

        Everything is checked before the first byte is kept, so a refusal leaves nothing behind.

        Raises:
            InvalidRequest: the spec or the file is wrong, or one of them is missing.
            Unsupported: this installation cannot do it.
            Unavailable: a needed service has not answered yet.
        """
        wanted = spec.parse(raw_spec)
        _check_upload(wanted, upload)
        resolved = resolve.resolve(wanted, self._ports.capabilities)
        stages = PIPELINES[wanted.kind].stages_for(getattr(wanted, "outputs", ()))
        job = Job(
            id=new_job_id(),
            tenant=tenant,
            kind=wanted.kind,
            state=JobState.QUEUED,
            created_at=self._now(),
            priority=wanted.priority,
            metadata=wanted.metadata,
            progress={stage.name: Progress(0, 0) for stage in stages},
        )
        source = self._source(wanted, upload)
        key = f"{job.prefix}input"
        try:
            stored = self._ports.artifacts.put(key, _content(wanted, upload))
            source |= {"key": key, "size_bytes": stored.size_bytes}
            hints = self._ports.store.submit(Submission(job, resolved | {"input": source}, stages))
        except BaseException:
            self._ports.artifacts.delete_prefix(job.prefix)
            raise
        self._ports.dispatcher.send(hints)
        return job

    def get(self, tenant: str, job_id: str) -> Job:
        """Return a job as it stands."""
        job = self._ports.store.get(job_id) if JOB_ID.fullmatch(job_id) else None
        if job is None or job.tenant != tenant:
            raise NotFound("There is no such job.", code="job_not_found")
        return job

    def list(self, query: JobQuery) -> JobPage:
        """Return a page of jobs."""
        more = JobQuery(query.tenant, query.limit + 1, query.state, query.before)
        jobs = tuple(self._ports.store.list(more))
        page = jobs[: query.limit]
        return JobPage(page, page[-1].id if len(jobs) > len(page) else None)

    def cancel(self, tenant: str, job_id: str) -> Job:
        """Ask for a job to end; again is no error.

        Raises:
            Conflict: (job_finished) it is over.
        """
        job = self.get(tenant, job_id)
        if not self._ports.store.cancel(job_id):
            job = self.get(tenant, job_id)
            if job.state not in {JobState.CANCELLING, JobState.CANCELLED}:
                raise Conflict("The job is over; there is nothing left to cancel.", code="job_finished")
        return self.get(tenant, job_id)

    def erase(self, tenant: str, job_id: str) -> None:
        """Forget a job and delete all that was kept of it.

        Raises:
            Conflict: (job_not_finished) it still runs.
        """
        job = self.get(tenant, job_id)
        if not job.state.final:
            raise Conflict("The job still runs: cancel it, then erase it.", code="job_not_finished")
        # Artifacts first: were the job forgotten first, a crash in between would leave them to nobody.
        self._ports.artifacts.delete_prefix(job.prefix)
        self._ports.store.erase(job_id)

    def file(self, tenant: str, job_id: str, name: str) -> File:
        """Return one of a finished job's files by the name that clients use."""
        for file in self.get(tenant, job_id).files:
            if file.name == name:
                return file
        raise NotFound("The job has no file of that name; see its artifacts.", code="artifact_not_found")

    def result(self, tenant: str, job_id: str) -> File:
        """Return a finished job's result document.

        Raises:
            Conflict: (job_not_finished) it still runs, or (no_result) it failed, for the reason that the
                detail names, or was cancelled.
        """
        job = self.get(tenant, job_id)
        if not job.state.final:
            raise Conflict("The job is not finished yet; ask again later.", code="job_not_finished")
        if job.state in {JobState.FAILED, JobState.CANCELLED}:
            why = f"failed ({job.error.code}); see its error" if job.error else f"is {job.state}"
            raise Conflict(f"There is no result: the job {why}.", code="no_result")
        return self.file(tenant, job_id, RESULT_NAME)

    def content(self, file: File) -> Iterator[bytes]:
        """Return a file's bytes in pieces.

        Raises:
            NotFound: it is gone; now, not when the first piece is asked for.
        """
        pieces = self._ports.artifacts.stream(file.key)
        return chain((next(pieces, b""),), pieces)

    def _source(self, wanted: spec.JobSpec, upload: Upload | None) -> dict[str, Any]:
        """Look at what came in without keeping it."""
        if upload is None or not isinstance(wanted, spec.FileSpec):
            return {}
        raw = wanted.input.model_dump() if wanted.input else {}
        head = upload.file.read(_HEAD_BYTES)
        upload.file.seek(0)
        raw_format = RawFormat(**raw) if raw else None
        return raw | {"container": self._ports.probe.probe(head, upload.size_bytes, raw_format)}


def _check_upload(wanted: spec.JobSpec, upload: Upload | None) -> None:
    takes_file = isinstance(wanted, spec.FileSpec)
    if takes_file and upload is None:
        raise InvalidRequest(
            f"A {wanted.kind} job needs a file: send multipart/form-data with the parts file and spec.",
            code="missing_file",
        )
    if upload is not None and not takes_file:
        raise InvalidRequest(f"A {wanted.kind} job takes no file.", code="unexpected_file")
    if upload is not None and upload.size_bytes == 0:
        raise InvalidMedia("The file is empty: send the recording itself.", code="empty_file")


def _content(wanted: spec.JobSpec, upload: Upload | None) -> bytes | Iterator[bytes]:
    if upload is None or not isinstance(wanted, spec.FileSpec):
        return wanted.text.encode() if isinstance(wanted, spec.TextSpec) else b""
    file = upload.file
    return iter(lambda: file.read(_HEAD_BYTES), b"")
