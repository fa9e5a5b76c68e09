"""The stage graphs of the job kinds, as data: a new kind is a new row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from services.shared import tasks

Scope = Literal["job", "channel", "region"]
_DEPTHS: Final[Mapping[Scope, int]] = {"job": 0, "channel": 1, "region": 2}
_MOST_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline.

    A stage of the scope of the one before runs on each of its units as it is done. A narrower one runs on the
    children that each unit returned. A wider one runs once, when nothing before it is left.

    Attributes:
        name: One of services.shared.tasks.STAGES.
        scope: What one unit of it covers.
        only_for: The output that it serves: left out of a job that does not ask for it.
        attempts: How often one unit may fail before it is dead, 1 to 10. Failures that are not worth another
            attempt end it at once, and services that are away or full are not counted.

    Raises:
        ValueError: attempts is out of range.
    """

    name: str
    scope: Scope
    only_for: str | None = None
    attempts: int = 3

    def __post_init__(self) -> None:
        """Refuse a budget that gives a unit no chance, or no end."""
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"{self.name} may fail 1 to {_MOST_ATTEMPTS} times.")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a job kind, in order.

    Raises:
        ValueError: the ledger cannot run it: a stage that is wider than the one before must be the last one,
            and of the scope "job".
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Refuse what the ledger cannot run."""
        for at, (before, stage) in enumerate(pairwise(self.stages), start=1):
            widens = _DEPTHS[stage.scope] < _DEPTHS[before.scope]
            if widens and (stage.scope != "job" or at != len(self.stages) - 1):
                raise ValueError(f"{stage.name} gathers, so it must be the last stage, of the scope job.")

    def stages_for(self, outputs: Collection[str]) -> tuple[Stage, ...]:
        """Return the stages that a job asking for `outputs` goes through."""
        return tuple(stage for stage in self.stages if stage.only_for is None or stage.only_for in outputs)


# Goes before all others where the file is at a URL.
FETCH: Final = Stage(tasks.FETCH, "job", attempts=5)
# A region that is lost is a hole in the result. With these the whole job, or a channel of it, is lost.
_DECODE = Stage(tasks.DECODE, "job", attempts=5)
_SEGMENT = Stage(tasks.SEGMENT, "channel", attempts=5)
# And the work of all stages before it.
_ENCODE = Stage(tasks.ENCODE, "job", attempts=5)
_TRANSCRIBE = Stage(tasks.TRANSCRIBE, "region")

PIPELINES: Mapping[str, Pipeline] = {
    "speech_translation": Pipeline(
        (
            _DECODE,
            _SEGMENT,
            _TRANSCRIBE,
            Stage(tasks.TRANSLATE, "region"),
            Stage(tasks.SYNTHESIZE, "region", only_for="audio"),
            replace(_ENCODE, only_for="audio"),
        )
    ),
    "transcription": Pipeline((_DECODE, _SEGMENT, _TRANSCRIBE)),
    "text_translation": Pipeline((Stage(tasks.TRANSLATE, "job"),)),
    "speech": Pipeline((Stage(tasks.SYNTHESIZE, "job"), _ENCODE)),
    "encode": Pipeline((_DECODE, _ENCODE)),
    "decode": Pipeline((_DECODE,)),
}
