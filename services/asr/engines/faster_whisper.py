"""Whisper on CTranslate2 through faster-whisper: short regions in short windows, several together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from services.asr.engines.base import (
    SAMPLE_RATE_HZ,
    UNGUIDED,
    Audio,
    Caution,
    Guidance,
    Hypothesis,
    Span,
    Task,
)
from services.asr.engines.whisper_numbers import InWords, doubted
from services.asr.engines.whisper_prompt import expectations
from services.asr.engines.whisper_short import Short, ShortDecoder
from services.asr.engines.whisper_steps import Steps, Whisper
from services.asr.engines.whisper_text import Passage, hypothesis, passage
from services.asr.engines.whisper_window import VERIFIED, WINDOW_S, Features, Trust, Windows, cut, size_of
from services.asr.settings import AsrSettings
from services.shared.batching import Batcher, Limits
from services.shared.engines import Model
from services.shared.errors import Misconfigured
from services.shared.models import places

DEFAULT_MODEL: Final = "whisper-base-int8"
_ENGLISH: Final = "en"
# Codes of Whisper that are not the BCP-47 primary tag: Javanese is jv (RFC 5646, section 2.2.1).
_BCP47: Final = {"jw": "jv"}
_WHISPER: Final = {tag: code for code, tag in _BCP47.items()}

# Pauses of 0.1 s are kept apart: core decides which of them end a region. Silero's own threshold of
# 0.5 misses up to half a second at the start of telephone recordings, where it rates speech 0.4.
_VAD: Final = VadOptions(
    threshold=0.35, min_speech_duration_ms=100, min_silence_duration_ms=100, speech_pad_ms=0
)
_TRUST: Final = Trust()


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the model runs.

    Attributes:
        device: "cpu" or "cuda".
        compute_type: CTranslate2's number format.
        threads: CPU threads of one batch.
        parallel: Batches that run at once; they share the weights.
        batch: Most regions of one.
        delay_ms: How long a batch waits for more while the model is free.
        beam: Beam size.
        window: "short", "whole", or "auto" for short where that was verified.
    """

    device: str = "cpu"
    compute_type: str = "int8"
    threads: int = 1
    parallel: int = 2
    batch: int = 1
    delay_ms: float = 0.0
    beam: int = 5
    window: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class _Alone:
    """Work on one region that goes with no other."""

    work: Callable[[Callable[[], bool]], Any]


