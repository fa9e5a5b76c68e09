"""The use cases of the job API: submit, look, cancel, retry, erase, fetch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from services.gateway.jobs import glossaries, resolve, sources, spec
from services.gateway.jobs.abilities import Capabilities
from services.gateway.jobs.admission import Repeatable
from services.gateway.jobs.erasures import ERASURE_ID, Erasure, Erasures, MemoryErasures
from services.gateway.jobs.glossaries import Glossaries, NoGlossaries
from services.gateway.jobs.ids import JOB_ID, new_job_id, uuid7_hex
from services.gateway.jobs.model import File, Job, JobState, Progress
from services.gateway.jobs.pipeline import FETCH, PIPELINES, Stage
from services.gateway.jobs.policy import Policies, SamePolicy
from services.gateway.jobs.ports import (
    Dispatcher,
    Idempotency,
    JobQuery,
    JobStore,
    MediaProbe,
    NoWebhooks,
    RawFormat,
    Submission,
    Webhooks,
)
from services.gateway.jobs.sources import NoUploads, NoUrls, Source, SourceUrls, Upload, UploadedFiles
from services.shared import telemetry
from services.shared.artifacts.base import ArtifactStore
from services.shared.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    Overloaded,
    StorageFailure,
    Unavailable,
)

RESULT_NAME: Final = "result.json"
_HEAD_BYTES: Final = 64 * 1024
# For the guess at what is waiting to be done: two channels of G.711, and 15 characters of speech a second.
_BYTES_PER_MS: Final = 16
_CHARACTERS_PER_MS: Final = 0.015


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission as it came.

    Attributes:
        tenant: Who sent it.
        raw_spec: The spec's JSON.
        upload: The file, if there is one.
        repeatable: What the client says about sending it again.
    """

    tenant: str
    raw_spec: bytes | str
    upload: Upload | None = None
    repeatable: Repeatable = Repeatable()  # noqa: RUF009 (frozen)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that stands for a submission, as it stands now, and whether it was there before."""

    job: Job
    replayed: bool


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
    uploads: UploadedFiles = field(default_factory=NoUploads)
    webhooks: Webhooks = field(default_factory=NoWebhooks)
    glossaries: Glossaries = field(default_factory=NoGlossaries)
    policies: Policies = field(default_factory=SamePolicy)
    urls: SourceUrls = field(default_factory=NoUrls)
    erasures: Erasures = field(default_factory=MemoryErasures)


