"""The nouns of the domain: a job, its units, its files, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands; jobs/README.md draws who moves it on."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether no unit runs and none will, unless the client asks for a retry."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
)


class UnitState(StrEnum):
    """Where a unit stands: one stage of one region, of one channel or of the whole job."""

    BLOCKED = "blocked"
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many units of a stage are over (done or dead), and how many are known so far."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: a stable code, and text that says what to do."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A unit that failed for good while the rest of the job went on."""

    stage: str
    index: str
    code: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that the client may fetch.

    Attributes:
        name: What the client calls it, such as "subtitles.en.srt".
        key: Where the artifact store keeps it; never shown.
        media_type: Such as "audio/ogg".
        size_bytes: Length of the file.
    """

    name: str
    key: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its owner sees it; a snapshot, never changed in place.

    Attributes:
        id: "job_" and a UUIDv7 in hex, so that ids sort by time of creation.
        tenant: Whose job this is.
        kind: A key of pipeline.PIPELINES.
        state: Where it stands.
        created_at: When it was accepted (UTC); started_at and finished_at alike.
        priority: "interactive" or "batch".
        metadata: The client's own strings, returned as they came.
        progress: Per stage of its pipeline.
        error: Set only when the job failed.
        holes: Units that are dead.
        usage: Per stage, {"busy_ms": time in which at least one of the job's units was worked on}.
        audio_ms: Length of the recording, once decoded.
        files: What can be fetched, once finished.
        needs_review: Whether a person should check the result, once finished.
        version: Grows with every change.
        trace: W3C traceparent of the request that brought it; empty when that was not traced.
        source: Scheme and host of the URL that its file is fetched from; empty without one. The rest of the
            URL may be a secret.
        leased: How many of its units workers hold.
    """

    id: str
    tenant: str
    kind: str
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    priority: str = "batch"
    metadata: Mapping[str, str] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)
    error: JobError | None = None
    holes: tuple[Hole, ...] = ()
    usage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    audio_ms: int | None = None
    files: tuple[File, ...] = ()
    needs_review: bool | None = None
    version: int = 1
    trace: str = ""
    source: str = ""
    leased: int = 0

    @property
    def prefix(self) -> str:
        """Prefix of the keys of all the job's artifacts."""
        return f"{self.tenant}/{self.id}/"


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """What the ledger knows of one unit.

    Attributes:
        stage: One of services.shared.tasks.STAGES.
        index: "job", "c0" (a channel) or "c0r3" (a region of it).
        state: Where it stands.
        payload: What the stage before handed on.
        output: What the stage returned: references and numbers, when done.
        error_code: Stable code of the last failure, when dead.
        error_detail: Its text.
        attempt: Fencing token of its last claim: 0 before the first one, then growing, also over a retry.
    """

    stage: str
    index: str
    state: UnitState
    payload: Mapping[str, Any]
    output: Mapping[str, Any] | None = None
    error_code: str | None = None
    error_detail: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """A job with nothing left to run: all that is needed to finish it."""

    job: Job
    spec: Mapping[str, Any]
    units: tuple[UnitRecord, ...]


@dataclass(frozen=True, slots=True)
class Final:
    """How a job ends.

    Attributes:
        state: The final state.
        error: Why it failed.
        files: What can be fetched.
        needs_review: Whether a person should check the result.
        version: The version of the job that this was composed from: another one does not end so, for it was
            cancelled or tried again meanwhile. None fits any.
    """

    state: JobState
    error: JobError | None = None
    files: tuple[File, ...] = ()
    needs_review: bool = False
    version: int | None = None
