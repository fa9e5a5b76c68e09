"""The use case of recognition: cut a recording into regions of speech, and write a region down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.asr.engines.base import (
    NO_MODEL,
    SAMPLE_RATE_HZ,
    UNGUIDED,
    AsrEngine,
    Audio,
    Guidance,
    Hypothesis,
    Span,
    Task,
    silence,
)
from services.asr.engines.trade import Ability, Engines
from services.asr.hints import sober
from services.asr.made_up import is_made_up, spoken
from services.asr.segmentation import Shape, regions
from services.asr.sounds.base import Kind, Sound, floats
from services.asr.sounds.listening import FIRM, settled, sounds
from services.asr.voting import vote
from services.shared.engines import Model
from services.shared.errors import Cancelled, InvalidRequest, NotFound, TooLarge, Unsupported
from services.shared.residents import Status

AUTO: Final = "auto"

# Speech is looked for in pieces, so that memory stays flat however long the recording is.
_PIECE: Final = 60 * SAMPLE_RATE_HZ
_MIN_REGION_MS: Final = 2_000
_FRAME: Final = SAMPLE_RATE_HZ // 50

_NOBODY: Final = replace(silence(""), spoken_confidence=0.0)

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of speech, in milliseconds from the start of the recording."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that is no speech: what it is, where, and the keys of DTMF, which its repr leaves out."""

    kind: Kind
    region: Region
    digits: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Where there is speech in a recording, and in which language.

    Attributes:
        regions: In order, not overlapping.
        sounds: In order; they overlap neither one another nor a region.
        language: As asked, or as detected; empty when there is no speech to detect it from.
        language_confidence: 0 to 1; 1 when the language was given.
        duration_ms: Of the recording.
        model: That was listened with.
    """

    regions: tuple[Region, ...]
    language: str
    language_confidence: float
    duration_ms: int
    model: Model = NO_MODEL
    sounds: tuple[Heard, ...] = ()


class AsrCore:
    """Recognition with the engines of one server; every method may be called from several threads at once.

    Samples are mono 16 bit at SAMPLE_RATE_HZ, as they come over the wire.

    Args:
        residents: Recognise.
        shape: What a region may look like.
    """

    def __init__(self, residents: Engines, shape: Shape | None = None) -> None:
        self.residents = residents
        self._shape = shape or Shape()

    @property
    def models(self) -> tuple[Status[Ability], ...]:
        """What there is to recognise with, in order of preference."""
        return self.residents.statuses

    @property
    def max_region_ms(self) -> int:
        """Length of the longest region that `segment` returns and `transcribe` takes."""
        return self._shape.longest * 1000 // SAMPLE_RATE_HZ

    def segment(
        self,
        samples: Samples,
        language: str,
        cancelled: Callable[[], bool],
        max_region_ms: int = 0,
        model: str = "",
    ) -> Segmentation:
        """Find the regions of speech in a recording.

        Args:
            samples: The recording, of any length.
            language: BCP-47 code, or "auto" to detect it from the speech.
            cancelled: Asked now and then; when true the work ends with Cancelled.
            max_region_ms: No region is longer; 0 for `max_region_ms` of the core.
            model: Name of the one to listen with; empty for the first that knows the language.

        Raises:
            NotFound: (unknown_model) there is none of that name.
            Unsupported: (unsupported_language) no model knows the language, or not the one that is named.
            InvalidRequest: (invalid_max_region) `max_region_ms` is under two seconds.
        """
        shape = self._shape_for(max_region_ms)
        with self._engine(model, language, Task.TRANSCRIBE) as engine:
            _primary(engine, language)
            spans = [span for piece in _pieces(engine, samples, cancelled) for span in piece]
            heard = sounds(samples, partial(_check, cancelled))
            taken = [sound.span for sound in heard if sound.kind in FIRM]
            found = regions(spans, len(samples), shape, lambda span: _quietest(samples, span), taken)
            found = spoken(engine, samples, found, heard)
            confidence = 1.0
            if language == AUTO:
                language, confidence = vote(engine, samples, found, cancelled)
            return Segmentation(
                tuple(Region(_ms(region.start), _ms(region.end)) for region in found),
                language,
                confidence,
                _ms(len(samples)),
                engine.model,
                tuple(_told(sound) for sound in settled(heard, found)),
            )

    def transcribe(
        self,
        samples: Samples,
        language: str,
        task: Task,
        cancelled: Callable[[], bool],
        guidance: Guidance = UNGUIDED,
        model: str = "",
    ) -> Hypothesis:
        """Write a region down. Where nobody speaks, the text is empty whatever the engine would make up.

        Args:
            samples: At most `max_region_ms`.
            language: BCP-47 code of what is spoken, or "auto" to detect it from this region.
            task: What to write down.
            cancelled: Asked before the work begins, and by the engine; when true it ends with Cancelled.
            guidance: What the caller expects to hear.
            model: Name of the one to use; empty for the first that can do it.

        Returns:
            The hypothesis, its words in milliseconds from the start of the region; none with `text_only`.

        Raises:
            NotFound: (unknown_model) there is none of that name.
            Unsupported: (unsupported_language, unsupported_task) no model can do it, or not the one that is
                named.
            InvalidRequest: (invalid_temperature) the temperature is not 0 to 1.
            TooLarge: (region_too_long) the region is longer than `max_region_ms`.
        """
        if not 0 <= guidance.temperature <= 1:
            raise InvalidRequest("temperature is 0 to 1.", code="invalid_temperature")
        if len(samples) > self._shape.longest:
            raise TooLarge(
                f"A region is at most {self.max_region_ms} ms long; cut it with Segment.",
                code="region_too_long",
            )
        audio = floats(samples)
        with self._engine(model, language, task) as engine:
            primary = _primary(engine, language)
            if task is Task.TRANSLATE and not engine.translates_to_english:
                raise Unsupported(f"{engine.model.name} does not translate.", code="unsupported_task")
            if engine.speech_spans(audio):
                _check(cancelled)
                best = _hear(engine, audio, primary, (task, guidance), cancelled)
                best = _NOBODY if is_made_up(best, samples) else best
            else:
                best = _NOBODY
            best = replace(best, model=engine.model, words=() if guidance.text_only else best.words)
        if primary is not None:
            best = replace(best, spoken=language, spoken_confidence=1.0)
        return replace(best, language="en" if task is Task.TRANSLATE else best.spoken)

    @contextmanager
    def _engine(self, model: str, language: str, task: Task) -> Iterator[AsrEngine]:
        """Hold the engine of a model, or the first that can do what is asked."""
        with ExitStack() as held:
            yield self._held(held, model, None if language == AUTO else _bare(language), task)

    def _held(self, held: ExitStack, model: str, primary: str | None, task: Task) -> AsrEngine:
        while True:
            status = self._chosen(model, primary, task)
            try:
                return held.enter_context(self.residents.use(status.reference))
            except NotFound:
                # It was exchanged for another one in this moment.
                continue

    def _chosen(self, model: str, primary: str | None, task: Task) -> Status[Ability]:
        named = [each for each in self.models if model in ("", each.model.name)]
        if not named:
            known = ", ".join(each.model.name for each in self.models)
            raise NotFound(f"{model} is none of this server's models: {known}.", code="unknown_model")
        return next((each for each in named if each.description.fits(primary, task)), named[0])

    def _shape_for(self, max_region_ms: int) -> Shape:
        if max_region_ms == 0:
            return self._shape
        if max_region_ms < _MIN_REGION_MS:
            raise InvalidRequest(
                f"max_region_ms is 0 or at least {_MIN_REGION_MS}.", code="invalid_max_region"
            )
        asked = max_region_ms * SAMPLE_RATE_HZ // 1000
        return replace(self._shape, longest=min(asked, self._shape.longest))


def _hear(
    engine: AsrEngine,
    audio: Audio,
    primary: str | None,
    wish: tuple[Task, Guidance],
    cancelled: Callable[[], bool],
) -> Hypothesis:
    task, guidance = wish
    if not guidance.hints:
        return engine.transcribe(audio, primary, task, cancelled, guidance)
    # Its words tell what was made up from hints.
    guided = engine.transcribe(audio, primary, task, cancelled, replace(guidance, text_only=False))
    plain = replace(guidance, hints=(), text_only=False)
    best = sober(
        guided,
        guidance.hints,
        lambda: engine.transcribe(audio, guided.spoken or primary, task, cancelled, plain),
    )
    return replace(best, spoken=guided.spoken, spoken_confidence=guided.spoken_confidence)


def _bare(language: str) -> str:
    return language.partition("-")[0].lower()


def _primary(engine: AsrEngine, language: str) -> str | None:
    """Return the language's primary tag, None for "auto"."""
    if language == AUTO:
        return None
    primary = _bare(language)
    if primary not in engine.languages:
        raise Unsupported(
            f"{language or 'An empty code'} is not a language that {engine.model.name} recognises. "
            f"Recognised: {', '.join(engine.languages)}.",
            code="unsupported_language",
        )
    return primary


def _pieces(engine: AsrEngine, samples: Samples, cancelled: Callable[[], bool]) -> Iterator[list[Span]]:
    """Yield the speech of each piece; a span that is cut between pieces is joined by its region."""
    for offset in range(0, len(samples), _PIECE):
        _check(cancelled)
        spans = engine.speech_spans(floats(samples[offset : offset + _PIECE]))
        yield [Span(span.start + offset, span.end + offset) for span in spans]


def _told(sound: Sound) -> Heard:
    return Heard(sound.kind, Region(_ms(sound.start), _ms(sound.end)), sound.digits)


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The caller went away.")


def _quietest(samples: Samples, span: Span) -> int:
    """Return the middle of the quietest 0.1 s of a span."""
    frames = floats(samples[span.start : span.end])
    power = np.square(frames[: len(frames) // _FRAME * _FRAME]).reshape(-1, _FRAME).mean(axis=1)
    calm = np.convolve(power, np.ones(5), mode="valid")
    return span.start + (int(calm.argmin()) * 2 + 5) * _FRAME // 2


def _ms(samples: int) -> int:
    return samples * 1000 // SAMPLE_RATE_HZ
