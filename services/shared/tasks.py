"""The queue contract: stages, services, and the hint that travels through Celery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FETCH: Final = "codec.fetch"
DECODE: Final = "codec.decode"
SEGMENT: Final = "asr.segment"
TRANSCRIBE: Final = "asr.transcribe"
TRANSLATE: Final = "translation.translate"
SYNTHESIZE: Final = "tts.synthesize"
ENCODE: Final = "codec.encode"

# Those that hold a slot of a model server: what services are scaled by.
MODEL_STAGES: Final = (DECODE, SEGMENT, TRANSCRIBE, TRANSLATE, SYNTHESIZE, ENCODE)
STAGES: Final = (FETCH, *MODEL_STAGES)
SERVICES: Final = ("asr", "translation", "tts", "codec")

# Two classes and no more; a claim takes what is interactive first.
PRIORITIES: Final = ("interactive", "batch")


@dataclass(frozen=True, slots=True, order=True)
class Hint:
    """Says that one more unit of a service is ready. It may be lost or doubled.

    It names no unit: which one a worker gets, the ledger decides when the worker asks.

    Attributes:
        service: One of SERVICES; also the name of the Celery task and of its queue.
    """

    service: str


def service_of(stage: str) -> str:
    """Return the service that runs a stage, such as "asr" for "asr.transcribe"."""
    return stage.partition(".")[0]
