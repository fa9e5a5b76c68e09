"""The use case of recognition: cut a recording into regions of speech, and write a region down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.asr.engines.base import (
    SAMPLE_RATE_HZ,
    UNGUIDED,
    AsrEngine,
    Audio,
    Guidance,
    Hypothesis,
    Model,
    Span,
    Task,
    silence,
)
from services.asr.hints import sober
from services.asr.segmentation import Shape, regions
from services.shared.errors import Cancelled, InvalidRequest, TooLarge, Unsupported

AUTO: Final = "auto"

# Speech is looked for in pieces, so that memory stays flat however long the recording is.
_PIECE: Final = 60 * SAMPLE_RATE_HZ
_MIN_REGION_MS: Final = 2_000
# Language detection hears up to three stretches of speech of 10 s.
_VOTE: Final = 10 * SAMPLE_RATE_HZ
_VOTES: Final = 3
_FRAME: Final = SAMPLE_RATE_HZ // 50

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of speech, in milliseconds from the start of the recording."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Where there is speech in a recording, and in which language.

    Attributes:
        regions: In order, not overlapping.
        language: As asked, or as detected; empty when there is no speech to detect it from.
        language_confidence: 0 to 1; 1 when the language was given.
        duration_ms: Of the recording.
    """

    regions: tuple[Region, ...]
    language: str
    language_confidence: float
    duration_ms: int


