"""A text in pieces, in one voice of a loaded engine: forecast, and spoken piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.shared.errors import Cancelled
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, TtsEngine
from services.tts.splitting import Piece

# Engines round durations, so the rate that a forecast asks for is approached in steps.
_FORECASTS: Final = 4
# Of a long text whose length decides nothing, so many pieces tell how fast the voice speaks.
_SAMPLED: Final = 2


@dataclass(frozen=True, slots=True)
class Script:
    """Pieces in one voice.

    Attributes:
        engine: That speaks.
        pieces: In order.
        voice: The engine's own name for it.
        cancelled: Says whether to stop; asked before each piece, and by the engine.
    """

    engine: TtsEngine
    pieces: tuple[Piece, ...]
    voice: str
    cancelled: Callable[[], bool]

    def estimate_ms(self, rate: float) -> float:
        """Forecast the length of all.

        Raises:
            Cancelled: the caller has gone.
        """
        return sum(self._expected_ms(piece, rate) for piece in self._uncancelled(self.pieces))

    def sampled_ms(self, rate: float) -> float:
        """Forecast the length of all by the pace of the first pieces, so that speaking can begin.

        Raises:
            Cancelled: the caller has gone.
        """
        first = self.pieces[:_SAMPLED]
        known_ms = sum(self._expected_ms(piece, rate) for piece in self._uncancelled(first))
        known = sum(len(piece.text) for piece in first)
        return known_ms * sum(len(piece.text) for piece in self.pieces) / max(1, known)

    def fitting_stretch(self, rate: float, lengths_ms: tuple[int, int], bounds: tuple[float, float]) -> float:
        """Return the stretch next to 1 whose forecast is between two lengths, as far as the bounds allow.

        Args:
            rate: Speaking rate wished for.
            lengths_ms: Shortest and longest; where the longest is 0, there is no need to stretch.
            bounds: Lowest and highest stretch, around 1.

        Raises:
            Cancelled: the caller has gone.
        """
        (filled_ms, slot_ms), (least, most) = lengths_ms, bounds
        stretch = 1.0
        for _ in range(_FORECASTS if slot_ms else 0):
            expected_ms = self.estimate_ms(rate * stretch)
            if not expected_ms:
                break
            wanted_ms = min(max(expected_ms, filled_ms), slot_ms)
            before, stretch = stretch, min(max(stretch * expected_ms / wanted_ms, least), most)
            if stretch == before:
                break
        return stretch

    def speak(self, rate: float) -> Iterator[Audio]:
        """Yield each piece, with the pause after it, as soon as it is spoken.

        Raises:
            Cancelled: the caller has gone.
        """
        for piece in self._uncancelled(self.pieces):
            audio = self.engine.synthesize(piece.text, self.voice, rate, self.cancelled)
            pause = np.zeros(round(piece.pause_ms * SAMPLE_RATE_HZ / 1000 / rate), np.float32)
            yield np.concatenate((audio, pause))

    def _expected_ms(self, piece: Piece, rate: float) -> float:
        return self.engine.estimate_ms(piece.text, self.voice, rate) + piece.pause_ms / rate

    def _uncancelled(self, pieces: tuple[Piece, ...]) -> Iterator[Piece]:
        for piece in pieces:
            if self.cancelled():
                raise Cancelled("The caller went away while its text was spoken.")
            yield piece
