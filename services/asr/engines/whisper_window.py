"""How much Whisper encodes of a short region, for which models, and when what came out is not trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.asr.engines.base import Audio
from services.asr.engines.whisper_text import Passage, compresses, log_probability, loops, text_of

Features = NDArray[np.float32]

WINDOW_S: Final = 30
_FRAMES_PER_S: Final = 100
_FEATURE_RANGE: Final = 2.0

# By the width of their layers, which tells sizes apart wherever the files came from.
_SIZES: Final = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large"}
# Sizes that were measured to lose nothing in short windows (README.md, Short windows). Models that know only
# English have a name of their own, such as base.en: one was not measured by the other.
VERIFIED: Final = frozenset({"base"})


@dataclass(frozen=True, slots=True)
class Windows:
    """Which lengths are encoded; the fewer there are, the more regions go together.

    Attributes:
        lengths_s: Ascending, the last one being the whole window.
        margin_s: Silence there must be after a region.
    """

    lengths_s: tuple[int, ...] = (12, 15, 20, 25, WINDOW_S)
    margin_s: float = 1.0

    def of(self, duration_s: float) -> int:
        """Return how many seconds are encoded of a region."""
        fitting = (each for each in self.lengths_s if each >= duration_s + self.margin_s)
        return next(fitting, WINDOW_S)


@dataclass(frozen=True, slots=True)
class Trust:
    """When a text from a short window is taken.

    Attributes:
        token: Least mean probability of its tokens.
        word: Least probability of a word.
        overrun_s: A timestamp that far behind the region means that the model made up speech in the silence.
        unread_s: One that far before its end means that the model stopped early.
    """

    token: float = 0.55
    word: float = 0.1
    overrun_s: float = 1.0
    unread_s: float = 2.0

    def in_(self, passages: Sequence[Passage], duration_s: float) -> bool:
        """Return whether a decoding is sound; if not, its region is decoded again in the whole window."""
        text = text_of(passages)
        if not text or compresses(text) or loops(text):
            return False
        end_s = max(each.end_s for each in passages)
        weakest = min((word["probability"] for each in passages for word in each.words), default=1.0)
        return (
            math.exp(log_probability(passages)) >= self.token
            and weakest >= self.word
            and duration_s - self.unread_s <= end_s <= duration_s + self.overrun_s
        )


def size_of(width: int, *, multilingual: bool) -> str:
    """Return the name of a model's size, such as "base" or "small.en"; empty for one that nobody named.

    Args:
        width: Of its layers.
        multilingual: Whether it knows more than English.
    """
    name = _SIZES.get(width, "")
    return name if multilingual or not name else f"{name}.en"


def cut(extractor: Any, audio: Audio, length_s: int) -> Features:
    """Return log-mel features (mels, frames) of the audio's beginning, with silence up to a length."""
    frames = length_s * _FRAMES_PER_S
    features = extractor(audio)[:, :-1][:, :frames]
    # What digital silence would be: Whisper's features end 8 decades of power below their peak.
    silent = float(features.max()) - _FEATURE_RANGE
    padded: Features = np.pad(features, ((0, 0), (0, frames - features.shape[1])), constant_values=silent)
    return padded