class JobService:
    """The job API without HTTP. Every method may be called from any thread.

    Another tenant's job is NotFound everywhere, like one that never was.
    """

    def __init__(self, ports: Ports, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ports = ports
        self._now = now

    def admit(self, tenant: str, repeatable: Repeatable) -> None:
        """Ask whether it is worth to read a submission.

        Raises:
            Overloaded: (codes backlog_full, tenant_backlog_full, storage_quota_exceeded,
                audio_quota_exceeded) it is new, and there is no room for it.
        """
        try:
            self._ports.store.check_backlog(tenant)
        except Overloaded:
            if repeatable.first or not self._may_be_known(tenant, repeatable):
                raise

    def submit(self, sent: Sent) -> Accepted:
        """Accept a job: from here on it reaches exactly one final state.

        Everything is checked before the first byte is kept, so a refusal leaves nothing behind. What was
        accepted before under the same key is not checked again: its job is returned as it stands.

        Raises:
            InvalidRequest: the spec or the file is wrong, or one of them is missing; or (code
                idempotency_key_reused) the key stands for something else.
            Unsupported: this installation cannot do it.
            Overloaded: as `admit`.
            Unavailable: a needed service has not answered yet.
        """
        wanted = spec.parse(sent.raw_spec)
        sources.check(wanted, sent.upload)
        idempotency = sent.repeatable.idempotency(wanted, sent.upload.file if sent.upload else None)
        if idempotency and (replayed := self._replayed(sent.tenant, idempotency)):
            return Accepted(replayed, replayed=True)
        try:
            with self._file(sent, wanted) as file:
                return self._accept(sent, wanted, idempotency, file)
        except Conflict:
            # The same submission, sent at the same time, was faster, and has the upload.
            if idempotency and (replayed := self._replayed(sent.tenant, idempotency)):
                return Accepted(replayed, replayed=True)
            raise

    def get(self, tenant: str, job_id: str) -> Job:
        """Return a job as it stands."""
        job = self._ports.store.get(job_id) if JOB_ID.fullmatch(job_id) else None
        if job is None or job.tenant != tenant:
            raise NotFound("There is no such job.", code="job_not_found")
        return job

    def list(self, query: JobQuery) -> JobPage:
        """Return a page of jobs."""
        jobs = tuple(self._ports.store.list(replace(query, limit=query.limit + 1)))
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

    def retry(self, tenant: str, job_id: str) -> Job:
        """Run again what failed of a job, and nothing else.

        Raises:
            Conflict: (job_not_finished) it still runs, or (job_not_retryable) nothing of it failed, or it was
                cancelled.
        """
        self.get(tenant, job_id)
        hints = self._ports.store.retry(job_id)
        if hints is None:
            raise _not_retryable(self.get(tenant, job_id))
        self._ports.dispatcher.send(hints)
        return self.get(tenant, job_id)

    def erase(self, tenant: str, job_id: str) -> Erasure:
        """Forget a job and delete all that was kept of it; return the receipt.

        Raises:
            Conflict: (job_not_finished) it still runs.
        """
        job = self.get(tenant, job_id)
        if not job.state.final:
            raise _still_running()
        # Artifacts first: were the job forgotten first, a crash in between would leave them to nobody.
        self._ports.artifacts.delete_prefix(job.prefix)
        if not self._ports.store.erase(job_id) and self._ports.store.get(job_id) is not None:
            raise _still_running()  # again: it was retried just now
        # A backup that is restored brings the job back: the log says what to erase again.
        telemetry.logger().info("job erased", job=job_id, tenant=tenant)
        erasure = Erasure(f"era_{uuid7_hex()}", tenant, job_id, self._now())
        self._ports.erasures.keep(erasure)
        return erasure

    def erasure(self, tenant: str, erasure_id: str) -> Erasure:
        """Return the receipt of an erasure.

        Raises:
            NotFound: (erasure_not_found) there is none, or it is older than 400 days.
        """
        known = ERASURE_ID.fullmatch(erasure_id)
        erasure = self._ports.erasures.get(tenant, erasure_id) if known else None
        if erasure is None:
            raise NotFound("There is no such receipt.", code="erasure_not_found")
        return erasure

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

    def content(self, file: File, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return a file's bytes in pieces: `length` of them from `start`, or all that follow.

        Raises:
            NotFound: it is gone; now, not when the first piece is asked for.
        """
        pieces = self._ports.artifacts.stream(file.key, start, length)
        return chain((next(pieces, b""),), pieces)

    def _accept(
        self, sent: Sent, wanted: spec.JobSpec, idempotency: Idempotency | None, file: Source | None
    ) -> Accepted:
        job, stages = self._new_job(sent.tenant, wanted)
        resolved = resolve.resolve(wanted, self._ports.capabilities)
        resolved |= resolve.webhook(wanted, sent.tenant, self._ports.webhooks)
        resolved |= self._ports.policies.policy(sent.tenant).document()
        glossary = glossaries.named(wanted, sent.tenant, self._ports.glossaries)
        source = self._source(wanted, file)
        job = replace(job, source=sources.shown(source))
        try:
            source |= self._kept(job, _content(wanted, file))
            resolved |= glossaries.kept(job, glossary, self._ports.artifacts)
            size_bytes = source.get("size_bytes", 0)
            spoken_ms = _spoken_ms(wanted, size_bytes)
            kept_bytes = size_bytes + resolved.get("glossary", {}).get("size_bytes", 0)
            submission = Submission(
                job, resolved | {"input": source}, stages, idempotency, spoken_ms, kept_bytes
            )
            receipt = self._ports.store.submit(submission)
        except BaseException:
            self._take_back(job)
            raise
        if receipt.job_id != job.id:
            # The same submission, sent at the same time, was faster.
            self._take_back(job)
            return Accepted(self.get(sent.tenant, receipt.job_id), replayed=True)
        self._ports.dispatcher.send(receipt.hints)
        if file is not None:
            # The job has its copy, whether the upload hears of it or not.
            with suppress(Unavailable):
                file.used(job.id)
        return Accepted(job, replayed=False)

    @contextmanager
    def _file(self, sent: Sent, wanted: spec.JobSpec) -> Iterator[Source | None]:
        if isinstance(wanted, spec.FileSpec) and wanted.upload_id:
            with self._ports.uploads.taken(sent.tenant, wanted.upload_id) as taken:
                yield taken
        else:
            yield sent.upload

    def _kept(self, job: Job, content: bytes | Iterator[bytes] | None) -> dict[str, Any]:
        if content is None:
            return {}
        stored = self._ports.artifacts.put(f"{job.prefix}input", content)
        return {"key": stored.key, "size_bytes": stored.size_bytes}

    def _may_be_known(self, tenant: str, repeatable: Repeatable) -> bool:
        """Say whether a submission may repeat an earlier one, as far as can be told before it is read."""
        if repeatable.key is None:
            return True
        try:
            return self._ports.store.replayed(tenant, Idempotency(repeatable.key, "")) is not None
        except InvalidRequest:
            return True

    def _replayed(self, tenant: str, idempotency: Idempotency) -> Job | None:
        job_id = self._ports.store.replayed(tenant, idempotency)
        return self._ports.store.get(job_id) if job_id else None

    def _new_job(self, tenant: str, wanted: spec.JobSpec) -> tuple[Job, tuple[Stage, ...]]:
        stages = PIPELINES[wanted.kind].stages_for(getattr(wanted, "outputs", ()))
        if isinstance(wanted, spec.FileSpec) and wanted.source_url:
            stages = (FETCH, *stages)
        job = Job(
            id=new_job_id(),
            tenant=tenant,
            kind=wanted.kind,
            state=JobState.QUEUED,
            created_at=self._now(),
            priority=wanted.priority,
            metadata=wanted.metadata,
            progress={stage.name: Progress(0, 0) for stage in stages},
            trace=telemetry.traceparent(),
        )
        return job, stages

    def _take_back(self, job: Job) -> None:
        """Delete what was kept of a job that was not accepted.

        When the store cannot say, the job may have been accepted and only the answer lost: its input stays,
        and if there is no such job, the sweep of the artifacts finds it.
        """
        with suppress(Unavailable, StorageFailure):
            if self._ports.store.get(job.id) is None:
                self._ports.artifacts.delete_prefix(job.prefix)

    def _source(self, wanted: spec.JobSpec, file: Source | None) -> dict[str, Any]:
        """Look at what came in without keeping it."""
        if not isinstance(wanted, spec.FileSpec):
            return {}
        raw = wanted.input.model_dump() if wanted.input else {}
        if wanted.source_url:
            self._ports.urls.check(wanted.source_url)
            return raw | {"url": wanted.source_url}
        if file is None:
            return raw
        raw_format, head = RawFormat(**raw) if raw else None, file.head(_HEAD_BYTES)
        return raw | {"container": self._ports.probe.probe(head, file.size_bytes, raw_format)}


def _still_running() -> Conflict:
    return Conflict("The job still runs: cancel it, then erase it.", code="job_not_finished")


def _not_retryable(job: Job) -> Conflict:
    if not job.state.final:
        return Conflict("The job runs: it can be retried when it has ended.", code="job_not_finished")
    why = (
        "it was cancelled, and nothing was kept: submit it again"
        if job.state is JobState.CANCELLED
        else "nothing of it failed"
    )
    return Conflict(f"There is nothing to retry: {why}.", code="job_not_retryable")


def _spoken_ms(wanted: spec.JobSpec, size_bytes: int) -> int:
    """Guess how much speech a job is; the stages that decode or speak it will know."""
    if isinstance(wanted, spec.TextSpec):
        return round(len(wanted.text) / _CHARACTERS_PER_MS)
    return size_bytes // _BYTES_PER_MS


def _content(wanted: spec.JobSpec, file: Source | None) -> bytes | Iterator[bytes] | None:
    """Return what is kept of a submission; None when it is still to be fetched."""
    if isinstance(wanted, spec.TextSpec):
        return wanted.text.encode()
    return file.content() if file else None
