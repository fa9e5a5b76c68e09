"""How many replicas a service needs: a pure function of what was measured, without a clock of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

# Less than this share of the horizon is never planned with, however long a cold start takes.
_LEAST_SHARE: Final = 0.25
# Arriving work is rounded to whole replicas: the backlog asks for what is missing, and an average never
# falls to nothing.
_SLACK: Final = 0.5
# Units that workers hold per call that the model servers have room for: all of them busy and their batches
# full, and a short queue that keeps them so.
_WORKER_SHARE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Load:
    """What one service has to do.

    Attributes:
        work_s: Time in a slot that its ready and leased units will take, at least 0.
        coming_s: The same of what the stages before it will hand on.
        arriving_slots: Slots that would just keep pace: seconds of slot time that arrive per second.
        leased_units: Units that workers hold.
        slots: Batches that one replica works on at once, at least 1.
        batch: Calls that may share one, at least 1. A call's time in a slot is its share of its batch, so all
            work is counted in slots; only what workers hold is counted in calls.
        unfinished: Whether anything may still come to the service: some unit of some job waits or runs.
        known: Whether a model server of the service ever said what it can do.
    """

    work_s: float
    coming_s: float = 0.0
    arriving_slots: float = 0.0
    leased_units: int = 0
    slots: int = 1
    batch: int = 1
    unfinished: bool = True
    known: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a service's size.

    Attributes:
        least: Fewest replicas, at least 0.
        most: Most replicas, at least `least`, and at least 1.
        horizon_s: What waits now is to be done within this; above 0.
        cold_start_s: From the asking for a replica until it serves.
        hold_s: A replica that is not needed is kept for this long: asking for it again costs a cold start.
        idle_s: The last replica is kept for this long after the last work.
        headroom_slots: Slots to be kept free for live sessions.
        worker_slots: Units that one worker handles at once, at least 1.
    """

    least: int = 0
    most: int = 10
    horizon_s: float = 150.0
    cold_start_s: float = 90.0
    hold_s: float = 90.0
    idle_s: float = 300.0
    headroom_slots: int = 0
    worker_slots: int = 4


@dataclass(frozen=True, slots=True)
class Past:
    """What the policy remembers from one decision to the next.

    Attributes:
        replicas: Asked for by the last decision.
        since_s: When that number was first asked for.
        busy_s: When there was last anything to do; None before the first time.
        starting: Replicas that were asked for and may not serve yet: (when they should, how many).
        needs: What was needed lately, falling: (when, replicas).
    """

    replicas: int = 0
    since_s: float = 0.0
    busy_s: float | None = None
    starting: tuple[tuple[float, int], ...] = ()
    needs: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a service should have.

    Attributes:
        replicas: Of its model server.
        workers: Of its stage worker.
        reason: Why not fewer: "backlog", "pace", "leased", "held", "headroom", "idle", "unknown", "least";
            "most" when it should be more; "nothing" at zero.
        past: For the next decision.
    """

    replicas: int
    workers: int
    reason: str
    past: Past = field(default_factory=Past)


def decide(load: Load, terms: Terms, past: Past, now_s: float) -> Decision:
    """Decide on a service's size: up at once, down only when less was enough for `Terms.hold_s`.

    Args:
        load: What there is to do.
        terms: What is asked.
        past: Of the decision before; Past() for the first one.
        now_s: Seconds on any clock that all decisions share.
    """
    past = _recalled(past, terms, now_s)
    starting = tuple((ready_s, count) for ready_s, count in past.starting if ready_s > now_s)
    busy_s = now_s if load.unfinished or load.work_s + load.coming_s > 0 else past.busy_s
    needed, reason = _needed(load, terms, past.replicas, [(at - now_s, n) for at, n in starting])
    needs = _window(past.needs, now_s, needed, terms.hold_s)
    replicas = needed
    for bound, why in (
        (min(past.replicas, needs[0][1]), "held"),
        (min(past.replicas, math.ceil(load.leased_units / (load.slots * load.batch))), "leased"),
        (_awake(terms, load, busy_s, now_s), "idle"),
        (0 if load.known else 1, "unknown"),
        (terms.least, "least"),
    ):
        replicas, reason = max((replicas, reason), (bound, why), key=lambda each: each[0])
    if replicas > terms.most:
        replicas, reason = terms.most, "most"
    since_s = past.since_s if past.replicas == replicas else now_s
    starting = _cohorts(starting, replicas - past.replicas, now_s + terms.cold_start_s)
    workers = math.ceil(replicas * load.slots * load.batch * _WORKER_SHARE / terms.worker_slots)
    return Decision(replicas, workers, reason, Past(replicas, since_s, busy_s, starting, needs))


def _recalled(past: Past, terms: Terms, now_s: float) -> Past:
    """Return the past without a time that is still to come, as a clock that was set back leaves it."""
    return Past(
        past.replicas,
        min(past.since_s, now_s),
        None if past.busy_s is None else min(past.busy_s, now_s),
        tuple((min(ready_s, now_s + terms.cold_start_s), count) for ready_s, count in past.starting),
        tuple((min(at, now_s), need) for at, need in past.needs),
    )


def _needed(load: Load, terms: Terms, replicas: int, starting: list[tuple[float, int]]) -> tuple[int, str]:
    """Return the replicas that do all work within the horizon and keep pace with what arrives."""
    slots, horizon_s, headroom = load.slots, terms.horizon_s, terms.headroom_slots
    if load.work_s + load.coming_s == 0 and load.arriving_slots <= _SLACK * slots:
        return math.ceil(headroom / slots), "headroom" if headroom else "nothing"
    work_s = load.work_s + load.coming_s + headroom * horizon_s
    # What is there, and what was asked for already and serves after a while, does this much.
    ready = replicas - sum(count for _, count in starting)
    planned_s = slots * (ready * horizon_s + sum(n * _useful_s(terms, wait_s) for wait_s, n in starting))
    if work_s <= planned_s:
        backlog = math.ceil(work_s / (slots * horizon_s))
    else:
        useful_s = _useful_s(terms, terms.cold_start_s)
        backlog = replicas + math.ceil((work_s - planned_s) / (slots * useful_s))
    pace = math.ceil((load.arriving_slots + headroom) / slots - _SLACK)
    return (backlog, "backlog") if backlog >= pace else (pace, "pace")


def _useful_s(terms: Terms, wait_s: float) -> float:
    """Return how much of the horizon is left when a replica serves after a wait."""
    return max(terms.horizon_s - wait_s, _LEAST_SHARE * terms.horizon_s)


def _awake(terms: Terms, load: Load, busy_s: float | None, now_s: float) -> int:
    """Return 1 while the last replica must not go: there may be work soon."""
    return int(busy_s is not None and (load.unfinished or now_s - busy_s < terms.idle_s))


def _window(
    needs: tuple[tuple[float, int], ...], now_s: float, needed: int, hold_s: float
) -> tuple[tuple[float, int], ...]:
    """Add a need and drop what is too old, or lower than what came later; the first is the highest."""
    kept = tuple((at, need) for at, need in needs if now_s - at < hold_s and need > needed)
    return (*kept, (now_s, needed))


def _cohorts(
    starting: tuple[tuple[float, int], ...], change: int, ready_s: float
) -> tuple[tuple[float, int], ...]:
    """Add replicas that were asked for now, or take away as many, the youngest first."""
    if change > 0:
        return (*starting, (ready_s, change))
    while change < 0 and starting:
        *older, (at, count) = starting
        left = count + change
        starting = (*older, (at, left)) if left > 0 else tuple(older)
        change = min(0, left)
    return starting
