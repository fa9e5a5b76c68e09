"""A translation engine without a model: it marks every word with the target language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations
from typing import Final

from services.shared.config import Settings
from services.shared.engines import Model
from services.translation.languages import Pair

_WORD: Final = re.compile(r"[^\W\d_]+")
_PAIRS: Final = tuple(Pair(*both) for both in permutations(("de", "en", "es", "fr", "it", "pt"), 2))


class FakeEngine:
    """Turns "Call me at 9." into "Call_pt me_pt at_pt 9.": same words, same digits, same marks."""

    @property
    def model(self) -> Model:
        """The engine as a whole."""
        return Model("fake-marks", "1")

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every direction between six languages."""
        return _PAIRS

    @property
    def batch(self) -> int:
        """As many as an engine on a GPU might take."""
        return 16

    def model_of(self, _pair: Pair) -> Model:
        """Return the one model there is."""
        return self.model

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Mark every word of every text."""
        return [_WORD.sub(rf"\g<0>_{pair.target}", text) for text in texts]


def load(_settings: Settings, _model: str = "") -> FakeEngine:
    """Return the engine; it needs no settings."""
    return FakeEngine()
