"""How a job ends, decided from its units alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.gateway.jobs.model import Hole, JobError, JobState, UnitRecord, UnitState

# How the ledger ends the units that wait for one that failed, or for a cancelled job.
CONSEQUENCES: Final = frozenset({"upstream_failed", "cancelled"})

# States out of which a retry leads: there is something left that failed.
RETRYABLE: Final = frozenset({JobState.FAILED, JobState.PARTIALLY_SUCCEEDED})


def is_region(index: str) -> bool:
    """Say whether a unit's index names a region ("c0r3") and not a channel ("c0") or the "job"."""
    return "r" in index


def is_hole(unit: UnitRecord) -> bool:
    """Say whether a unit failed for good by itself, not because one before it did."""
    return unit.state is UnitState.DEAD and unit.error_code not in CONSEQUENCES


def final_state(units: Iterable[UnitRecord], *, cancelled: bool) -> JobState:
    """Return the state that a job with nothing left to run ends in.

    Without a dead unit it succeeded. With one, it partially succeeded if there is something to give: a
    region that came through at least one stage, or channels in which nobody speaks. Else it failed.
    """
    if cancelled:
        return JobState.CANCELLED
    units = tuple(units)
    if all(unit.state is not UnitState.DEAD for unit in units):
        return JobState.SUCCEEDED
    silent = not any(is_region(unit.index) for unit in units)
    done = (unit.index for unit in units if unit.state is UnitState.DONE)
    given = any(is_region(index) or (silent and index != "job") for index in done)
    return JobState.PARTIALLY_SUCCEEDED if given else JobState.FAILED


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
