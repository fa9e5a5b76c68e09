"""The stage graphs of the job kinds, as data: a new kind is a new row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from services.shared import tasks

Scope = Literal["job", "channel", "region"]
_DEPTHS: Final[Mapping[Scope, int]] = {"job": 0, "channel": 1, "region": 2}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline.

    A stage of the scope of the one before runs on each of its units as it is done. A narrower one runs on the
    children that each unit returned. A wider one runs once, when nothing before it is left.

    Attributes:
        name: One of services.shared.tasks.STAGES.
        scope: What one unit of it covers.
        only_for: The output that it serves: left out of a job that does not ask for it.
    """

    name: str
    scope: Scope
    only_for: str | None = None


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


_DECODE = Stage(tasks.DECODE, "job")
_ENCODE = Stage(tasks.ENCODE, "job")
_SEGMENT = Stage(tasks.SEGMENT, "channel")
_TRANSCRIBE = Stage(tasks.TRANSCRIBE, "region")

PIPELINES: Mapping[str, Pipeline] = {
    "speech_translation": Pipeline(
        (
            _DECODE,
            _SEGMENT,
            _TRANSCRIBE,
            Stage(tasks.TRANSLATE, "region"),
            Stage(tasks.SYNTHESIZE, "region", only_for="audio"),
            Stage(tasks.ENCODE, "job", only_for="audio"),
        )
    ),
    "transcription": Pipeline((_DECODE, _SEGMENT, _TRANSCRIBE)),
    "text_translation": Pipeline((Stage(tasks.TRANSLATE, "job"),)),
    "speech": Pipeline((Stage(tasks.SYNTHESIZE, "job"), _ENCODE)),
    "encode": Pipeline((_DECODE, _ENCODE)),
    "decode": Pipeline((_DECODE,)),
}
