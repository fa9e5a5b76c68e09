"""The job store in memory: the ledger's rules in plain Python, for unit tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from services.gateway.jobs import model
from services.gateway.jobs.admission import check_backlog, check_fingerprint, check_quotas
from services.gateway.jobs.model import Job, JobOutcome, JobState, Progress, UnitRecord, UnitState
from services.gateway.jobs.pipeline import Stage
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
from services.gateway.jobs.states import RETRYABLE, holes
from services.shared.errors import NotFound
from services.shared.tasks import STAGES, Hint, service_of

_DEPTH: Final = {"job": 1, "channel": 2, "region": 3}
_OVER: Final = frozenset({UnitState.DONE, UnitState.DEAD})

Children = Iterable[tuple[str, Mapping[str, Any]]]
UnitKey = tuple[str, str]


@dataclass(slots=True)
class _Entry:
    """A job, its stages, and its units by stage and index."""

    job: Job
    spec: Mapping[str, Any]
    stages: tuple[Stage, ...]
    units: dict[UnitKey, UnitRecord] = field(default_factory=dict)
    stored_bytes: int = 0
    fatal: bool = False


class MemoryJobStore:
    """Jobs and units of one process.

    `complete` and `fail` do what a worker does from its claim on, at once.

    Args:
        backlog: How many unfinished jobs are taken.
        quotas: What a tenant may use; how much audio there is, is not counted here.
    """

    def __init__(self, backlog: Backlog, quotas: Quotas = Quotas()) -> None:  # noqa: B008 - frozen
        self._backlog = backlog
        self._quotas = quotas
        self._entries: dict[str, _Entry] = {}
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        self._lock = threading.RLock()

    # What services.gateway.jobs.ports.JobStore asks

    def submit(self, submission: Submission) -> Receipt:
        """Write a job and its first unit, unless its idempotency key stands for another job already."""
        job, idempotency = submission.job, submission.idempotency
        with self._lock:
            if idempotency and (replayed := self.replayed(job.tenant, idempotency)):
                return Receipt(replayed, ())
            self._check_room(job.tenant, submission.stored_bytes)
            entry = _Entry(job, submission.spec, submission.stages, stored_bytes=submission.stored_bytes)
            self._entries[job.id] = entry
            if idempotency:
                self._keys[job.tenant, idempotency.key] = (idempotency.fingerprint, job.id)
            created = _create_chain(entry, 0, "job", {})
            for stage, _ in _gathering(entry):
                _create(entry, stage, "job", {})
            _refresh(entry)
            return Receipt(job.id, (_hint(created),))

    def replayed(self, tenant: str, idempotency: Idempotency) -> str | None:
        """Return the id of the job that a key stands for; None when unused, or when `fresh`."""
        with self._lock:
            kept = None if idempotency.fresh else self._keys.get((tenant, idempotency.key))
        if kept is None:
            return None
        check_fingerprint(idempotency, kept[0])
        return kept[1]

    def check_backlog(self, tenant: str) -> None:
        """Raise Overloaded when there is no room for one more job."""
        self._check_room(tenant, 1)

    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands."""
        with self._lock:
            entry = self._entries.get(job_id)
            return entry.job if entry else None

    def get_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return jobs as they stand."""
        return [self.get(job_id) for job_id in job_ids]

    def heads(self, job_ids: Sequence[str]) -> Sequence[Head | None]:
        """Return whose jobs they are, and in which version they stand."""
        jobs = self.get_all(job_ids)
        return [None if job is None else Head(job.tenant, job.version) for job in jobs]

    def list(self, query: JobQuery) -> Sequence[Job]:
        """Return jobs, newest first."""
        with self._lock:
            jobs = [entry.job for entry in self._entries.values() if _asked_for(entry.job, query)]
            return sorted(jobs, key=lambda job: job.id, reverse=True)[: query.limit]

    def cancel(self, job_id: str) -> bool:
        """Ask for the job to end."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or entry.job.state not in {JobState.QUEUED, JobState.RUNNING}:
                return False
            for key, unit in entry.units.items():
                if unit.state not in _OVER:
                    entry.units[key] = _dead(unit, "cancelled", "The job was cancelled.")
            _refresh(entry, state=JobState.CANCELLING)
            return True

    def erase(self, job_id: str) -> bool:
        """Forget a job in a final state."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or not entry.job.state.final:
                return False
            del self._entries[job_id]
            self._keys = {key: kept for key, kept in self._keys.items() if kept[1] != job_id}
            return True

    def outcome(self, job_id: str) -> JobOutcome | None:
        """Return the job with all its units when nothing of it is left to run."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or entry.job.state.final:
                return None
            if any(unit.state not in _OVER for unit in entry.units.values()):
                return None
            return JobOutcome(entry.job, entry.spec, tuple(entry.units.values()))

    def finish(self, job_id: str, final: model.Final) -> bool:
        """Put a finishing job into its final state."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or entry.job.state.final:
                return False
            if entry.job.state is JobState.CANCELLING and final.state is not JobState.CANCELLED:
                return False
            if final.version not in (None, entry.job.version):
                return False
            entry.job = replace(
                entry.job,
                error=final.error,
                files=final.files,
                needs_review=final.needs_review,
                finished_at=datetime.now(UTC),
            )
            _refresh(entry, state=final.state)
            return True

    def retry(self, job_id: str) -> Sequence[Hint] | None:
        """Run the dead units of a failed or partially succeeded job again."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or entry.job.state not in RETRYABLE:
                return None
            entry.fatal = False
            entry.job = replace(entry.job, error=None, files=(), needs_review=None, finished_at=None)
            again = [key for key, unit in entry.units.items() if unit.state is UnitState.DEAD]
            for key in {*again, *_gathering(entry)}:
                entry.units[key] = _blocked(entry.units[key])
            for key in again:
                if key not in _gathering(entry) and _nothing_before(entry, key):
                    _make_ready(entry, key)
            self._close_out(entry)
            return [_hint(unit) for unit in entry.units.values() if unit.state is UnitState.READY]

    def units(self, job_id: str) -> Sequence[UnitRecord]:
        """Return all units of a job."""
        with self._lock:
            entry = self._entries.get(job_id)
            return tuple(entry.units.values()) if entry else ()

    def depths(self) -> Mapping[str, StageDepth]:
        """Return the depth of every stage."""
        with self._lock:
            states = [
                (unit.stage, unit.state) for entry in self._entries.values() for unit in entry.units.values()
            ]
        return {
            stage: StageDepth(
                queued=states.count((stage, UnitState.READY)),
                running=states.count((stage, UnitState.LEASED)),
                done=states.count((stage, UnitState.DONE)),
            )
            for stage in STAGES
        }

    def ping(self) -> None:
        """Do nothing: memory is always there."""

    # What workers do

    def complete(self, job_id: str, key: UnitKey, output: Mapping[str, Any], children: Children = ()) -> None:
        """Store a ready unit's output and make ready what waited for it."""
        with self._lock:
            entry = self._claimed(job_id, key)
            entry.units[key] = replace(entry.units[key], state=UnitState.DONE, output=output)
            at = _position(entry, key[0])
            after = entry.stages[at + 1] if at + 1 < len(entry.stages) else None
            if after and after.scope == entry.stages[at].scope:
                _make_ready(entry, (after.name, key[1]))
            elif after and not _gathers(entry.stages, at + 1):
                for index, payload in children:
                    _create_chain(entry, at + 1, index, payload)
            self._close_out(entry)

    def fail(self, job_id: str, key: UnitKey, code: str, detail: str = "It failed.") -> None:
        """End a ready unit for good, and those that wait for it."""
        with self._lock:
            entry = self._claimed(job_id, key)
            at = _position(entry, key[0])
            entry.units[key] = _dead(entry.units[key], code, detail)
            entry.fatal |= key[1] == "job" and not _gathers(entry.stages, at)
            for stage in entry.stages[at + 1 :]:
                if stage.scope != entry.stages[at].scope:
                    break
                waiting = (stage.name, key[1])
                entry.units[waiting] = _dead(entry.units[waiting], "upstream_failed", "")
            self._close_out(entry)

    def _check_room(self, tenant: str, more_bytes: int) -> None:
        with self._lock:
            tenants = [entry.job.tenant for entry in self._entries.values() if not entry.job.state.final]
            kept_bytes = sum(_kept(entry) for entry in self._entries.values() if entry.job.tenant == tenant)
        check_backlog(self._backlog, len(tenants), tenants.count(tenant))
        check_quotas(self._quotas, kept_bytes, 0, more_bytes)

    def _claimed(self, job_id: str, key: UnitKey) -> _Entry:
        entry = self._entries[job_id]
        if key not in entry.units or entry.units[key].state is not UnitState.READY:
            raise NotFound(f"There is no ready unit {key}.")
        entry.units[key] = replace(entry.units[key], attempt=entry.units[key].attempt + 1)
        return entry

    def _close_out(self, entry: _Entry) -> None:
        for key in _gathering(entry):
            others = [unit.state for other, unit in entry.units.items() if other != key]
            unit = entry.units[key]
            if unit.state is UnitState.BLOCKED and all(state in _OVER for state in others):
                if entry.fatal:
                    entry.units[key] = _dead(unit, "upstream_failed", "")
                else:
                    _make_ready(entry, key)
        _refresh(entry, state=JobState.RUNNING)


