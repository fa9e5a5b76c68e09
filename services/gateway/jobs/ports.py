"""What the domain asks of the world: Protocols that storage, dispatch and the model services fill.

Audio and text live behind one more, services.shared.artifacts.base.ArtifactStore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from services.gateway.jobs.model import Final, Job, JobOutcome, JobState, UnitRecord
from services.gateway.jobs.pipeline import Stage
from services.shared.tasks import Hint


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What makes a repeated submission the same job.

    Attributes:
        key: The client's own name for the submission, within its tenant; 1 to 259 characters.
        fingerprint: Hex digest over all that was sent: another one under the same key is an error.
        fresh: Whether the submission is known to be a first one: it replays nothing, and its job takes the
            key over.
    """

    key: str
    fingerprint: str
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be written: its first unit is (stages[0], index "job"), with an empty payload.

    Attributes:
        job: As it begins.
        spec: What its workers need to know.
        stages: That it goes through.
        idempotency: Under what key it may be sent again.
        audio_ms: How much audio it seems to be: nobody has listened yet.
        stored_bytes: Length of its input, as it is kept.
    """

    job: Job
    spec: Mapping[str, Any]
    stages: tuple[Stage, ...]
    idempotency: Idempotency | None = None
    audio_ms: int = 0
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a submission.

    Attributes:
        job_id: The job that stands for it: another than the submitted one, which was not written then, when
            the key was used before for the same content.
        hints: To be sent.
    """

    job_id: str
    hints: Sequence[Hint]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many unfinished jobs a store takes: over all tenants, and of one tenant; 0 of one is no limit."""

    jobs: int
    jobs_per_tenant: int


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a tenant without limits of its own may use; 0 is no limit.

    Attributes:
        storage_bytes: That its jobs may keep: their inputs, and the files of those that have ended.
        audio_minutes_per_month: After which no more jobs are taken until the next month (UTC).
    """

    storage_bytes: int = 0
    audio_minutes_per_month: int = 0


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs to list, newest first.

    Attributes:
        tenant: Whose jobs.
        limit: At most this many.
        state: Only jobs in this state.
        before: Only jobs whose id sorts before this one.
        kind: Only jobs of this kind.
        created_after: Only jobs that were created then or later.
        created_before: Only jobs that were created earlier than that.
        metadata: Only jobs that have these names with these values.
    """

    tenant: str
    limit: int
    state: JobState | None = None
    before: str | None = None
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def unfiltered(self) -> bool:
        """Whether every job of the tenant is one of those."""
        return replace(self, limit=0, before=None) == JobQuery(self.tenant, 0)

    def fits(self, job: Job) -> bool:
        """Say whether a job of the tenant is one of those."""
        return (
            self.state in (None, job.state)
            and self.kind in (None, job.kind)
            and (self.created_after is None or job.created_at >= self.created_after)
            and (self.created_before is None or job.created_at < self.created_before)
            and self.metadata.items() <= job.metadata.items()
        )


@dataclass(frozen=True, slots=True)
class Head:
    """What tells whether something that is known of a job still holds: its owner, and its version."""

    tenant: str
    version: int


@dataclass(frozen=True, slots=True)
class StageDepth:
    """How many units of a stage wait, run, and were done, over all jobs."""

    queued: int
    running: int
    done: int


class JobStore(Protocol):
    """The jobs and their units. Every method is atomic, and may be called from any thread."""

    def submit(self, submission: Submission) -> Receipt:
        """Write a job and its first unit, unless its idempotency key stands for another job already.

        A replay comes before all limits. The key is kept for 24 h at least, or until its job is erased.

        Raises:
            InvalidRequest: (code idempotency_key_reused) the key was used for other content.
            Overloaded: (codes backlog_full, tenant_backlog_full) there are too many unfinished jobs, or
                (storage_quota_exceeded, audio_quota_exceeded) the tenant has used up what it may. Nothing was
                written then.
        """
        ...

    def replayed(self, tenant: str, idempotency: Idempotency) -> str | None:
        """Return the id of the job that a key stands for; None when unused, or when `fresh`.

        Raises:
            InvalidRequest: (code idempotency_key_reused) the key was used for other content.
        """
        ...

    def check_backlog(self, tenant: str) -> None:
        """Ask whether there is room for one more job: cheap, and only `submit` decides.

        Raises:
            Overloaded: as `submit` would.
        """
        ...

    def get(self, job_id: str) -> Job | None:
        """Return the job as it stands, whoever owns it."""
        ...

    def get_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return jobs as they stand, each as `get` does, for the price of one."""
        ...

    def heads(self, job_ids: Sequence[str]) -> Sequence[Head | None]:
        """Return whose jobs they are, and in which version they stand; cheaper than `get_all`."""
        ...

    def list(self, query: JobQuery) -> Sequence[Job]:
        """Return jobs, newest first."""
        ...

    def cancel(self, job_id: str) -> bool:
        """Ask for the job to end; False when it is over or asked already.

        The state becomes cancelling; the job is finishing as soon as none of its units is leased.
        """
        ...

    def erase(self, job_id: str) -> bool:
        """Forget a job in a final state; False when there is none."""
        ...

    def outcome(self, job_id: str) -> JobOutcome | None:
        """Return the job with all its units when nothing of it is left to run, else None.

        That is: not in a final state, and every unit done or dead, or cancelling and none leased.
        """
        ...

    def finish(self, job_id: str, final: Final) -> bool:
        """Put a finishing job into its final state.

        False, and no change, when the job is in a final state already, when it is cancelled and `final` is
        something else, or when it is no longer of the version that `final` names.
        """
        ...

    def retry(self, job_id: str) -> Sequence[Hint] | None:
        """Run the dead units of a failed or partially succeeded job again; None for any other job.

        Their failures are forgotten, and the stage that gathers runs again with them; what is done stays
        done. The job is running again, without error, files, review and time of its end. No limit of the
        backlog applies: the job was accepted once.

        Returns:
            The hints to send.
        """
        ...

    def units(self, job_id: str) -> Sequence[UnitRecord]:
        """Return all units of a job, in the order of creation; empty when there is no such job."""
        ...

    def depths(self) -> Mapping[str, StageDepth]:
        """Return the depth of every stage."""
        ...

    def ping(self) -> None:
        """Raise Unavailable when the store cannot be reached."""
        ...


