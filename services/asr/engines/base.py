"""What a recognition engine is: where there is speech, in which language, and what was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.shared.engines import Model

SAMPLE_RATE_HZ: Final = 16_000

Audio = NDArray[np.float32]


class Task(StrEnum):
    """What to write down."""

    TRANSCRIBE = "transcribe"  # the spoken language
    TRANSLATE = "translate"  # English, whatever was spoken


class Caution(StrEnum):
    """What a reader of a hypothesis should know."""

    NO_SPEECH = "no_speech"  # nothing was said, so the text is empty
    UNLIKELY_SPEECH = "unlikely_speech"  # the model doubts that anybody spoke, and what it then wrote
    LOW_CONFIDENCE = "low_confidence"  # the model was guessing
    REPETITION = "repetition"  # a phrase follows itself over and over, as it does when a model is stuck
    HIGH_COMPRESSION = "high_compression"  # the text is more regular than speech is
    UNCERTAIN_NUMBER = "uncertain_number"  # heard once more, the numbers were other ones


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an audio array: samples `start` to `end`, `end` excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word with its punctuation.

    Attributes:
        text: Without spaces around it.
        start_ms: From the start of the audio.
        end_ms: Not before `start_ms`, not after the end of the audio.
        confidence: 0 to 1.
    """

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Guidance:
    """What a caller knows of a region before it is heard, and wants of it.

    Attributes:
        hints: Words and names to expect, the most important first; an engine takes what it has room for.
        prompt: Text that may have come before, which sets style and spelling; of a long one the end counts.
        temperature: Of sampling, 0 to 1; 0 for the engine's own way.
        text_only: Whether the engine may leave the words out, to save the time that they take.
        check_numbers: Whether the engine is to warn of numbers that it doubts, which takes it time; one that
            cannot check them never does.
    """

    hints: tuple[str, ...] = ()
    prompt: str = ""
    temperature: float = 0.0
    text_only: bool = False
    check_numbers: bool = False


UNGUIDED: Final = Guidance()
NO_MODEL: Final = Model("", "")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was said.

    Attributes:
        text: Empty when nothing was said.
        language: BCP-47 code of the text.
        confidence: Geometric mean of the tokens' probabilities, 0 to 1; 0 for an empty text.
        words: In order of time.
        warnings: Stable codes, see Caution.
        log_probability: Mean of the tokens' natural logarithms, at most 0; 0 for an empty text.
        no_speech: Probability that nobody speaks, 0 to 1.
        spoken: BCP-47 code of what was said; empty when it was to be detected and nothing was said.
        spoken_confidence: 0 to 1; 1 when the language was given.
        model: Which weights wrote it; an engine leaves that to core.
    """

    text: str
    language: str
    confidence: float
    words: tuple[Word, ...] = ()
    warnings: tuple[str, ...] = ()
    log_probability: float = 0.0
    no_speech: float = 0.0
    spoken: str = ""
    spoken_confidence: float = 1.0
    model: Model = NO_MODEL


def silence(language: str) -> Hypothesis:
    """Return the hypothesis for audio without speech."""
    return Hypothesis("", language, 0.0, warnings=(Caution.NO_SPEECH,), no_speech=1.0)


class AsrEngine(Protocol):
    """A loaded engine; every method may be called from several threads at once.

    Audio is float32 mono at SAMPLE_RATE_HZ in [-1, 1].
    """

    @property
    def model(self) -> Model:
        """The model that recognises."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 primary tags that can be recognised."""
        ...

    @property
    def translates_to_english(self) -> bool:
        """Whether Task.TRANSLATE works."""
        ...

    def speech_spans(self, audio: Audio) -> list[Span]:
        """Find speech, to a few hundredths of a second.

        Returns:
            Spans in order, not overlapping, not padded; short pauses inside speech part them.
        """
        ...

    def language_probabilities(
        self, audio: Audio, cancelled: Callable[[], bool] = lambda: False
    ) -> Mapping[str, float]:
        """Say how likely each of `languages` is, from at most 30 s of speech.

        Raises:
            Cancelled: `cancelled()` became true before its turn.
        """
        ...

    def transcribe(
        self,
        audio: Audio,
        language: str | None,
        task: Task,
        cancelled: Callable[[], bool] = lambda: False,
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        """Recognise a region of at most 30 s that has speech in it.

        Args:
            audio: The region.
            language: One of `languages`; None to detect it.
            task: TRANSLATE only where `translates_to_english`.
            cancelled: Says whether to stop; asked between the steps of a model that has several.
            guidance: What to expect; UNGUIDED changes nothing.

        Raises:
            Cancelled: `cancelled()` became true.
        """
        ...

    def close(self) -> None:
        """Free what it holds; nothing is asked of it afterwards."""
        ...
