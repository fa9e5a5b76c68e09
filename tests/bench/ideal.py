"""A scheduler that costs nothing, computed: tenants in turn, oldest call first, no unit interrupted."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.shared.ledger.records import Node
from services.shared.tasks import service_of
from tests.bench.plane_worker import length_s


@dataclass(slots=True)
class Call:
    """A job on its way.

    Attributes:
        at_s: When it is submitted.
        tenant: Whose it is.
        seed: For the lengths of its units.
        open: Units neither done nor waiting for all others.
        end_s: When it is over.
    """

    at_s: float
    tenant: str
    seed: str
    open: int = 0
    end_s: float = 0.0

    @property
    def took_s(self) -> float:
        """From submission to end."""
        return self.end_s - self.at_s


@dataclass(frozen=True, slots=True)
class Shape:
    """What all calls have in common.

    Attributes:
        graph: Stages, the last of which gathers.
        channels: Of a call.
        regions: Of a channel.
        unit_ms: Least and most length of a unit.
    """

    graph: tuple[Node, ...]
    channels: int
    regions: int
    unit_ms: tuple[int, int]


class Ideal:
    """Workers with so many slots per service.

    Args:
        slots: Of each service.
        shape: Of the calls.
    """

    def __init__(self, slots: int, shape: Shape) -> None:
        self._shape = shape
        self._now_s = 0.0
        self._count = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._free: dict[str, int] = defaultdict(lambda: slots)
        self._turns: dict[str, deque[str]] = defaultdict(deque)
        self._waiting: dict[tuple[str, str], list[tuple[float, int, Callable[[], None]]]] = defaultdict(list)

    def run(self, calls: Sequence[Call]) -> None:
        """Work all calls off, and note when each was over."""
        for call in calls:
            self._at(call.at_s, lambda call=call: self._ready(call, 0, "job"))  # type: ignore[misc]  # bound here
        while self._events:
            self._now_s, _, happen = heapq.heappop(self._events)
            happen()

    def _at(self, time_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._count), happen))

    def _ready(self, call: Call, stage: int, index: str) -> None:
        call.open += 1
        service = service_of(self._shape.graph[stage].stage)
        queue = self._waiting[service, call.tenant]
        heapq.heappush(queue, (call.at_s, next(self._count), lambda: self._start(call, stage, index)))
        if len(queue) == 1:
            self._turns[service].append(call.tenant)
        self._serve(service)

    def _serve(self, service: str) -> None:
        turns = self._turns[service]
        while self._free[service] and turns:
            tenant = turns.popleft()
            queue = self._waiting[service, tenant]
            _, _, start = heapq.heappop(queue)
            if queue:
                turns.append(tenant)
            self._free[service] -= 1
            start()

    def _start(self, call: Call, stage: int, index: str) -> None:
        seconds = length_s(call.seed, self._shape.unit_ms, self._shape.graph[stage].stage, index)
        self._at(self._now_s + seconds, lambda: self._end(call, stage, index))

    def _end(self, call: Call, stage: int, index: str) -> None:
        call.open -= 1
        last = len(self._shape.graph) - 1
        for child in self._children(stage, index):
            self._ready(call, stage + 1, child)
        if call.open == 0 and stage < last:
            self._ready(call, last, "job")
        call.end_s = self._now_s
        service = service_of(self._shape.graph[stage].stage)
        self._free[service] += 1
        self._serve(service)

    def _children(self, stage: int, index: str) -> Iterator[str]:
        """Yield the units of the next stage that the end of this one makes ready."""
        graph = self._shape.graph
        match graph[stage].scope, graph[stage + 1].scope if stage + 1 < len(graph) else "":
            case "job", "channel":
                yield from (f"c{number}" for number in range(self._shape.channels))
            case "channel", "region":
                yield from (f"{index}r{number}" for number in range(self._shape.regions))
            case scope, after if scope == after:
                yield index
