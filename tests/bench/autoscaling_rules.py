"""Who decides how many replicas there are: a fixed number, a queue-length rule, and the policy itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.gateway.scaling.planner import Slots, State, plan
from services.gateway.scaling.policy import Terms
from services.shared.tasks import MODEL_STAGES, SERVICES, service_of
from tests.bench.autoscaling_world import SLOTS, SPEED, UNIT_S, World

# The pod autoscaler looks this often, leaves differences of a tenth alone, and at most doubles or adds four.
SYNC_S: Final = 15.0
_TOLERANCE: Final = 0.1
_MOST_ADDED: Final = 4
MOST: Final = 40
# Files are looked at by the codec service when they are handed in: one replica is always there.
LEAST: Final = {"asr": 0, "translation": 0, "tts": 0, "codec": 1}


class Rule(Protocol):
    """Says every SYNC_S what it wants."""

    def wanted(self, world: World) -> Mapping[str, int]:
        """Return the replicas per service."""
        ...


def applied(current: int, wanted: int) -> int:
    """Return what the pod autoscaler makes of a wish."""
    if current and wanted and abs(wanted / current - 1) <= _TOLERANCE:
        return current
    return min(wanted, max(2 * current, current + _MOST_ADDED), MOST)


@dataclass(slots=True)
class Fixed:
    """The same replicas all day."""

    replicas: Mapping[str, int]

    def wanted(self, world: World) -> Mapping[str, int]:
        """Return them."""
        return self.replicas


@dataclass(slots=True)
class QueueRule:
    """So many units per replica, as KEDA counts them; down after a window, to the least after a cool-down.

    Attributes:
        unit_s: A replica for every so many seconds of slot time that waiting and running units take on
            average, known exactly beforehand.
        window_s: Stabilisation of a decrease, and cool-down.
        least: Fewest replicas of every service.
    """

    unit_s: float
    window_s: float
    least: int
    _seen: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def wanted(self, world: World) -> Mapping[str, int]:
        """Return the most that was needed within the window."""
        units = world.units()
        answer = {}
        for service in SERVICES:
            stages = [at for at, stage in enumerate(MODEL_STAGES) if service_of(stage) == service]
            # The mean unit of each stage, as if its length were known; the rule itself only counts.
            slot_s = sum(units[MODEL_STAGES[at]][0] * (UNIT_S[at] or 300.0) / SPEED[at] for at in stages)
            need = math.ceil(slot_s / (self.unit_s * SLOTS[service]))
            since = world.now_s - self.window_s
            seen = [each for each in self._seen.get(service, []) if each[0] > since]
            self._seen[service] = [*seen, (world.now_s, need)]
            answer[service] = max(self.least, LEAST[service], *(n for _, n in self._seen[service]))
        return answer


class Policy:
    """What the reconciler does, with the same code.

    Args:
        terms: Of all services, but for the fewest replicas.
    """

    def __init__(self, terms: Terms | None = None) -> None:
        base = terms or Terms()
        self._terms = {
            service: Terms(
                least=LEAST[service],
                most=MOST,
                horizon_s=base.horizon_s,
                cold_start_s=base.cold_start_s,
                hold_s=base.hold_s,
                idle_s=base.idle_s,
            )
            for service in SERVICES
        }
        self._slots = {service: Slots(count) for service, count in SLOTS.items()}
        self._state = State()

    def wanted(self, world: World) -> Mapping[str, int]:
        """Return what the real planner decides from what the ledger would count."""
        self._state = plan(self._state, world.counts(), self._slots, self._terms, world.now_s)
        return {service: each.decision.replicas for service, each in self._state.plans.items()}
