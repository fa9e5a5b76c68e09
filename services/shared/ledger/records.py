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
        resend_ms: Wait before a ready unit's hint is sent again; doubles with each time.
        most_resend_ms: Longest such wait.
        max_failures: Failures after which a unit is dead.
        hold_ms: How long a finisher keeps a job to itself.
    """

    lease_ms: int = 30_000
    renew_ms: int = 1_000
    resend_ms: int = 10_000
    most_resend_ms: int = 300_000
    max_failures: int = 3
    hold_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to submit.

    Attributes:
        job: Its id.
        tenant: Whose it is.
        kind: Its kind, for lists and metrics.
        priority: Decides the queue of its hints.
        graph: (stage, scope) in order; scope is "job", "channel" or "region".
        spec: What workers need to know; never holds text of a call.
        metadata: The client's own labels.
    """

    job: str
    tenant: str
    kind: str
    priority: str
    graph: tuple[tuple[str, str], ...]
    spec: Json
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Child:
    """A unit that the completion of another one creates.

    Attributes:
        index: "c0" for a channel, "c0r3" for a region.
        payload: What its worker needs to know.
    """

    index: str
    payload: Json


@dataclass(frozen=True, slots=True)
class Output:
    """What a unit produced: references and numbers, never text of a call.

    Attributes:
        document: Small JSON object.
        children: Units of the next, deeper scope.
    """

    document: Json
    children: tuple[Child, ...] = ()


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
        priority: Of the hints that follow.
        spec: The job's spec.
        payload: What the parent unit said about this one.
        inputs: Outputs of the earlier stages with the same index.
    """

    unit: str
    job: str
    stage: str
    index: str
    attempt: int
    failures: int
    tenant: str
    priority: str
    spec: Json
    payload: Json
    inputs: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit failed.

    Attributes:
        code: Stable code.
        detail: What to do; never text of a call.
        retryable: Whether to try again.
        burns: Whether it counts against the cap; a service that is away or full does not.
        delay_ms: Wait before the next attempt.
    """

    code: str
    detail: str
    retryable: bool
    burns: bool
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it stands.

    Attributes:
        unit: Its id.
        stage: Its stage.
        index: "job", "c0" or "c0r3".
        state: "blocked", "ready", "leased", "done" or "dead".
        payload: What its parent said about it.
        output: Its document once it is done.
        error_code: Why it is dead.
        error_detail: The same for people.
    """

    unit: str
    stage: str
    index: str
    state: str
    payload: Json
    output: Json | None
    error_code: str | None
    error_detail: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """What the reconciler has to send.

    Attributes:
        hints: Of units that are ready.
        expired: How many leases ran out.
    """

    hints: tuple[Hint, ...]
    expired: int