class AsrCore:
    """Recognition with one engine; every method may be called from several threads at once.

    Samples are mono 16 bit at SAMPLE_RATE_HZ, as they come over the wire.

    Args:
        engine: Recognises.
        shape: What a region may look like.
    """

    def __init__(self, engine: AsrEngine, shape: Shape | None = None) -> None:
        self._engine = engine
        self._shape = shape or Shape()

    @property
    def model(self) -> Model:
        """The model that recognises."""
        return self._engine.model

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 primary tags that can be recognised."""
        return self._engine.languages

    @property
    def translates_to_english(self) -> bool:
        """Whether Task.TRANSLATE works."""
        return self._engine.translates_to_english

    @property
    def max_region_ms(self) -> int:
        """Length of the longest region that `segment` returns and `transcribe` takes."""
        return self._shape.longest * 1000 // SAMPLE_RATE_HZ

    def self_test(self) -> None:
        """Run the model once, so that a server that says SERVING has seen it work."""
        self._engine.speech_spans(np.zeros(SAMPLE_RATE_HZ, np.float32))
        self._engine.language_probabilities(np.zeros(SAMPLE_RATE_HZ, np.float32))

    def segment(
        self, samples: Samples, language: str, cancelled: Callable[[], bool], max_region_ms: int = 0
    ) -> Segmentation:
        """Find the regions of speech in a recording.

        Args:
            samples: The recording, of any length.
            language: BCP-47 code, or "auto" to detect it from the speech.
            cancelled: Asked now and then; when true the work ends with Cancelled.
            max_region_ms: No region is longer; 0 for `max_region_ms` of the core.

        Raises:
            Unsupported: (unsupported_language) the language is not one of `languages`.
            InvalidRequest: (invalid_max_region) `max_region_ms` is under two seconds.
        """
        if language != AUTO:
            self._primary(language)
        shape = self._shape_for(max_region_ms)
        spans = [span for piece in self._pieces(samples, cancelled) for span in piece]
        found = regions(spans, len(samples), shape, lambda span: _quietest(samples, span))
        confidence = 1.0
        if language == AUTO:
            language, confidence = self._vote(samples, found, cancelled)
        return Segmentation(
            tuple(Region(_ms(region.start), _ms(region.end)) for region in found),
            language,
            confidence,
            _ms(len(samples)),
        )

    def transcribe(
        self,
        samples: Samples,
        language: str,
        task: Task,
        cancelled: Callable[[], bool],
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        """Write a region down. Where nobody speaks, the text is empty whatever the engine would make up.

        Args:
            samples: At most `max_region_ms`.
            language: BCP-47 code of what is spoken, or "auto" to detect it from this region.
            task: What to write down.
            cancelled: Asked before the work begins, and by the engine; when true it ends with Cancelled.
            guidance: What the caller expects to hear.

        Returns:
            The hypothesis, its words in milliseconds from the start of the region; none with `text_only`.

        Raises:
            Unsupported: (unsupported_language, unsupported_task) the engine cannot do it.
            InvalidRequest: (invalid_temperature) the temperature is not 0 to 1.
            TooLarge: (region_too_long) the region is longer than `max_region_ms`.
        """
        primary = None if language == AUTO else self._primary(language)
        if task is Task.TRANSLATE and not self.translates_to_english:
            raise Unsupported(f"{self.model.name} does not translate.", code="unsupported_task")
        if not 0 <= guidance.temperature <= 1:
            raise InvalidRequest("temperature is 0 to 1.", code="invalid_temperature")
        if len(samples) > self._shape.longest:
            raise TooLarge(
                f"A region is at most {self.max_region_ms} ms long; cut it with Segment.",
                code="region_too_long",
            )
        audio = _floats(samples)
        if self._engine.speech_spans(audio):
            _check(cancelled)
            best = self._hear(audio, primary, task, cancelled, guidance)
        else:
            best = replace(silence(""), spoken_confidence=0.0)
        if primary is not None:
            best = replace(best, spoken=language, spoken_confidence=1.0)
        return replace(best, language="en" if task is Task.TRANSLATE else best.spoken)

    def _hear(
        self,
        audio: Audio,
        primary: str | None,
        task: Task,
        cancelled: Callable[[], bool],
        guidance: Guidance,
    ) -> Hypothesis:
        if not guidance.hints:
            return self._engine.transcribe(audio, primary, task, cancelled, guidance)
        # Its words tell what was made up from hints.
        guided = self._engine.transcribe(audio, primary, task, cancelled, replace(guidance, text_only=False))
        plain = replace(guidance, hints=(), text_only=False)
        best = sober(
            guided,
            guidance.hints,
            lambda: self._engine.transcribe(audio, guided.spoken or primary, task, cancelled, plain),
        )
        best = replace(best, spoken=guided.spoken, spoken_confidence=guided.spoken_confidence)
        return replace(best, words=()) if guidance.text_only else best

    def _primary(self, language: str) -> str:
        primary = language.partition("-")[0].lower()
        if primary not in self.languages:
            raise Unsupported(
                f"{language or 'An empty code'} is not a language that {self.model.name} recognises. "
                f"Recognised: {', '.join(self.languages)}.",
                code="unsupported_language",
            )
        return primary

    def _shape_for(self, max_region_ms: int) -> Shape:
        if max_region_ms == 0:
            return self._shape
        if max_region_ms < _MIN_REGION_MS:
            raise InvalidRequest(
                f"max_region_ms is 0 or at least {_MIN_REGION_MS}.", code="invalid_max_region"
            )
        asked = max_region_ms * SAMPLE_RATE_HZ // 1000
        return replace(self._shape, longest=min(asked, self._shape.longest))

    def _pieces(self, samples: Samples, cancelled: Callable[[], bool]) -> Iterator[list[Span]]:
        """Yield the speech of each piece; a span that is cut between pieces is joined by its region."""
        for offset in range(0, len(samples), _PIECE):
            _check(cancelled)
            spans = self._engine.speech_spans(_floats(samples[offset : offset + _PIECE]))
            yield [Span(span.start + offset, span.end + offset) for span in spans]

    def _vote(
        self, samples: Samples, found: Sequence[Span], cancelled: Callable[[], bool]
    ) -> tuple[str, float]:
        """Return the language that is likeliest over the first speech of the recording."""
        votes = dict.fromkeys(self.languages, 0.0)
        windows = _windows(samples, found)
        for window in windows:
            _check(cancelled)
            for language, probability in self._engine.language_probabilities(window).items():
                votes[language] += probability / len(windows)
        return max(votes.items(), key=lambda vote: vote[1]) if windows else ("", 0.0)


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The caller went away.")


def _windows(samples: Samples, found: Sequence[Span]) -> list[Audio]:
    """Return up to _VOTES windows of _VOTE samples of speech; a last one only if it is at least half full."""
    heard = [samples[span.start : span.end] for span in found]
    needed = np.cumsum([0, *map(len, heard)]).searchsorted(_VOTE * _VOTES)
    speech = np.concatenate(heard[:needed])[: _VOTE * _VOTES] if heard else samples[:0]
    windows = [speech[start : start + _VOTE] for start in range(0, len(speech), _VOTE)]
    return [_floats(window) for window in windows[:1] + [it for it in windows[1:] if len(it) >= _VOTE // 2]]


def _quietest(samples: Samples, span: Span) -> int:
    """Return the middle of the quietest 0.1 s of a span."""
    frames = _floats(samples[span.start : span.end])
    power = np.square(frames[: len(frames) // _FRAME * _FRAME]).reshape(-1, _FRAME).mean(axis=1)
    calm = np.convolve(power, np.ones(5), mode="valid")
    return span.start + (int(calm.argmin()) * 2 + 5) * _FRAME // 2


def _floats(samples: Samples) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)


def _ms(samples: int) -> int:
    return samples * 1000 // SAMPLE_RATE_HZ
