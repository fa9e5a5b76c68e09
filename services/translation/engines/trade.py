"""The room's ways with an engine: how it is loaded, seen at work, described and let go."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.shared import telemetry
from services.shared.engines import Model, Reference, references
from services.shared.errors import InternalError, Overloaded, Timeout, Unavailable
from services.shared.residents import Bounds, Residents
from services.translation.engines.base import TranslationEngine, UnusableAnswer
from services.translation.engines.batches import Batched
from services.translation.engines.registry import create
from services.translation.routes import Offer
from services.translation.settings import TranslationSettings

Engines = Residents[Batched, Offer]


class TranslationTrade:
    """See services.shared.residents.Trade.

    Args:
        make: Loads an engine.
        delay_ms: See Batched.
        runners: See Batched.
    """

    def __init__(
        self, make: Callable[[Reference], TranslationEngine], delay_ms: float = 0.0, runners: int = 1
    ) -> None:
        self._make = make
        self._delay_ms = delay_ms
        self._runners = runners

    def load(self, reference: Reference) -> Batched:
        """Load an engine.

        Raises:
            Misconfigured: it, its packages or its model are not here.
        """
        return Batched(self._make(reference), self._delay_ms, self._runners)

    def prove(self, engine: Batched) -> None:
        """Translate one sentence with each of its models.

        One that works elsewhere may be away for now, or answer nonsense: that is logged, and calls find out
        for themselves.

        Raises:
            InternalError: nothing came out (self_test_failed).
            Misconfigured: what works elsewhere refuses.
        """
        try:
            for pair in {model: pair for pair, model in engine.offer.pairs.items()}.values():
                if not engine.translate(["Dragoman 1."], pair)[0].strip():
                    raise InternalError(f"The engine says nothing for {pair}.", code="self_test_failed")
        except (Unavailable, Timeout, Overloaded, UnusableAnswer) as error:
            telemetry.logger().warning("engine away", model=engine.offer.model.name, code=error.code)

    def describe(self, engine: Batched) -> Offer:
        """Return its pairs and their models."""
        return engine.offer

    def model_of(self, engine: Batched) -> Model:
        """Return the engine as a whole."""
        return engine.offer.model

    def close(self, engine: Batched) -> None:
        """Let it go."""
        engine.close()


def residents(settings: TranslationSettings) -> Engines:
    """Load the engines that the settings name.

    Raises:
        Misconfigured: one of them, its packages or its model are not here.
        InternalError: one does not work (self_test_failed).
    """
    trade = TranslationTrade(
        lambda reference: create(reference, settings),
        settings.translation_delay_ms,
        settings.translation_slots,
    )
    bounds = Bounds(settings.models_idle_s, settings.models_memory_bytes)
    return Residents(references(settings.translation_engines), trade, bounds)


def given(engines: Mapping[Reference, TranslationEngine]) -> Engines:
    """Return engines that are loaded already, in order of preference."""
    return Residents(tuple(engines), TranslationTrade(engines.__getitem__))


def alone(engine: TranslationEngine) -> Engines:
    """Return one engine that is loaded already."""
    return given({Reference(engine.model.name): engine})