def _kept(entry: _Entry) -> int:
    """Return how many bytes a job keeps: its input, and its files once it has ended."""
    if entry.job.state is JobState.CANCELLED:
        return 0
    return entry.stored_bytes + sum(file.size_bytes for file in entry.job.files)


def _asked_for(job: Job, query: JobQuery) -> bool:
    return job.tenant == query.tenant and query.fits(job) and (query.before is None or job.id < query.before)


def _gathers(stages: tuple[Stage, ...], at: int) -> bool:
    """Say whether a stage is wider than the one before, and so waits for all of the job's other units."""
    return at > 0 and _DEPTH[stages[at].scope] < _DEPTH[stages[at - 1].scope]


def _gathering(entry: _Entry) -> list[UnitKey]:
    return [(stage.name, "job") for at, stage in enumerate(entry.stages) if _gathers(entry.stages, at)]


def _position(entry: _Entry, stage: str) -> int:
    return [each.name for each in entry.stages].index(stage)


def _create(entry: _Entry, stage: str, index: str, payload: Mapping[str, Any]) -> UnitRecord:
    entry.units[stage, index] = UnitRecord(stage, index, UnitState.BLOCKED, payload)
    return entry.units[stage, index]


def _create_chain(entry: _Entry, at: int, index: str, payload: Mapping[str, Any]) -> UnitRecord:
    """Create the units of every consecutive stage of one scope; the first is ready."""
    first = entry.stages[at]
    for stage in entry.stages[at:]:
        if stage.scope != first.scope:
            break
        _create(entry, stage.name, index, payload)
    return _make_ready(entry, (first.name, index))


