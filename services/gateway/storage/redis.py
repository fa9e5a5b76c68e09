"""The job store on the unit ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from typing import Final as Constant

from services.gateway.jobs import sources
from services.gateway.jobs.admission import check_backlog, check_fingerprint, check_quotas, refusal
from services.gateway.jobs.ids import first_job_id
from services.gateway.jobs.model import (
    File,
    Final,
    Hole,
    Job,
    JobError,
    JobOutcome,
    JobState,
    Progress,
    UnitRecord,
    UnitState,
)
from services.gateway.jobs.ports import (
    Backlog,
    Head,
    Idempotency,
    JobQuery,
    Quotas,
    Receipt,
    StageDepth,
    Submission,
)
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import NewJob, Node, Terms, Unit
from services.shared.redis_errors import reaching
from services.shared.tasks import DECODE, STAGES, Hint

_PAGE: Constant = 100
_CLOCKS: Constant = timedelta(minutes=10)
_NO_BOUND: Constant = Backlog(jobs=10**9, jobs_per_tenant=10**9)


class RedisJobStore:
    """Jobs as the ledger keeps them.

    Args:
        ledger: The truth about jobs and units.
        backlog: How many unfinished jobs it takes.
        quotas: What a tenant may use. These, and the backlog of a tenant, hold for those without own limits.
    """

    def __init__(self, ledger: Ledger, backlog: Backlog = _NO_BOUND, quotas: Quotas = Quotas()) -> None:  # noqa: B008 - frozen
        self._ledger = ledger
        self._backlog = backlog
        self._quotas = quotas

    @reaching
    def submit(self, submission: Submission) -> Receipt:
        """Write a job and its first unit, unless its idempotency key stands for another job already."""
        job = submission.job
        new = NewJob(
            job=job.id,
            tenant=job.tenant,
            kind=job.kind,
            priority=job.priority,
            graph=tuple(Node(stage.name, stage.scope, stage.attempts) for stage in submission.stages),
            spec=submission.spec,
            metadata=job.metadata,
            audio_ms=submission.audio_ms,
            trace=job.trace,
            stored_bytes=submission.stored_bytes,
        )
        submitted = self._ledger.submit(new, self._terms(submission.idempotency))
        match submitted.answer:
            case "reused" if submission.idempotency is not None:
                check_fingerprint(submission.idempotency, kept="")
            case "full" | "tenant_full" | "storage_full" | "audio_full":
                raise refusal(submitted.answer)
        return Receipt(submitted.job, submitted.hints)

    @reaching
    def replayed(self, tenant: str, idempotency: Idempotency) -> str | None:
        """Return the id of the job that a key stands for; None when unused, or when `fresh`."""
        kept = None if idempotency.fresh else self._ledger.kept_under(tenant, _digest(idempotency.key))
        if kept is None:
            return None
        fingerprint, job = kept
        check_fingerprint(idempotency, fingerprint)
        return job

    @reaching
    def check_backlog(self, tenant: str) -> None:
        """Ask whether there is room for one more job."""
        standing = self._ledger.accounts.standing(tenant)
        own, quotas = standing.limits, self._quotas
        backlog = Backlog(self._backlog.jobs, _first(own.unfinished_jobs, self._backlog.jobs_per_tenant))
        check_backlog(backlog, standing.jobs, standing.jobs_of_tenant)
        storage_bytes = _first(own.storage_bytes, quotas.storage_bytes)
        minutes = _first(own.audio_minutes_per_month, quotas.audio_minutes_per_month)
        check_quotas(Quotas(storage_bytes, minutes), standing.stored_bytes, standing.audio_ms)

    @reaching
    def retry(self, job_id: str) -> Sequence[Hint] | None:
        """Run the dead units of a failed or partially succeeded job again; None for any other job."""
        current = self._ledger.job(job_id)
        if current is None or current["state"] not in {JobState.FAILED, JobState.PARTIALLY_SUCCEEDED}:
            return None
        state, hints = self._ledger.retry(job_id)
        return hints if state == JobState.RUNNING else None

    @reaching
    def units(self, job_id: str) -> Sequence[UnitRecord]:
        """Return all units of a job, in the order of creation."""
        return tuple(_record(unit) for unit in self._ledger.units(job_id))

    def _terms(self, idempotency: Idempotency | None) -> Terms:
        terms = Terms(
            self._backlog.jobs,
            self._backlog.jobs_per_tenant,
            self._quotas.storage_bytes,
            self._quotas.audio_minutes_per_month,
        )
        if idempotency is None:
            return terms
        digest = _digest(idempotency.key)
        return replace(terms, key=digest, fingerprint=idempotency.fingerprint, fresh=idempotency.fresh)

    @reaching
    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands, whoever owns it."""
        return self._jobs([job_id])[0]

    @reaching
    def get_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return jobs as they stand, each as `get` does, for the price of one."""
        return self._jobs(job_ids)

    @reaching
    def heads(self, job_ids: Sequence[str]) -> Sequence[Head | None]:
        """Return whose jobs they are, and in which version they stand."""
        return [
            None if tenant is None or version is None else Head(tenant, int(version))
            for tenant, version in self._ledger.fields(job_ids, "tenant", "version")
        ]

    @reaching
    def list(self, query: JobQuery) -> Sequence[Job]:
        """Return jobs, newest first."""
        found: list[Job] = []
        before, first = _bounds(query)
        page = min(query.limit, _PAGE) if query.unfiltered else _PAGE
        while len(found) < query.limit:
            names = self._ledger.jobs(query.tenant, before=before, limit=page)
            jobs = self._jobs([name for name in names if name >= first])
            found += [job for job in jobs if job is not None and query.fits(job)]
            if len(jobs) < page:
                break
            before = names[-1]
        return found[: query.limit]

    @reaching
    def cancel(self, job_id: str) -> bool:
        """Ask for the job to end; False when it is over or asked already."""
        current = self._ledger.job(job_id)
        if current is None or current["state"] not in {JobState.QUEUED, JobState.RUNNING}:
            return False
        return self._ledger.cancel(job_id) == JobState.CANCELLING

    @reaching
    def erase(self, job_id: str) -> bool:
        """Forget a job in a final state; False when there is none."""
        return self._ledger.erase(job_id) == "erased"

    @reaching
    def outcome(self, job_id: str) -> JobOutcome | None:
        """Return the job with all its units when nothing of it is left to run, else None."""
        fields = self._ledger.job(job_id)
        if fields is None or fields["open"] != "0" or "finished_ms" in fields:
            return None
        units = self._ledger.units(job_id)
        return JobOutcome(
            job=replace(_job(job_id, fields, _decoded(units)), holes=_holes(units)),
            spec=json.loads(fields["spec"]),
            units=tuple(_record(unit) for unit in units),
        )

    @reaching
    def finish(self, job_id: str, final: Final) -> bool:
        """Put a finishing job into its final state; False when somebody else has."""
        fields = {
            "files": json.dumps([asdict(file) for file in final.files]),
            "needs_review": json.dumps(final.needs_review),
        }
        if final.error is not None:
            fields |= {"error_code": final.error.code, "error_detail": final.error.detail}
        file_bytes = sum(file.size_bytes for file in final.files)
        return self._ledger.finish(job_id, final.state, fields, final.version, file_bytes=file_bytes)

    @reaching
    def depths(self) -> Mapping[str, StageDepth]:
        """Return the depth of every stage."""
        counts = self._ledger.stages()
        return {stage: _depth(counts.get(stage, {})) for stage in STAGES}

    @reaching
    def identity(self) -> str:
        """Return what no other ledger answers, nor this one after it lost its memory."""
        return self._ledger.identity()

    @reaching
    def ping(self) -> None:
        """Raise Unavailable when Redis cannot be reached."""
        self._ledger.ping()

    def _jobs(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        return [
            self._job(job_id, fields, decoded) if fields else None
            for job_id, (fields, decoded) in zip(job_ids, self._ledger.look(job_ids, DECODE), strict=True)
        ]

    def _job(self, job_id: str, fields: Mapping[str, str], decoded: str | None) -> Job:
        job = _job(job_id, fields, json.loads(decoded) if decoded else None)
        if any(name.startswith("dead:") for name in fields):
            return replace(job, holes=_holes(self._ledger.units(job_id)))
        return job


def _first(own: int | None, default: int) -> int:
    return default if own is None else own


def _digest(key: str) -> str:
    """Return a key's name in Redis, where a client's own characters could mean something."""
    return hashlib.sha256(key.encode()).hexdigest()


def _bounds(query: JobQuery) -> tuple[str | None, str]:
    """Return between which ids the jobs of a query lie: below the first, if any, not below the second.

    Ids and times of creation come from clocks of different machines, so the bounds leave some room.
    """
    before, first = query.before, ""
    if query.created_before is not None:
        last = first_job_id(query.created_before + _CLOCKS)
        before = min(before, last) if before else last
    if query.created_after is not None:
        first = first_job_id(query.created_after - _CLOCKS)
    return before, first


def _job(job_id: str, fields: Mapping[str, str], decoded: Mapping[str, Any] | None) -> Job:
    stages = [node["stage"] for node in json.loads(fields["graph"])]
    return Job(
        id=job_id,
        tenant=fields["tenant"],
        kind=fields["kind"],
        state=JobState(fields["state"]),
        created_at=_time(fields["created_ms"]),
        started_at=_time(fields["started_ms"]) if "started_ms" in fields else None,
        finished_at=_time(fields["finished_ms"]) if "finished_ms" in fields else None,
        priority=fields["priority"],
        metadata=json.loads(fields["metadata"]),
        progress={stage: _progress(fields, stage) for stage in stages},
        error=_error(fields),
        usage={stage: {"busy_ms": int(fields.get(f"busy:{stage}", 0))} for stage in stages},
        audio_ms=int(decoded["duration_ms"]) if decoded else None,
        files=tuple(File(**file) for file in json.loads(fields.get("files", "[]"))),
        needs_review=json.loads(fields.get("needs_review", "null")),
        version=int(fields["version"]),
        # A job of an older version has none.
        trace=fields.get("trace", ""),
        source=_source(fields["spec"]),
        leased=sum(int(fields.get(f"leased:{stage}", 0)) for stage in stages),
    )


def _source(spec: str) -> str:
    # Most jobs have none, and most specs are longer than a word to look for.
    return sources.shown(json.loads(spec).get("input", {})) if '"url"' in spec else ""


def _holes(units: Sequence[Unit]) -> tuple[Hole, ...]:
    return tuple(Hole(unit.stage, unit.index, unit.error_code or "") for unit in units if _failed(unit))


def _progress(fields: Mapping[str, str], stage: str) -> Progress:
    over = int(fields.get(f"done:{stage}", 0)) + int(fields.get(f"dead:{stage}", 0))
    return Progress(done=over, total=int(fields.get(f"total:{stage}", 0)))


def _error(fields: Mapping[str, str]) -> JobError | None:
    if "error_code" not in fields:
        return None
    return JobError(fields["error_code"], fields["error_detail"])


def _failed(unit: Unit) -> bool:
    """Whether a unit is a hole of its own, not one that follows from another."""
    return unit.state == "dead" and unit.error_code not in {"upstream_failed", "cancelled"}


def _decoded(units: Sequence[Unit]) -> Mapping[str, Any] | None:
    return next((unit.output for unit in units if unit.stage == DECODE and unit.output), None)


def _record(unit: Unit) -> UnitRecord:
    return UnitRecord(
        stage=unit.stage,
        index=unit.index,
        state=UnitState(unit.state),
        attempt=unit.attempt,
        payload=unit.payload,
        output=unit.output,
        error_code=unit.error_code,
        error_detail=unit.error_detail,
    )


def _depth(counts: Mapping[str, int]) -> StageDepth:
    return StageDepth(
        queued=counts.get("ready", 0), running=counts.get("leased", 0), done=counts.get("done", 0)
    )


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
