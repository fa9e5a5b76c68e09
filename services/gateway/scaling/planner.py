"""From the ledger's counts to a decision for every service; pure, so that a simulation can drive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.gateway.scaling.measure import Counts, Measured, backlog_ms, look
from services.gateway.scaling.policy import Decision, Load, Past, Terms, decide
from services.shared.tasks import MODEL_STAGES, SERVICES, service_of

# Less than this is the rest of an estimate, and no work that is on its way.
_LEAST_COMING_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of one replica of a service.

    Attributes:
        count: Batches that it works on at once, at least 1.
        batch: Calls that may share one, at least 1.
        known: False where no replica ever said so, and it is what the settings say.
    """

    count: int
    batch: int = 1
    known: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What a service should have, and what that rests on.

    Attributes:
        service: One of services.shared.tasks.SERVICES.
        backlog_ms: Audio of its ready and leased units.
        speed: Audio ms per ms in a slot, of the slowest of its stages.
        slots: Of one replica.
        decision: Replicas, workers, and why.
    """

    service: str
    backlog_ms: float
    speed: float
    slots: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class State:
    """What is kept from one evaluation to the next, whichever process makes it.

    Attributes:
        measured: What is known of the stages.
        plans: By service; empty before the first evaluation.
    """

    measured: Measured = field(default_factory=Measured)
    plans: Mapping[str, Plan] = field(default_factory=dict)


def plan(
    state: State, counts: Counts, slots: Mapping[str, Slots], terms: Mapping[str, Terms], now_s: float
) -> State:
    """Decide on every service.

    Args:
        state: Of the evaluation before; State() for the first one.
        counts: As services.gateway.scaling.measure.look takes them.
        slots: By service.
        terms: By service.
        now_s: Seconds on the ledger's clock.
    """
    measured = look(state.measured, counts, now_s)
    plans = {}
    for service in SERVICES:
        load = _load(measured, service, slots[service])
        before = state.plans.get(service)
        past = before.decision.past if before else Past()
        plans[service] = Plan(
            service=service,
            backlog_ms=sum(backlog_ms(counts, stage) for stage in stages_of(service)),
            speed=min(measured.stages[stage].speed for stage in stages_of(service)),
            slots=load.slots,
            decision=decide(load, terms[service], past, now_s),
        )
    return State(measured, plans)


def stages_of(service: str) -> list[str]:
    """Return the stages of a service that hold slots of its model server."""
    return [stage for stage in MODEL_STAGES if service_of(stage) == service]


def _load(measured: Measured, service: str, slots: Slots) -> Load:
    stages = stages_of(service)
    waiting_s = {stage: backlog_ms(measured.counts, stage) / 1000 for stage in stages}
    known = measured.stages
    work_s = sum(waiting_s[stage] / known[stage].speed for stage in stages)
    all_s = sum(known[stage].outstanding_ms / 1000 / known[stage].speed for stage in stages)
    coming_s = max(0.0, all_s - work_s)
    coming_s = coming_s if coming_s >= _LEAST_COMING_S else 0.0
    units = sum(
        measured.counts.get(stage, {}).get(name, 0) for stage in stages for name in ("ready", "leased")
    )
    return Load(
        work_s=work_s,
        coming_s=coming_s,
        arriving_slots=sum(known[stage].arriving / known[stage].speed for stage in stages),
        leased_units=sum(measured.counts.get(stage, {}).get("leased", 0) for stage in stages),
        slots=slots.count,
        batch=slots.batch,
        unfinished=units > 0 or coming_s > 0,
        known=slots.known,
    )