def _make_ready(entry: _Entry, key: UnitKey) -> UnitRecord:
    entry.units[key] = replace(entry.units[key], state=UnitState.READY)
    return entry.units[key]


def _nothing_before(entry: _Entry, key: UnitKey) -> bool:
    """Say whether the unit of the same index in the stage before is done, or there is none."""
    at = _position(entry, key[0])
    before = entry.units.get((entry.stages[at - 1].name, key[1])) if at else None
    return before is None or before.state is UnitState.DONE


def _blocked(unit: UnitRecord) -> UnitRecord:
    """Return a unit as if it had never run, but for the number of its attempts."""
    return UnitRecord(unit.stage, unit.index, UnitState.BLOCKED, unit.payload, attempt=unit.attempt)


def _hint(unit: UnitRecord) -> Hint:
    return Hint(service_of(unit.stage))


def _dead(unit: UnitRecord, code: str, detail: str) -> UnitRecord:
    return replace(unit, state=UnitState.DEAD, error_code=code, error_detail=detail)


def _refresh(entry: _Entry, state: JobState | None = None) -> None:
    """Bring the job's snapshot up to what its units say."""
    progress = {}
    for stage in entry.stages:
        units = [unit for unit in entry.units.values() if unit.stage == stage.name]
        progress[stage.name] = Progress(sum(unit.state in _OVER for unit in units), len(units))
    state = state or entry.job.state
    started_at = entry.job.started_at or (datetime.now(UTC) if state is JobState.RUNNING else None)
    entry.job = replace(
        entry.job,
        state=state,
        started_at=started_at,
        progress=progress,
        holes=holes(entry.units.values()),
        version=entry.job.version + 1,
    )
