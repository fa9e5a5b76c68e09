"""The job store on the unit ledger."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final as Constant
from typing import ParamSpec, TypeVar

import redis

from services.gateway.jobs.admission import check_backlog, check_fingerprint
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
from services.gateway.jobs.ports import Backlog, Idempotency, JobQuery, Receipt, StageDepth, Submission
from services.shared.errors import Unavailable
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import NewJob, Node, Terms, Unit
from services.shared.tasks import DECODE, STAGES, Hint

P = ParamSpec("P")
R = TypeVar("R")

_PAGE: Constant = 100
_NO_BOUND: Constant = Backlog(jobs=10**9, jobs_per_tenant=10**9)


def _reaching(method: Callable[P, R]) -> Callable[P, R]:
    """Say Unavailable when Redis cannot be reached."""

    @functools.wraps(method)
    def reach(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return method(*arguments, **options)
        except redis.RedisError as error:
            # From within a script this error has no class of its own.
            if "OOM" in str(error):
                detail = "Redis has no memory left for this; raise its maxmemory, or erase old jobs."
                raise Unavailable(detail, code="redis_full") from None
            detail = "Redis cannot be reached; check that it runs, then try again."
            raise Unavailable(detail, code="redis_unavailable") from None

    return reach


class RedisJobStore:
    """Jobs as the ledger keeps them.

    Args:
        ledger: The truth about jobs and units.
        backlog: How many unfinished jobs it takes.
    """

    def __init__(self, ledger: Ledger, backlog: Backlog = _NO_BOUND) -> None:
        self._ledger = ledger
        self._backlog = backlog

    @_reaching
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
        )
        submitted = self._ledger.submit(new, self._terms(submission.idempotency))
        match submitted.answer:
            case "reused" if submission.idempotency is not None:
                check_fingerprint(submission.idempotency, kept="")
            case "full":
                check_backlog(self._backlog, self._backlog.jobs, 0)
            case "tenant_full":
                check_backlog(self._backlog, 0, self._backlog.jobs_per_tenant)
        return Receipt(submitted.job, submitted.hints)

    @_reaching
    def replayed(self, tenant: str, idempotency: Idempotency) -> str | None:
        """Return the id of the job that a key stands for; None when unused, or when `fresh`."""
        kept = None if idempotency.fresh else self._ledger.kept_under(tenant, _digest(idempotency.key))
        if kept is None:
            return None
        fingerprint, job = kept
        check_fingerprint(idempotency, fingerprint)
        return job

    @_reaching
    def check_backlog(self, tenant: str) -> None:
        """Ask whether there is room for one more job."""
        check_backlog(self._backlog, *self._ledger.backlog(tenant))

    @_reaching
    def retry(self, job_id: str) -> Sequence[Hint] | None:
        """Run the dead units of a failed or partially succeeded job again; None for any other job."""
        current = self._ledger.job(job_id)
        if current is None or current["state"] not in {JobState.FAILED, JobState.PARTIALLY_SUCCEEDED}:
            return None
        state, hints = self._ledger.retry(job_id)
        return hints if state == JobState.RUNNING else None

    @_reaching
    def units(self, job_id: str) -> Sequence[UnitRecord]:
        """Return all units of a job, in the order of creation."""
        return tuple(_record(unit) for unit in self._ledger.units(job_id))

    def _terms(self, idempotency: Idempotency | None) -> Terms:
        bounds = (self._backlog.jobs, self._backlog.jobs_per_tenant)
        if idempotency is None:
            return Terms(*bounds)
        return Terms(*bounds, _digest(idempotency.key), idempotency.fingerprint, idempotency.fresh)

    @_reaching
    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands, whoever owns it."""
        fields = self._ledger.job(job_id)
        return None if fields is None else self._job(job_id, fields)

    @_reaching
    def list(self, query: JobQuery) -> Sequence[Job]:
        """Return jobs, newest first."""
        found: list[Job] = []
        before = query.before
        page = query.limit if query.state is None else _PAGE
        while len(found) < query.limit:
            names = self._ledger.jobs(query.tenant, before=before, limit=page)
            if not names:
                break
            jobs = (self.get(name) for name in names)
            found += [job for job in jobs if job is not None and query.state in (None, job.state)]
            before = names[-1]
        return found[: query.limit]

    @_reaching
    def cancel(self, job_id: str) -> bool:
        """Ask for the job to end; False when it is over or asked already."""
        current = self._ledger.job(job_id)
        if current is None or current["state"] not in {JobState.QUEUED, JobState.RUNNING}:
            return False
        return self._ledger.cancel(job_id) == JobState.CANCELLING

    @_reaching
    def erase(self, job_id: str) -> bool:
        """Forget a job in a final state; False when there is none."""
        return self._ledger.erase(job_id) == "erased"

    @_reaching
    def outcome(self, job_id: str) -> JobOutcome | None:
        """Return the job with all its units when nothing of it is left to run, else None."""
        fields = self._ledger.job(job_id)
        if fields is None or fields["open"] != "0" or "finished_ms" in fields:
            return None
        units = self._ledger.units(job_id)
        return JobOutcome(
            job=_job(job_id, fields, units),
            spec=json.loads(fields["spec"]),
            units=tuple(_record(unit) for unit in units),
        )

    @_reaching
    def finish(self, job_id: str, final: Final) -> bool:
        """Put a finishing job into its final state; False when somebody else has."""
        fields = {
            "files": json.dumps([asdict(file) for file in final.files]),
            "needs_review": json.dumps(final.needs_review),
        }
        if final.error is not None:
            fields |= {"error_code": final.error.code, "error_detail": final.error.detail}
        return self._ledger.finish(job_id, final.state, fields, final.version)

    @_reaching
    def depths(self) -> Mapping[str, StageDepth]:
        """Return the depth of every stage."""
        counts = self._ledger.stages()
        return {stage: _depth(counts.get(stage, {})) for stage in STAGES}

    @_reaching
    def identity(self) -> str:
        """Return what no other ledger answers, nor this one after it lost its memory."""
        return self._ledger.identity()

    @_reaching
    def ping(self) -> None:
        """Raise Unavailable when Redis cannot be reached."""
        self._ledger.ping()

    def _job(self, job_id: str, fields: Mapping[str, str]) -> Job:
        if any(name.startswith("dead:") for name in fields):
            return _job(job_id, fields, self._ledger.units(job_id))
        decode = self._ledger.unit(f"{job_id}:{DECODE}:job")
        return _job(job_id, fields, [decode] if decode else [])


def _digest(key: str) -> str:
    """Return a key's name in Redis, where a client's own characters could mean something."""
    return hashlib.sha256(key.encode()).hexdigest()


def _job(job_id: str, fields: Mapping[str, str], units: Sequence[Unit]) -> Job:
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
        holes=tuple(Hole(unit.stage, unit.index, unit.error_code or "") for unit in units if _failed(unit)),
        usage={stage: {"busy_ms": int(fields.get(f"busy:{stage}", 0))} for stage in stages},
        audio_ms=_audio_ms(units),
        files=tuple(File(**file) for file in json.loads(fields.get("files", "[]"))),
        needs_review=json.loads(fields.get("needs_review", "null")),
        version=int(fields["version"]),
        # A job of an older version has none.
        trace=fields.get("trace", ""),
    )


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


def _audio_ms(units: Sequence[Unit]) -> int | None:
    decoded = (unit.output for unit in units if unit.stage == DECODE)
    return next((int(output["duration_ms"]) for output in decoded if output), None)


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
