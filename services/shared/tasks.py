"""The queue contract: stages, queues, and the hint that travels through Celery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DECODE: Final = "codec.decode"
SEGMENT: Final = "asr.segment"
TRANSCRIBE: Final = "asr.transcribe"
TRANSLATE: Final = "translation.translate"
SYNTHESIZE: Final = "tts.synthesize"
ENCODE: Final = "codec.encode"

STAGES: Final = (DECODE, SEGMENT, TRANSCRIBE, TRANSLATE, SYNTHESIZE, ENCODE)
SERVICES: Final = ("asr", "translation", "tts", "codec")

# Two classes and no more: Redis priorities inside one queue are approximate at best.
PRIORITIES: Final = ("interactive", "batch")


@dataclass(frozen=True, slots=True)
class Hint:
    """Says that a unit may be ready. It may be lost or doubled; the ledger decides.

    Attributes:
        stage: One of STAGES; also the Celery task's name.
        unit: The unit's id in the ledger.
        priority: One of PRIORITIES.
    """

    stage: str
    unit: str
    priority: str


def service_of(stage: str) -> str:
    """Return the service that runs a stage, such as "asr" for "asr.transcribe"."""
    return stage.partition(".")[0]


def queue_of(stage: str, priority: str) -> str:
    """Return the Celery queue that carries a stage's hints, such as "asr.batch"."""
    return f"{service_of(stage)}.{priority}"


def queues_of(service: str) -> tuple[str, ...]:
    """Return a service's queues, the most urgent first."""
    return tuple(f"{service}.{priority}" for priority in PRIORITIES)
