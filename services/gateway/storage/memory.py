"""The job store in memory: the ledger's rules in plain Python, for unit tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from services.gateway.jobs import model
from services.gateway.jobs.model import Job, JobOutcome, JobState, Progress, UnitRecord, UnitState
from services.gateway.jobs.pipeline import Stage
from services.gateway.jobs.ports import JobQuery, StageDepth, Submission
from services.gateway.jobs.states import holes
from services.shared.errors import NotFound
from services.shared.tasks import STAGES, Hint

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
    fatal: bool = False


class MemoryJobStore:
    """Jobs and units of one process.

    `complete` and `fail` do what a worker does between claim and completion, at once.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.RLock()

    # What services.gateway.jobs.ports.JobStore asks

    def submit(self, submission: Submission) -> Sequence[Hint]:
        """Write a job and its first unit; return the hints to send."""
        with self._lock:
            entry = _Entry(submission.job, submission.spec, submission.stages)
            self._entries[submission.job.id] = entry
            created = _create_chain(entry, 0, "job", {})
            for at, stage in enumerate(entry.stages):
                if _gathers(entry.stages, at):
                    _create(entry, stage.name, "job", {})
            _refresh(entry)
            return [Hint(created.stage, f"{entry.job.id}:{created.stage}:job", entry.job.priority)]

    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands."""
        with self._lock:
            entry = self._entries.get(job_id)
            return entry.job if entry else None

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
            entry.job = replace(
                entry.job,
                error=final.error,
                files=final.files,
                needs_review=final.needs_review,
                finished_at=datetime.now(UTC),
            )
            _refresh(entry, state=final.state)
            return True

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
            entry = self._ready(job_id, key)
            entry.units[key] = replace(entry.units[key], state=UnitState.DONE, output=output)
            at = _position(entry, key[0])
            after = entry.stages[at + 1] if at + 1 < len(entry.stages) else None
            if after and after.scope == entry.stages[at].scope:
                following = (after.name, key[1])
                entry.units[following] = replace(entry.units[following], state=UnitState.READY)
            elif after and not _gathers(entry.stages, at + 1):
                for index, payload in children:
                    _create_chain(entry, at + 1, index, payload)
            self._close_out(entry)

    def fail(self, job_id: str, key: UnitKey, code: str, detail: str = "It failed.") -> None:
        """End a ready unit for good, and those that wait for it."""
        with self._lock:
            entry = self._ready(job_id, key)
            at = _position(entry, key[0])
            entry.units[key] = _dead(entry.units[key], code, detail)
            entry.fatal |= key[1] == "job" and not _gathers(entry.stages, at)
            for stage in entry.stages[at + 1 :]:
                if stage.scope != entry.stages[at].scope:
                    break
                waiting = (stage.name, key[1])
                entry.units[waiting] = _dead(entry.units[waiting], "upstream_failed", "")
            self._close_out(entry)

    def _ready(self, job_id: str, key: UnitKey) -> _Entry:
        entry = self._entries[job_id]
        if key not in entry.units or entry.units[key].state is not UnitState.READY:
            raise NotFound(f"There is no ready unit {key}.")
        return entry

    def _close_out(self, entry: _Entry) -> None:
        gathering = [
            (stage.name, "job") for at, stage in enumerate(entry.stages) if _gathers(entry.stages, at)
        ]
        for key in gathering:
            others = [unit.state for other, unit in entry.units.items() if other != key]
            unit = entry.units[key]
            if unit.state is UnitState.BLOCKED and all(state in _OVER for state in others):
                entry.units[key] = (
                    _dead(unit, "upstream_failed", "")
                    if entry.fatal
                    else replace(unit, state=UnitState.READY)
                )
        _refresh(entry, state=JobState.RUNNING)


def _asked_for(job: Job, query: JobQuery) -> bool:
    return (
        job.tenant == query.tenant
        and query.state in (None, job.state)
        and (query.before is None or job.id < query.before)
    )


def _gathers(stages: tuple[Stage, ...], at: int) -> bool:
    """Say whether a stage is wider than the one before, and so waits for all of the job's other units."""
    return at > 0 and _DEPTH[stages[at].scope] < _DEPTH[stages[at - 1].scope]


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
    ready = replace(entry.units[first.name, index], state=UnitState.READY)
    entry.units[first.name, index] = ready
    return ready


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
