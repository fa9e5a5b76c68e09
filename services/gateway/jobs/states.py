"""How a job ends, decided from its units alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.gateway.jobs.model import Hole, JobError, JobState, UnitRecord, UnitState

# How the ledger ends the units that wait for one that failed, or for a cancelled job.
CONSEQUENCES: Final = frozenset({"upstream_failed", "cancelled"})


def is_region(index: str) -> bool:
    """Say whether a unit's index names a region ("c0r3") and not a channel ("c0") or the "job"."""
    return "r" in index


def is_hole(unit: UnitRecord) -> bool:
    """Say whether a unit failed for good by itself, not because one before it did."""
    return unit.state is UnitState.DEAD and unit.error_code not in CONSEQUENCES


def final_state(units: Iterable[UnitRecord], *, cancelled: bool) -> JobState:
    """Return the state that a job with nothing left to run ends in.

    Without a dead unit it succeeded. With one, it partially succeeded if at least one region came through
    every stage of its own; a job without such a region has nothing to give and failed.
    """
    if cancelled:
        return JobState.CANCELLED
    units = tuple(units)
    dead = {unit.index for unit in units if unit.state is UnitState.DEAD}
    if not dead:
        return JobState.SUCCEEDED
    whole = {unit.index for unit in units if is_region(unit.index)} - dead
    return JobState.PARTIALLY_SUCCEEDED if whole else JobState.FAILED


def first_error(units: Iterable[UnitRecord]) -> JobError | None:
    """Return why the first unit that failed did; None without one."""
    for unit in units:
        if is_hole(unit):
            return JobError(unit.error_code or "internal_error", unit.error_detail or "The stage failed.")
    return None


def holes(units: Iterable[UnitRecord]) -> tuple[Hole, ...]:
    """Return the units that failed."""
    return tuple(
        Hole(unit.stage, unit.index, unit.error_code or "internal_error") for unit in units if is_hole(unit)
    )
