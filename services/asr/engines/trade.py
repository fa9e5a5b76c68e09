"""The room's ways with an engine: how it is loaded, seen at work, described and let go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from services.asr.engines.base import SAMPLE_RATE_HZ, AsrEngine, Guidance, Task
from services.asr.engines.registry import create
from services.asr.settings import AsrSettings
from services.shared.engines import Model, Reference, references
from services.shared.errors import InternalError
from services.shared.residents import Bounds, Residents


@dataclass(frozen=True, slots=True)
class Ability:
    """What an engine can do.

    Attributes:
        languages: BCP-47 primary tags that it recognises.
        translates_to_english: Whether Task.TRANSLATE works.
    """

    languages: tuple[str, ...]
    translates_to_english: bool

    def fits(self, language: str | None, task: Task) -> bool:
        """Return whether it does a task; None is a language that is to be detected."""
        knows = language in self.languages if language else len(self.languages) > 1
        return knows and (task is Task.TRANSCRIBE or self.translates_to_english)


Engines = Residents[AsrEngine, Ability]


class AsrTrade:
    """See services.shared.residents.Trade.

    Args:
        make: Loads an engine.
    """

    def __init__(self, make: Callable[[Reference], AsrEngine]) -> None:
        self._make = make

    def load(self, reference: Reference) -> AsrEngine:
        """Load an engine.

        Raises:
            Misconfigured: it, its packages or its model are not here.
        """
        return self._make(reference)

    def prove(self, engine: AsrEngine) -> None:
        """Look for speech in a second of silence and decode it, whatever comes out.

        Raises:
            InternalError: it cannot, or what it computes is not a number (self_test_failed).
        """
        quiet = np.zeros(SAMPLE_RATE_HZ, np.float32)
        try:
            engine.speech_spans(quiet)
            # At a temperature a model decodes once, and does not try again what it is not sure of; at a high
            # one it soon ends, where it else makes words up from silence until it may write no more.
            heard = engine.transcribe(
                quiet,
                engine.languages[0],
                Task.TRANSCRIBE,
                guidance=Guidance(temperature=1.0, text_only=True),
            )
        except (RuntimeError, ValueError) as error:
            raise _failed(engine, type(error).__name__) from error
        if not 0 <= heard.confidence <= 1:
            raise _failed(engine, "what it computes is not a number")

    def describe(self, engine: AsrEngine) -> Ability:
        """Return its languages and tasks."""
        return Ability(engine.languages, engine.translates_to_english)

    def model_of(self, engine: AsrEngine) -> Model:
        """Return its weights."""
        return engine.model

    def close(self, engine: AsrEngine) -> None:
        """Let it go."""
        engine.close()


def residents(settings: AsrSettings) -> Engines:
    """Load the engines that the settings name.

    Raises:
        Misconfigured: one of them, its packages or its model are not here.
        InternalError: one does not work (self_test_failed).
    """
    trade = AsrTrade(lambda reference: create(reference, settings))
    bounds = Bounds(settings.models_idle_s, settings.models_memory_bytes)
    return Residents(references(settings.asr_engines), trade, bounds)


def given(engines: Mapping[Reference, AsrEngine]) -> Engines:
    """Return engines that are loaded already, in order of preference."""
    return Residents(tuple(engines), AsrTrade(engines.__getitem__))


def alone(engine: AsrEngine) -> Engines:
    """Return one engine that is loaded already."""
    return given({Reference(engine.model.name): engine})


def _failed(engine: AsrEngine, reason: str) -> InternalError:
    return InternalError(f"The model {engine.model.name} does not work: {reason}.", code="self_test_failed")
