"""Where a job waits, and what is ahead of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.gateway.jobs.model import Job, JobState


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is ahead of a job that waits for a service.

    Attributes:
        jobs: Jobs of its tenant and its class that come before it; None when they are too many to count.
        units: Units that are claimed before the job's next one, as tenants take turns, if nothing new comes.
        waiting: All units that wait for the service.
        running: Units of the service that workers hold.
    """

    jobs: int | None
    units: int
    waiting: int
    running: int


class Turns(Protocol):
    """Knows whose turn it is."""

    def ahead(self, job: Job, stage: str) -> Ahead | None:
        """Return what is ahead of a job that waits at a stage; None when nobody knows."""
        ...


class NoTurns:
    """Nobody knows whose turn it is."""

    def ahead(self, job: Job, stage: str) -> Ahead | None:
        """Return None."""


def waits_at(job: Job) -> str | None:
    """Return the stage at which a job waits for a worker; None when one works on it, or nothing is left.

    That is the first stage with something left to do: what is left of later ones waits for it.
    """
    if job.leased or job.state not in {JobState.QUEUED, JobState.RUNNING}:
        return None
    return next((stage for stage, at in job.progress.items() if at.done < at.total), None)


def eta_ms(ahead: Ahead, backlog_ms: float, audio_ms_per_ms: float) -> int | None:
    """Estimate when a worker takes the job's next unit, in ms from now; None when nothing works at all.

    Args:
        ahead: What comes before.
        backlog_ms: Audio of all the service's units that wait or run.
        audio_ms_per_ms: How much of it all replicas get done per ms.
    """
    if audio_ms_per_ms <= 0:
        return None
    units = ahead.waiting + ahead.running
    before = min(units, ahead.units + ahead.running)
    return round(backlog_ms * before / units / audio_ms_per_ms) if units else 0