class Dispatcher(Protocol):
    """Sends hints to the stage workers."""

    def send(self, hints: Sequence[Hint]) -> None:
        """Send them. Never raises: a hint that is lost is sent again by the reconciler."""
        ...


class Webhooks(Protocol):
    """Knows where tenants want to hear of their jobs."""

    def webhook_at(self, tenant: str, url: str) -> str | None:
        """Return the id of a tenant's webhook with this URL; None when there is none."""
        ...


class NoWebhooks:
    """Nobody wants to hear anything."""

    def webhook_at(self, tenant: str, url: str) -> str | None:
        """Return None."""


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What a file without a header cannot say of itself."""

    encoding: str
    sample_rate_hertz: int
    channel_count: int


class MediaProbe(Protocol):
    """Looks at a file's first bytes; filled by the codec service."""

    def probe(self, head: bytes, size_bytes: int, raw_format: RawFormat | None) -> str:
        """Return the container's name, such as "wav".

        Raises:
            InvalidMedia: it is not a file that can be decoded.
        """
        ...


@dataclass(frozen=True, slots=True)
class Component:
    """How a part of the installation is: "redis", or a model service."""

    name: str
    ready: bool
    detail: str


class Health(Protocol):
    """Knows how every component is."""

    def own(self) -> Sequence[Component]:
        """Ask those without which no job can be taken."""
        ...

    def components(self) -> Sequence[Component]:
        """Ask each of them."""
        ...
