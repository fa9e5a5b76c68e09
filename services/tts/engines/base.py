"""What a speech engine is: voices, a cheap forecast of how long a text takes, and the speech itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.shared.engines import Model

SAMPLE_RATE_HZ: Final = 24_000
MIN_RATE: Final = 0.5
MAX_RATE: Final = 2.0

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker.

    Attributes:
        name: Unique in its engine.
        language_code: BCP-47, such as "pt-BR".
        gender: "female" or "male"; empty when it is not known.
        default: Whether it speaks when a request names no voice; one per language code.
        cloned: Of a person whose consent is recorded, see services.tts.cloning.
        last_resort: Understood, but no joy to hear: taken where nothing else speaks a language.
    """

    name: str
    language_code: str
    gender: str
    default: bool = False
    cloned: bool = False
    last_resort: bool = False


class TtsEngine(Protocol):
    """A loaded engine; every method may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """The model that speaks."""
        ...

    @property
    def voices(self) -> tuple[Voice, ...]:
        """All voices; for each language the most common region comes first."""
        ...

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:
        """Forecast the length of `synthesize` with the same arguments, at a small part of its cost.

        Returns:
            Milliseconds; 0 when there is nothing to speak.
        """
        ...

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        """Speak.

        Args:
            text: One or a few sentences; `core` splits longer texts.
            voice: Name of one of `voices`.
            rate: Speaking rate, MIN_RATE to MAX_RATE.
            cancelled: Says whether to stop; an engine that can be interrupted asks it while it speaks.

        Returns:
            float32 mono at SAMPLE_RATE_HZ in [-1, 1], without silence at its ends; empty when
            there is nothing to speak.

        Raises:
            Cancelled: `cancelled()` became true.
        """
        ...
