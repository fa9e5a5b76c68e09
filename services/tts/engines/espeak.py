"""espeak-ng, which speaks a hundred languages so that they are understood: the last resort."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from services.shared.engines import Model
from services.shared.errors import Cancelled
from services.tts.engines.audio import resampled, trimmed
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, Voice
from services.tts.engines.espeak_library import EspeakLibrary
from services.tts.engines.espeak_voices import listed
from services.tts.settings import TtsSettings

# espeak's own default at rate 1; its limits are 80 and 450.
_WORDS_PER_MINUTE: Final = 175
# A forecast speaks; what it spoke is kept for who asks for it next.
_KEPT: Final = 16
_FULL_SCALE: Final = 32_768


class EspeakEngine:
    """Has no model: a fresh copy of the library speaks each text, at 2 ms and 2 ms more for each second."""

    def __init__(self) -> None:
        with EspeakLibrary() as library:
            known, self._version = listed(library.voices()), library.version
        self._voices = tuple(known)
        self._identifiers = {voice.name: identifier for voice, identifier in known.items()}
        self._kept = lru_cache(maxsize=_KEPT)(self._speak)

    @property
    def model(self) -> Model:
        """The library; it has rules in place of weights."""
        return Model("espeak-ng", self._version)

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Two for each language."""
        return self._voices

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:
        """Speak, and keep it for who asks for the speech itself: the truth, at no cost."""
        return round(self._kept(text, voice, rate).size * 1000 / SAMPLE_RATE_HZ)

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        """Speak."""
        if cancelled():
            raise Cancelled("The caller went away while its text was spoken.")
        return self._kept(text, voice, rate)

    def _speak(self, text: str, voice: str, rate: float) -> Audio:
        if not any(map(str.isalnum, text)):
            return np.zeros(0, np.float32)
        with EspeakLibrary() as library:
            pcm = library.speak(text, self._identifiers[voice], round(_WORDS_PER_MINUTE * rate))
        wide = resampled((pcm / _FULL_SCALE).astype(np.float32), library.rate_hz)
        audio = trimmed(np.clip(wide, -1, 1))
        # Several callers may hold it.
        audio.flags.writeable = False
        return audio


def load(_settings: TtsSettings, _model: str = "") -> EspeakEngine:
    """Load the library that the package espeakng_loader ships."""
    return EspeakEngine()
