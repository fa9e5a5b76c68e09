"""How long a text will take: what a model predicts, corrected by what its voices were heard to take."""

from __future__ import annotations

from typing import Final

# Milliseconds of speech for each character, about: for models that cannot tell before they have spoken.
_MS_PER_CHARACTER: Final = {"zh": 220.0, "ja": 140.0, "ko": 150.0, "ar": 90.0, "hi": 85.0}
_MS_PER_LETTER: Final = 68.0
# How much a new observation counts, and the bounds of what is believed.
_WEIGHT: Final = 0.3
_LEAST, _MOST = 0.5, 2.0


def typical_ms(text: str, language: str) -> float:
    """Return how long a text takes at a usual pace; 0 when nothing in it is speakable."""
    if not any(map(str.isalnum, text)):
        return 0.0
    return len(text) * _MS_PER_CHARACTER.get(language.partition("-")[0], _MS_PER_LETTER)


class Forecast:
    """Says of each voice how much longer or shorter its speech is than was predicted.

    A voice that was not heard yet is taken to be as the mean of the others.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}

    def corrected(self, voice: str, predicted_ms: float) -> float:
        """Return what to expect."""
        mean = sum(self._ratios.values()) / len(self._ratios) if self._ratios else 1.0
        return predicted_ms * self._ratios.get(voice, mean)

    def learn(self, voice: str, predicted_ms: float, heard_ms: float) -> None:
        """Take in what a voice took for a text, at the rate that was predicted for."""
        if predicted_ms > 0 and heard_ms > 0:
            ratio = min(_MOST, max(_LEAST, heard_ms / predicted_ms))
            known = self._ratios.get(voice, ratio)
            self._ratios[voice] = known + _WEIGHT * (ratio - known)
