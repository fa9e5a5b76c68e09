"""What the ledger's counts say about speed, flow and backlog, taken from one look to the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.shared.tasks import MODEL_STAGES

Counts = Mapping[str, Mapping[str, int]]

# Audio ms per ms in a slot, until a stage's own speed is known: the bundled models on busy CPU cores, as
# `make bench` (sizing) sees them. Rather too low than too high: a first job gets a replica too many then.
SPEEDS: Final[Mapping[str, float]] = {
    "codec.decode": 200.0,
    "asr.segment": 200.0,
    "asr.transcribe": 1.5,
    "translation.translate": 300.0,
    "tts.synthesize": 1.5,
    "codec.encode": 100.0,
}
# Slot time after which an old measurement counts 1/e; the assumed speed weighs as much as the second figure.
_SPEED_MEMORY_MS: Final = 900_000.0
_ASSUMED_MS: Final = 30_000.0
# The same for what passes through the stages, which tells how much of one stage's audio reaches another.
_FLOW_MEMORY_S: Final = 7_200.0
_ASSUMED_FLOW_MS: Final = 600_000.0
# What jobs of other kinds bring to a stage is no reason to expect more than this from an earlier one.
_MOST_SHARE: Final = 4.0
# Averages what arrives; shorter would chase single calls, longer would miss a campaign.
_ARRIVAL_MEMORY_S: Final = 120.0
# Audio of a unit of which nothing is known.
_UNIT_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What is known of a stage.

    Attributes:
        done_ms: Audio that passed lately, and
        served_ms: the time that it took in slots of the model server: their ratio is the speed.
        passed_ms: Audio that passed in the last hours.
        outstanding_ms: Audio that waits or runs here or before, as much of it as comes here.
        arriving: Audio ms that arrive for it per ms, here or at the stages before; at least 0.
    """

    done_ms: float
    served_ms: float = _ASSUMED_MS
    passed_ms: float = _ASSUMED_FLOW_MS
    outstanding_ms: float = 0.0
    arriving: float = 0.0

    @property
    def speed(self) -> float:
        """Audio ms per ms in a slot."""
        return self.done_ms / self.served_ms


def _unknown() -> dict[str, Stage]:
    return {stage: Stage(SPEEDS[stage] * _ASSUMED_MS) for stage in MODEL_STAGES}


@dataclass(frozen=True, slots=True)
class Measured:
    """All that is known, from the first look on.

    Attributes:
        at_s: When the last look was; None before the first.
        counts: The ledger's counts then.
        stages: What is known of each.
    """

    at_s: float | None = None
    counts: Counts = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=_unknown)


def look(before: Measured, counts: Counts, now_s: float) -> Measured:
    """Take in the ledger's counts.

    Args:
        before: What was known.
        counts: Per stage the units `ready`, `leased`, `done`, the same with `_ms` for their audio, and
            `served_ms`; what is missing counts as 0.
        now_s: Seconds on the ledger's clock.
    """
    passed_s = 0.0 if before.at_s is None else max(0.0, now_s - before.at_s)
    grown = {
        stage: (_grown(before, counts, stage, "done_ms"), _grown(before, counts, stage, "served_ms"))
        for stage in MODEL_STAGES
    }
    # Nights do not wash out what the day has taught.
    idle = not any(done_ms for done_ms, _ in grown.values())
    kept = 1.0 if idle else math.exp(-passed_s / _FLOW_MEMORY_S)
    stages = {stage: _passed(known, *grown[stage], kept) for stage, known in before.stages.items()}
    then = _outstanding(before.counts, stages) if before.at_s is not None else {}
    now = _outstanding(counts, stages)
    return Measured(
        now_s,
        counts,
        {
            stage: _arrived(
                known, now[stage], now[stage] - then.get(stage, now[stage]) + grown[stage][0], passed_s
            )
            for stage, known in stages.items()
        },
    )


def backlog_ms(counts: Counts, stage: str) -> float:
    """Return the audio of a stage's ready and leased units, guessed where nobody knows it yet."""
    count = counts.get(stage, {})
    known_ms = count.get("ready_ms", 0) + count.get("leased_ms", 0)
    units = count.get("ready", 0) + count.get("leased", 0)
    if known_ms > 0 or units <= 0:
        return max(0.0, float(known_ms))
    done, done_ms = count.get("done", 0), count.get("done_ms", 0)
    return units * (done_ms / done if done > 0 and done_ms > 0 else _UNIT_MS)


def _grown(before: Measured, counts: Counts, stage: str, name: str) -> int:
    """Return by how much a count grew; 0 when a retry, or a loss of memory, took some back."""
    if before.at_s is None:
        return 0
    return max(0, counts.get(stage, {}).get(name, 0) - before.counts.get(stage, {}).get(name, 0))


def _passed(known: Stage, done_ms: int, served_ms: int, kept: float) -> Stage:
    weight = math.exp(-served_ms / _SPEED_MEMORY_MS)
    # Audio without slot time, or the other way round, says nothing about speed.
    measured = done_ms > 0 and served_ms > 0
    return Stage(
        done_ms=known.done_ms * weight + done_ms if measured else known.done_ms,
        served_ms=known.served_ms * weight + served_ms if measured else known.served_ms,
        passed_ms=known.passed_ms * kept + done_ms,
        outstanding_ms=known.outstanding_ms,
        arriving=known.arriving,
    )


def _outstanding(counts: Counts, stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return per stage the audio that is still to pass through it, wherever it is now."""
    waiting = {stage: backlog_ms(counts, stage) for stage in MODEL_STAGES}
    return {
        stage: waiting[stage]
        + sum(waiting[earlier] * _share(stages[earlier], stages[stage]) for earlier in MODEL_STAGES[:at])
        for at, stage in enumerate(MODEL_STAGES)
    }


def _share(earlier: Stage, later: Stage) -> float:
    """Return how much audio a stage gets per audio of an earlier one: two channels of one call are twice."""
    return min(_MOST_SHARE, later.passed_ms / max(1.0, earlier.passed_ms))


def _arrived(known: Stage, outstanding_ms: float, came_ms: float, passed_s: float) -> Stage:
    weight = math.exp(-passed_s / _ARRIVAL_MEMORY_S)
    # Below 0 where less came on than was expected, which makes up for what was expected too early, and where
    # jobs were cancelled; the average stays at 0 then, or it would not see for long what arrives after them.
    rate = came_ms / (passed_s * 1000) if passed_s > 0 else 0.0
    return Stage(
        done_ms=known.done_ms,
        served_ms=known.served_ms,
        passed_ms=known.passed_ms,
        outstanding_ms=outstanding_ms,
        arriving=max(0.0, known.arriving * weight + rate * (1 - weight)),
    )
