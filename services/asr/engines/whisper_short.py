"""Decoding regions in windows shorter than Whisper's own, several of one length together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from services.asr.engines.base import Task
from services.asr.engines.whisper_steps import Whisper
from services.asr.engines.whisper_text import Passage, passage


@dataclass(frozen=True, slots=True, eq=False)
class Short:
    """A region to be decoded in a short window.

    Attributes:
        features: Its window, (mels, frames).
        duration_s: Of the region.
        code: Whisper's code of its language.
        expected: Options of the library: what precedes the text.
    """

    features: NDArray[np.float32]
    duration_s: float
    code: str
    expected: Mapping[str, Any]

    @property
    def bucket(self) -> Hashable:
        """What regions that go together have in common: all but their sound."""
        return self.features.shape[1], self.code, tuple(sorted(self.expected.items()))


class ShortDecoder:
    """Decodes at temperature 0 and finds the words' times.

    All windows of a batch have the same length, so that a text does not depend on what else was in it.

    Args:
        whisper: The library's model.
        options: The library's options.
    """

    def __init__(self, whisper: Whisper, options: Any) -> None:
        self._whisper = whisper
        self._options = options

    def decode(self, regions: Sequence[Short]) -> list[list[Passage]]:
        """Decode regions of one bucket; what `Steps` knows of this thread's call counts for all of them."""
        first = regions[0]
        tokenizer = Tokenizer(
            self._whisper.hf_tokenizer,
            self._whisper.model.is_multilingual,
            task=Task.TRANSCRIBE.value,
            language=first.code,
        )
        # The pipeline keeps state between calls, so each call has its own.
        decoded = BatchedInferencePipeline(self._whisper).forward(
            np.stack([region.features for region in regions]),
            tokenizer,
            [{"offset": 0.0, "duration": region.duration_s} for region in regions],
            replace(self._options, **first.expected),
        )
        return [[passage(found) for found in segments] for segments in decoded]
