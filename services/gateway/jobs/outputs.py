"""What the units of a job left: their outputs, and the documents that these refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.gateway.jobs.model import JobOutcome, UnitRecord, UnitState

# What a job leaves as documents, by the name under which a unit's output refers to it.
DOCUMENTS: Final = ("transcript", "translation", "spoken_text")

_INDEX: Final = re.compile(r"c(\d+)(?:r(\d+))?")
Json = dict[str, Any]


class Outputs:
    """A job's units, and the documents that they left.

    Args:
        outcome: The job with its units.
        documents: By artifact key; the text of a text job is one of them.
    """

    def __init__(self, outcome: JobOutcome, documents: Mapping[str, Any]) -> None:
        self.outcome = outcome
        self.spec = outcome.spec
        self._documents = documents
        self._units = {(unit.stage, unit.index): unit for unit in outcome.units}

    def units(self, stage: str) -> Iterator[UnitRecord]:
        """Yield a stage's units in the order of channel and region."""
        found = (unit for unit in self.outcome.units if unit.stage == stage)
        yield from sorted(found, key=lambda unit: position(unit.index))

    def output(self, stage: str, index: str = "job") -> Mapping[str, Any]:
        """Return a unit's output; empty when it is not done."""
        unit = self._units.get((stage, index))
        return unit.output if unit and unit.state is UnitState.DONE and unit.output else {}

    def document(self, stage: str, name: str, index: str = "job") -> Json:
        """Return the document that a unit's output calls `name`; empty when there is none."""
        found: Json = self._documents.get(str(self.output(stage, index).get(name)), {})
        return found

    def text(self) -> str:
        """Return the text that the client sent."""
        return str(self._documents[self.spec["input"]["key"]])

    def is_dead(self, stage: str, index: str) -> bool:
        """Say whether a unit failed for good."""
        unit = self._units.get((stage, index))
        return unit is not None and unit.state is UnitState.DEAD


def position(index: str) -> tuple[int, int]:
    """Return the channel and region of a unit's index; -1 for what it does not name."""
    match = _INDEX.fullmatch(index)
    return (int(match[1]), int(match[2] or -1)) if match else (-1, -1)
