"""What goes into the ledger and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.shared.tasks import Hint

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Policy:
    """The ledger's times and caps.

    Attributes:
        lease_ms: How long a claim holds a unit before somebody else may take it.
        renew_ms: How often a lease is renewed; also how soon a worker learns of a cancel.
        max_losses: Lost workers, and connections lost under a call, after which a unit is dead: it may be
            what kills them. Other failures have the budget of their stage.
        patience_ms: For how long a unit may come back from services that are away or full, which costs it
            nothing.
        hold_ms: How long a finisher keeps a job, or a deliverer an event, to itself.
        replay_ms: How long an idempotency key is kept.
    """

    lease_ms: int = 30_000
    renew_ms: int = 500
    max_losses: int = 8
    patience_ms: int = 24 * 3_600_000
    hold_ms: int = 30_000
    replay_ms: int = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Node:
    """A stage of a job's graph.

    Attributes:
        stage: Its name.
        scope: "job", "channel" or "region".
        attempts: Failures after which one of its units is dead.
    """

    stage: str
    scope: str
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to submit.

    Attributes:
        job: Its id.
        tenant: Whose it is.
        kind: Its kind, for lists and metrics.
        priority: "interactive" or "batch".
        graph: Its stages in order.
        spec: What workers need to know; never holds text of a call.
        metadata: The client's own labels.
        audio_ms: Audio that it covers, estimated where nobody has listened yet.
        trace: W3C traceparent of the request that it came with; empty when that was not traced.
        stored_bytes: Length of its input.
    """

    job: str
    tenant: str
    kind: str
    priority: str
    graph: tuple[Node, ...]
    spec: Json
    metadata: Json = field(default_factory=dict)
    audio_ms: int = 0
    trace: str = ""
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a job is accepted.

    Attributes:
        most_jobs: Unfinished jobs over all at which no more is accepted.
        most_jobs_of_tenant: The same for one tenant; this and the next two hold for those without a limit of
            their own, and 0 is no limit.
        most_bytes: That the tenant's jobs may keep, this one included.
        most_audio_minutes: Of this month, after which no more is accepted.
        key: Idempotency key within the tenant; empty for none.
        fingerprint: Of the request that came with the key.
        fresh: Whether the job takes the key over from whichever had it.
    """

    most_jobs: int = 1_000_000
    most_jobs_of_tenant: int = 1_000_000
    most_bytes: int = 0
    most_audio_minutes: int = 0
    key: str = ""
    fingerprint: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Attributes:
        answer: "accepted"; "replayed", the key stands for an earlier job; "reused", it came with another
            fingerprint; "full" or "tenant_full", the backlog is at its bound; "storage_full" or "audio_full",
            the tenant is at its own.
        job: The job that stands for the submission, if any.
        hints: To send now.
    """

    answer: str
    job: str
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """A unit that the completion of another one creates.

    Attributes:
        index: "c0" for a channel, "c0r3" for a region.
        payload: What its worker needs to know.
        audio_ms: Audio that it covers; so do the units that follow it in its scope.
    """

    index: str
    payload: Json
    audio_ms: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """What a unit produced: references and numbers, never text of a call.

    Attributes:
        document: Small JSON object.
        children: Units of the next, deeper scope.
        audio_ms: How much audio it turned out to be, where only this unit could know; None leaves it at the
            claim's. Of a unit of the whole job it counts for the tenant's month.
        stored_bytes: What it keeps for the job as its input does, beside the files that `finish` counts.
    """

    document: Json
    children: tuple[Child, ...] = ()
    audio_ms: int | None = None
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A unit held by one worker for the length of its lease.

    Attributes:
        unit: The unit's id.
        job: Its job.
        stage: Its stage.
        index: "job", "c0" or "c0r3".
        attempt: Counts claims; the fencing token that complete and fail must show.
        failures: Failures so far.
        tenant: Whose job it is.
        spec: The job's spec.
        payload: What the parent unit said about this one.
        inputs: Outputs of the earlier stages with the same index.
        audio_ms: Audio that it covers.
        waited_ms: How long it was ready before a worker claimed it, by the clock of Redis.
        trace: W3C traceparent of the request that brought the job; empty when that was not traced.
    """

    unit: str
    job: str
    stage: str
    index: str
    attempt: int
    failures: int
    tenant: str
    spec: Json
    payload: Json
    inputs: Mapping[str, Json]
    audio_ms: int = 0
    waited_ms: int = 0
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit failed.

    Attributes:
        code: Stable code.
        detail: What to do; never text of a call.
        retryable: Whether to try again.
        cost: "failure" counts against the budget of the stage, "loss" against `Policy.max_losses`; "none" is
            for a service that is away or full.
        delay_ms: Wait before the next attempt.
    """

    code: str
    detail: str
    retryable: bool
    cost: str
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it stands.

    Attributes:
        unit: Its id.
        stage: Its stage.
        index: "job", "c0" or "c0r3".
        state: "blocked", "ready", "leased", "done" or "dead".
        attempt: Of its last claim; 0 before the first.
        payload: What its parent said about it.
        audio_ms: Audio that it covers.
        output: Its document once it is done.
        error_code: Why it is dead.
        error_detail: The same for people.
    """

    unit: str
    stage: str
    index: str
    state: str
    attempt: int
    payload: Json
    audio_ms: int
    output: Json | None
    error_code: str | None
    error_detail: str | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a worker hears when it renews a lease.

    Attributes:
        held: Whether it still holds the unit.
        cancelled_ms: For how long the job has been cancelled; 0 when it is not.
    """

    held: bool
    cancelled_ms: int


@dataclass(frozen=True, slots=True)
class Due:
    """What was due.

    Attributes:
        hints: For units that are ready now.
        expired: How many leases ran out.
    """

    hints: tuple[Hint, ...]
    expired: int


@dataclass(frozen=True, slots=True)
class Event:
    """A job that reached a final state, for those outside the ledger who want to hear of it.

    Attributes:
        id: The same each time it is delivered; another one after a retry.
        job: Its id.
        tenant: Whose it is.
        kind: Its kind.
        state: The final state.
        created_ms: When it was accepted, milliseconds since 1970 by Redis TIME.
        finished_ms: When it ended.
    """

    id: str
    job: str
    tenant: str
    kind: str
    state: str
    created_ms: int
    finished_ms: int
