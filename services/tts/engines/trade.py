"""What the TTS room does with an engine: load it, hear it once, know its voices, let it go."""

from __future__ import annotations

from typing import Final

from services.shared.engines import Model, Reference, references
from services.shared.errors import InternalError
from services.shared.residents import Bounds, Residents
from services.tts.engines.base import TtsEngine, Voice
from services.tts.engines.registry import create
from services.tts.settings import TtsSettings

Voices = tuple[Voice, ...]
TtsResidents = Residents[TtsEngine, Voices]

# A word in one script after another: a voice of letters can only say what its own alphabet writes.
_PROOFS: Final = (
    "Ok", "да", "Ωδή", "نعم", "כן", "हाँ", "হ্যাঁ", "ਹਾਂ", "હા", "ஆம்", "అవును", "ಹೌದು", "അതെ", "ඔව්", "ใช่", "ແມ່ນ",
    "បាទ", "ဟုတ်", "አዎ", "დიახ", "այո", "はい", "好", "네", "1",
)  # fmt: skip


class TtsTrade:
    """Handles engines by the room's settings."""

    def __init__(self, settings: TtsSettings) -> None:
        self._settings = settings

    def load(self, reference: Reference) -> TtsEngine:
        """Load it."""
        return create(reference, self._settings)

    def prove(self, engine: TtsEngine) -> None:
        """Have its first voice speak, so that a broken model never serves."""
        voice = engine.voices[0].name
        if not any(engine.synthesize(proof, voice, 1.0).any() for proof in _PROOFS):
            raise InternalError("The TTS engine spoke silence in its self-test.", code="self_test_failed")

    def describe(self, engine: TtsEngine) -> Voices:
        """Return its voices."""
        return engine.voices

    def model_of(self, engine: TtsEngine) -> Model:
        """Return its model."""
        return engine.model

    def close(self, engine: TtsEngine) -> None:
        """Nothing but memory, which goes with the engine."""


class _Ready(TtsTrade):
    """Gives an engine that is there already."""

    def __init__(self, engine: TtsEngine) -> None:
        super().__init__(TtsSettings())
        self._engine = engine

    def load(self, reference: Reference) -> TtsEngine:  # noqa: ARG002 - there is but one
        return self._engine


def residents(settings: TtsSettings) -> TtsResidents:
    """Load the engines that the settings name.

    Raises:
        Misconfigured: one of them, or its model, is not here.
        InternalError: one of them does not work (self_test_failed).
    """
    bounds = Bounds(settings.models_idle_s, settings.models_memory_bytes)
    return Residents(references(settings.tts_engines), TtsTrade(settings), bounds)


def alone(engine: TtsEngine) -> TtsResidents:
    """Return an engine that was made by hand as the only one."""
    return Residents([Reference(engine.model.name)], _Ready(engine))