class FasterWhisperEngine:
    """A Whisper model in a local folder.

    Whisper encodes 30 s whatever it is given, and most of a call's regions are a few seconds long. In short
    windows this engine encodes a region and some silence instead. A hypothesis that the model is not sure of,
    that goes in circles, or that does not end with its region is then dropped, and its region decoded again
    as the library does by itself: whole window, rising temperatures.

    Everything that the model does goes through one Batcher: the most urgent call first.

    Args:
        folder: Holds model.bin, config.json, tokenizer.json and vocabulary.
        model: Name and revision of the weights.
        decoding: How to run them.

    Raises:
        Misconfigured: this machine cannot run it so (unsupported_device, unsupported_compute_type).
    """

    def __init__(self, folder: Path, model: Model, decoding: Decoding) -> None:
        # The library logs what it heard.
        logging.getLogger("faster_whisper").setLevel(logging.CRITICAL)
        _check(decoding)
        self._model = model
        self._decoding = decoding
        self._whisper = Whisper(
            str(folder),
            device=decoding.device,
            compute_type=decoding.compute_type,
            cpu_threads=decoding.threads,
            num_workers=decoding.parallel,
            local_files_only=True,
        )
        self._steps = self._whisper.model = Steps(self._whisper.model)
        self._languages = self._known()
        self._windows = Windows() if self._is_short() else Windows((WINDOW_S,))
        # The library's defaults for everything that is not said here.
        _, about = self._whisper.transcribe(
            np.zeros(SAMPLE_RATE_HZ, np.float32), language=_ENGLISH, **self._overrides()
        )
        self._short = ShortDecoder(self._whisper, replace(about.transcription_options, temperatures=[0.0]))
        self._in_words = InWords(self._whisper, about.transcription_options)
        limits = Limits(decoding.batch, decoding.delay_ms, decoding.parallel)
        self._batcher: Batcher[Short | _Alone, Any] = Batcher(self._run, limits, _bucket, "asr")

    def _known(self) -> tuple[str, ...]:
        # The library's list is that of the largest models; smaller ones lack the last languages.
        token = self._whisper.hf_tokenizer.token_to_id
        codes = (code for code in self._whisper.supported_languages if token(f"<|{code}|>") is not None)
        known = tuple(sorted(_BCP47.get(code, code) for code in codes))
        return known if self._whisper.model.is_multilingual else (_ENGLISH,)

    def _is_short(self) -> bool:
        if self._decoding.window != "auto":
            return self._decoding.window == "short"
        width = self._whisper.encode(self._cut(np.zeros(SAMPLE_RATE_HZ, np.float32), 1)[np.newaxis]).shape[-1]
        return size_of(width, multilingual=self.translates_to_english) in VERIFIED

    @property
    def model(self) -> Model:
        """The weights in the folder."""
        return self._model

    @property
    def languages(self) -> tuple[str, ...]:
        """What the tokenizer has a token for."""
        return self._languages

    @property
    def translates_to_english(self) -> bool:
        """Multilingual models do."""
        return bool(self._whisper.model.is_multilingual)

    def close(self) -> None:
        """End the threads of the batches, and free the weights."""
        self._batcher.close()
        self._whisper.model.unload_model()

    def speech_spans(self, audio: Audio) -> list[Span]:
        """Find speech with the Silero model that the library ships, which runs on one thread."""
        return [Span(found["start"], found["end"]) for found in get_speech_timestamps(audio, _VAD)]

    def language_probabilities(
        self, audio: Audio, cancelled: Callable[[], bool] = lambda: False
    ) -> Mapping[str, float]:
        """Encode one window and read the language token's distribution."""
        if not self._whisper.model.is_multilingual:
            return {_ENGLISH: 1.0}
        window = self._cut(audio, self._windows.of(len(audio) / SAMPLE_RATE_HZ))
        votes: Mapping[str, float] = self._batcher.submit(
            _Alone(lambda _cancelled: self._languages_of(self._whisper.encode(window[np.newaxis]))), cancelled
        )
        return votes

    def _languages_of(self, encoded: Any) -> Mapping[str, float]:
        tokens = self._whisper.model.detect_language(encoded)[0]
        codes = ((token.strip("<|>"), probability) for token, probability in tokens)
        return {_BCP47.get(code, code): probability for code, probability in codes}

    def transcribe(
        self,
        audio: Audio,
        language: str | None,
        task: Task,
        cancelled: Callable[[], bool] = lambda: False,
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        """Decode in a short window if that may do, and in the whole one if that went wrong."""
        if language is None and not self._whisper.model.is_multilingual:
            language = self._languages[0]
        region = _Region(audio, task, guidance, self._expected(guidance))
        if language is None or region.is_checked:
            # What was encoded to find the language is what is decoded then, and what numbers are heard from
            # once more, so nobody else can share it.
            decoded = self._batcher.submit(_Alone(partial(self._decode_alone, region, language)), cancelled)
        else:
            decoded = _Decoded(language, 1.0, self._decode(region, language, cancelled))
        written = _ENGLISH if task is Task.TRANSLATE else decoded.spoken
        heard = hypothesis(decoded.passages, region.duration_s, written)
        cautions = (Caution.UNCERTAIN_NUMBER,) if decoded.contradicted else ()
        return replace(
            heard,
            spoken=decoded.spoken,
            spoken_confidence=decoded.confidence,
            warnings=(*heard.warnings, *cautions),
        )

    def _decode_alone(self, region: _Region, language: str | None, cancelled: Callable[[], bool]) -> _Decoded:
        window = self._cut(region.audio, self._length_s(region))
        with self._steps.until(cancelled) as call:
            confidence = 1.0
            if language is None:
                # Not as the library detects, which ends a short region with what is no silence to the model.
                encoded = self._whisper.encode(window[np.newaxis])
                language, confidence = max(self._languages_of(encoded).items(), key=lambda vote: vote[1])
                call.encoded = encoded
            passages = self._decode_window(region, window, language)
            if passages is None:
                call.first = None
                passages = self._decode_whole(region, language)
            contradicted = (
                region.is_checked
                and doubted(passages, language)
                and self._in_words.contradict(
                    passages, call.first, _WHISPER.get(language, language), language
                )
            )
            return _Decoded(language, confidence, passages, contradicted)

    def _decode_window(self, region: _Region, window: Features, language: str) -> Sequence[Passage] | None:
        """Decode in a short window; None where that is not trusted, or the window is the whole one."""
        if self._length_s(region) == WINDOW_S:
            return None
        (passages,) = self._short.decode([self._short_of(region, window, language)])
        return passages if _TRUST.in_(passages, region.duration_s) else None

    def _decode(self, region: _Region, language: str, cancelled: Callable[[], bool]) -> Sequence[Passage]:
        length_s = self._length_s(region)
        if length_s < WINDOW_S:
            window = self._cut(region.audio, length_s)
            passages: Sequence[Passage] = self._batcher.submit(
                self._short_of(region, window, language), cancelled
            )
            if _TRUST.in_(passages, region.duration_s):
                return passages
        whole: Sequence[Passage] = self._batcher.submit(
            _Alone(partial(self._whole, region, language)), cancelled
        )
        return whole

    def _whole(self, region: _Region, language: str, cancelled: Callable[[], bool]) -> list[Passage]:
        with self._steps.until(cancelled):
            return self._decode_whole(region, language)

    def _decode_whole(self, region: _Region, language: str) -> list[Passage]:
        segments, _ = self._whisper.transcribe(
            region.audio,
            language=_WHISPER.get(language, language),
            task=region.task.value,
            **{**self._overrides(), **region.options},
        )
        return [passage(asdict(found)) for found in segments]

    def _run(self, items: Sequence[Short | _Alone], cancelled: Callable[[], bool]) -> Sequence[Any]:
        first = items[0]
        if isinstance(first, _Alone):
            return [first.work(cancelled)]
        with self._steps.until(cancelled):
            return self._short.decode([item for item in items if isinstance(item, Short)])

    def _length_s(self, region: _Region) -> int:
        # In a short window the model often forgets to translate and writes down what it hears.
        short = region.task is Task.TRANSCRIBE and not region.guidance.temperature
        return self._windows.of(region.duration_s) if short else WINDOW_S

    def _short_of(self, region: _Region, window: Features, language: str) -> Short:
        return Short(window, region.duration_s, _WHISPER.get(language, language), region.expected)

    def _cut(self, audio: Audio, length_s: int) -> Features:
        return cut(self._whisper.feature_extractor, audio, length_s)

    def _expected(self, guidance: Guidance) -> Mapping[str, Any]:
        def encode(text: str) -> list[int]:
            tokens: list[int] = self._whisper.hf_tokenizer.encode(text, add_special_tokens=False).ids
            return tokens

        return {**expectations(guidance, encode, self._whisper.hf_tokenizer.decode)}

    def _overrides(self) -> dict[str, Any]:
        # Conditioning on earlier text makes Whisper repeat itself across pauses.
        return {
            "beam_size": self._decoding.beam,
            "condition_on_previous_text": False,
            "word_timestamps": True,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """What is to be recognised, and what its caller wants of it."""

    audio: Audio
    task: Task
    guidance: Guidance
    expected: Mapping[str, Any]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ

    @property
    def is_checked(self) -> bool:
        """Whether its numbers are; those of a translation are not what was heard."""
        return self.guidance.check_numbers and self.task is Task.TRANSCRIBE

    @property
    def options(self) -> Mapping[str, Any]:
        """The library's options for the whole window, which alone can do without words."""
        sampling = {"temperature": self.guidance.temperature} if self.guidance.temperature else {}
        words = self.is_checked or not self.guidance.text_only
        return {**self.expected, **sampling, "word_timestamps": words}


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What was decoded of a region, in which language, and whether its numbers are other ones in words."""

    spoken: str
    confidence: float
    passages: Sequence[Passage]
    contradicted: bool = False


def load(settings: AsrSettings, model: str = "") -> FasterWhisperEngine:
    """Load a model of any size: of the catalogue, of a local folder, or pulled from a hub.

    Raises:
        Misconfigured: it is missing or damaged, or this machine cannot run it as the settings say.
    """
    place = places.find(settings.models_dir, model or DEFAULT_MODEL)
    sizing = settings.asr_sizing
    decoding = Decoding(
        device=settings.asr_device,
        compute_type=settings.asr_compute_type,
        threads=sizing.threads,
        parallel=sizing.slots,
        batch=sizing.batch,
        delay_ms=settings.asr_batch_delay_ms,
        beam=settings.asr_beam,
        window=settings.asr_window,
    )
    return FasterWhisperEngine(place.folder, place.model, decoding)


def _check(decoding: Decoding) -> None:
    if decoding.device == "cuda" and not ctranslate2.get_cuda_device_count():
        raise Misconfigured(
            "DRAGOMAN_ASR_DEVICE is cuda, and there is no CUDA device here; set it to cpu.",
            code="unsupported_device",
        )
    # The two names that let CTranslate2 choose.
    known = {"default", "auto", *ctranslate2.get_supported_compute_types(decoding.device)}
    if decoding.compute_type not in known:
        raise Misconfigured(
            f"DRAGOMAN_ASR_COMPUTE_TYPE: this {decoding.device} takes {', '.join(sorted(known))}.",
            code="unsupported_compute_type",
        )


def _bucket(item: Short | _Alone) -> Hashable:
    return item.bucket if isinstance(item, Short) else item
