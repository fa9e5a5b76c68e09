"""A recognition engine without a model: loud stretches are speech, and their length gives the words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from services.asr.engines.base import (
    SAMPLE_RATE_HZ,
    UNGUIDED,
    Audio,
    Caution,
    Guidance,
    Hypothesis,
    Span,
    Task,
    Word,
    silence,
)
from services.asr.settings import AsrSettings
from services.shared.engines import Model

_NAME: Final = "fake-counter"
_FRAME: Final = SAMPLE_RATE_HZ // 50
_LOUD: Final = 0.01
_WORD_MS: Final = 400
_SURE: Final = 0.9
_WORDS: Final = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
    "pt": ("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"),
}
# A language is told by the pitch: the first whose bound is above it.
_PITCHES: Final = {"pt": 300.0, "es": 600.0, "en": float("inf")}


class FakeEngine:
    """Same audio, same words: one for every 0.4 s, counted from zero.

    Args:
        name: Of its model.
    """

    def __init__(self, name: str = _NAME) -> None:
        self._name = name

    @property
    def model(self) -> Model:
        """The model that recognises."""
        return Model(self._name, "1")

    @property
    def languages(self) -> tuple[str, ...]:
        """Three languages."""
        return tuple(_WORDS)

    @property
    def translates_to_english(self) -> bool:
        """It counts in English too."""
        return True

    def speech_spans(self, audio: Audio) -> list[Span]:
        """Return the runs of 20 ms frames that are louder than 1 % of full scale."""
        whole = audio[: len(audio) // _FRAME * _FRAME].reshape(-1, _FRAME)
        loud = np.sqrt(np.mean(np.square(whole), axis=1)) > _LOUD
        edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8))) * _FRAME
        return [Span(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]

    def language_probabilities(
        self,
        audio: Audio,
        cancelled: Callable[[], bool] = lambda: False,  # noqa: ARG002 - it takes no time
    ) -> Mapping[str, float]:
        """Tell the language by the pitch."""
        crossings_hz = (
            np.count_nonzero(np.diff(np.signbit(audio))) / 2 / max(len(audio) / SAMPLE_RATE_HZ, 1e-9)
        )
        spoken = next(language for language, below_hz in _PITCHES.items() if crossings_hz < below_hz)
        return {language: 0.9 if language == spoken else 0.05 for language in _WORDS}

    def transcribe(
        self,
        audio: Audio,
        language: str | None,
        task: Task,
        cancelled: Callable[[], bool] = lambda: False,  # noqa: ARG002 - it takes no time
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        """Count; a word that a hint or a word of the prompt begins with is written as that one.

        Such a one may have figures in it. Where they are to be checked, this engine doubts them all.
        """
        spoken, confidence = self._spoken(audio, language)
        written = "en" if task is Task.TRANSLATE else spoken
        duration_ms = len(audio) * 1000 // SAMPLE_RATE_HZ
        texts = [_spelled(word, guidance) for word in _WORDS[written]]
        sure = _SURE * (1 - guidance.temperature / 2)
        words = tuple(
            Word(texts[number % 10], start_ms, start_ms + _WORD_MS, sure)
            for number, start_ms in enumerate(range(0, duration_ms - _WORD_MS + 1, _WORD_MS))
        )
        if not words:
            return replace(silence(written), spoken=spoken, spoken_confidence=confidence)
        text = " ".join(word.text for word in words)
        doubted = guidance.check_numbers and task is Task.TRANSCRIBE and any(map(str.isdecimal, text))
        return Hypothesis(
            text=text,
            language=written,
            confidence=sure,
            words=() if guidance.text_only else words,
            warnings=(Caution.UNCERTAIN_NUMBER,) if doubted else (),
            log_probability=math.log(sure),
            no_speech=1 - sure,
            spoken=spoken,
            spoken_confidence=confidence,
        )

    def close(self) -> None:
        """Free what it holds: nothing."""

    def _spoken(self, audio: Audio, language: str | None) -> tuple[str, float]:
        if language is not None:
            return language, 1.0
        return max(self.language_probabilities(audio).items(), key=lambda vote: vote[1])


def _spelled(word: str, guidance: Guidance) -> str:
    known = (*guidance.hints, *guidance.prompt.split())
    return next((name for name in known if name.lower().startswith(word)), word)


def load(_settings: AsrSettings, model: str = "") -> FakeEngine:
    """Load the engine: there is nothing to load. A name makes it another model, for tests of several."""
    return FakeEngine(model or _NAME)
