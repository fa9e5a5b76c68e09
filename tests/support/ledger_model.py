"""The ledger's rules in plain Python, for tests that compare: no leases, queues, keys or scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.calls import graph

DEPTH = {"job": 1, "channel": 2, "region": 3}


@dataclass
class ModelUnit:
    """What the model knows of a unit."""

    position: int
    index: str
    state: str = "blocked"
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    delayed: bool = False
    due: bool = False
    expired: bool = False
    output: dict[str, int] | None = None


@dataclass
class ModelJob:
    """A job and how its units follow from one another."""

    job: str
    kind: str
    state: str = "queued"
    fatal: bool = False
    input_bytes: int = 0
    file_bytes: int = 0
    units: dict[str, ModelUnit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create what `submit` creates."""
        self.stages = graph(self.kind)
        self._create_chain(0, "job")
        next(iter(self.units.values())).state = "ready"
        for position in range(1, len(self.stages)):
            if self._gathers(position):
                self._create(position, "job")

    @property
    def over(self) -> bool:
        """Whether no unit is left to run; a gathering unit that waits does not count."""
        return all(unit.state in {"done", "dead"} or self._waits(unit) for unit in self.units.values())

    @property
    def stored_bytes(self) -> int:
        """What it keeps: nothing once it is cancelled."""
        return 0 if self.state == "cancelled" else self.input_bytes + self.file_bytes

    def children_of(self, unit: ModelUnit, count: int) -> list[str]:
        """Return the indices of the children that a unit's completion may create."""
        after = unit.position + 1
        if after >= len(self.stages) or self._depth(after) <= self._depth(unit.position):
            return []
        prefix = "c" if self.stages[after][1] == "channel" else f"{unit.index}r"
        return [f"{prefix}{n}" for n in range(count)]

    def complete(self, unit: ModelUnit, output: dict[str, int], children: list[str]) -> None:
        """End a unit well."""
        unit.state, unit.output = "done", output
        for follower in self._chain(unit):
            follower.state = "ready"
            break
        for child in children:
            self._create_chain(unit.position + 1, child)
        self._release()
        self._close_out()

    def kill(self, unit: ModelUnit) -> None:
        """End a unit and what waits for it."""
        for each in (unit, *self._chain(unit)):
            each.state = "dead"
        self.fatal |= unit.index == "job" and not self._gathers(unit.position)
        self._release()
        self._close_out()

    def cancel(self) -> None:
        """End all units but those that run."""
        self.state = "cancelling"
        for unit in self.units.values():
            if unit.state == "ready" or (unit.state == "blocked" and not self._waits(unit)):
                unit.state = "dead"
        self._close_out()

    def retry(self) -> None:
        """Run again what is dead, and gather again."""
        self.state, self.fatal, self.file_bytes = "running", False, 0
        again = [unit for unit in self.units.values() if unit.state == "dead" or self._gathers(unit.position)]
        for unit in again:
            unit.state, unit.failures, unit.losses, unit.output = "blocked", 0, 0, None
        for unit in again:
            before = self.units.get(self._name(unit.position - 1, unit.index)) if unit.position else None
            chained = unit.position and self._depth(unit.position - 1) == self._depth(unit.position)
            if unit.position == 0 or (chained and before is not None and before.state == "done"):
                unit.state, unit.delayed = "ready", False
        self._release()
        self._close_out()

    def _release(self) -> None:
        """Let children run once no unit of the stage that creates them is open."""
        for position in range(1, len(self.stages)):
            open_ones = [unit for unit in self._at(position - 1) if unit.state not in {"done", "dead"}]
            if self._depth(position) > self._depth(position - 1) and not open_ones:
                for unit in self._at(position):
                    if unit.state == "blocked":
                        unit.state, unit.delayed = "ready", False

    def _at(self, position: int) -> list[ModelUnit]:
        return [unit for unit in self.units.values() if unit.position == position]

    def _close_out(self) -> None:
        for unit in self.units.values() if self.over else ():
            if unit.state == "blocked":
                unit.state = "ready" if self.state == "running" and not self.fatal else "dead"

    def _chain(self, unit: ModelUnit) -> Iterator[ModelUnit]:
        """Yield the units of the same index that follow a unit, nearest first."""
        for position in range(unit.position + 1, len(self.stages)):
            if self._depth(position) != self._depth(unit.position):
                return
            yield self.units[self._name(position, unit.index)]

    def _create_chain(self, first: int, index: str) -> None:
        self._create(first, index)
        for position in range(first + 1, len(self.stages)):
            if self._depth(position) != self._depth(first):
                return
            self._create(position, index)

    def _create(self, position: int, index: str) -> ModelUnit:
        unit = self.units[self._name(position, index)] = ModelUnit(position, index)
        return unit

    def _name(self, position: int, index: str) -> str:
        return f"{self.job}:{self.stages[position][0]}:{index}"

    def _depth(self, position: int) -> int:
        return DEPTH[self.stages[position][1]]

    def _gathers(self, position: int) -> bool:
        return position > 0 and self._depth(position) < self._depth(position - 1)

    def _waits(self, unit: ModelUnit) -> bool:
        return unit.state == "blocked" and self._gathers(unit.position)
