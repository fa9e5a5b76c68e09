"""A speech engine without a model: a tone as long as its text."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from services.shared.engines import Model
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, Voice
from services.tts.settings import TtsSettings

_MS_PER_LETTER = 60.0
_PITCH_HZ = {"female": 220.0, "male": 110.0}
_VOICES = (
    Voice("fake-en", "en-US", "female", default=True),
    Voice("fake-en-male", "en-US", "male"),
    Voice("fake-en-gb", "en-GB", "female", default=True),
    Voice("fake-es", "es", "female", default=True),
    Voice("fake-fr", "fr", "female", default=True),
    Voice("fake-pt", "pt-BR", "female", default=True),
    Voice("fake-pt-male", "pt-BR", "male"),
)


class FakeEngine:
    """Same text, voice and rate, same samples; at rate 1 every letter or digit takes 60 ms.

    Args:
        forecast_error: `estimate_ms` says this many times the truth, for tests of bad forecasts.
    """

    def __init__(self, forecast_error: float = 1.0) -> None:
        self._forecast_error = forecast_error

    @property
    def model(self) -> Model:
        """The model that speaks."""
        return Model("fake-tone", "1")

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Five languages."""
        return _VOICES

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:  # noqa: ARG002 - all speak alike
        """Return the true length times `forecast_error`."""
        return math.ceil(self._length_ms(text, rate) * self._forecast_error)

    def synthesize(
        self,
        text: str,
        voice: str,
        rate: float,
        cancelled: Callable[[], bool] = lambda: False,  # noqa: ARG002 - it takes no time
    ) -> Audio:
        """Return a tone at the pitch of the voice's gender."""
        gender = next(each.gender for each in _VOICES if each.name == voice)
        step = 2 * math.pi * _PITCH_HZ[gender] / SAMPLE_RATE_HZ
        samples = round(self._length_ms(text, rate) * SAMPLE_RATE_HZ / 1000)
        tone: Audio = (0.25 * np.sin(np.arange(samples) * step)).astype(np.float32)
        return tone

    @staticmethod
    def _length_ms(text: str, rate: float) -> float:
        return sum(map(str.isalnum, text)) * _MS_PER_LETTER / rate


def load(_settings: TtsSettings, _model: str = "") -> FakeEngine:
    """Make the engine."""
    return FakeEngine()
