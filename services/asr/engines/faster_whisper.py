"""Whisper on CTranslate2 through faster-whisper; on request in short windows, which cost half as much."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from services.asr.engines.base import (
    SAMPLE_RATE_HZ,
    UNGUIDED,
    Audio,
    Caution,
    Guidance,
    Hypothesis,
    Model,
    Span,
    Task,
    Word,
    silence,
)
from services.asr.engines.whisper_prompt import expectations
from services.asr.settings import AsrSettings
from services.shared.errors import Cancelled
from services.shared.models.catalogue import Catalogue

# Codes of Whisper that are not the BCP-47 primary tag: Javanese is jv (RFC 5646, section 2.2.1).
_BCP47: Final = {"jw": "jv"}
_WHISPER: Final = {tag: code for code, tag in _BCP47.items()}

# Pauses of 0.1 s are kept apart: core decides which of them end a region. Silero's own threshold of
# 0.5 misses up to half a second at the start of telephone recordings, where it rates speech 0.4.
_VAD: Final = VadOptions(
    threshold=0.35, min_speech_duration_ms=100, min_silence_duration_ms=100, speech_pad_ms=0
)

# Whisper's own tests for a failed decoding (Radford et al. 2022, section 4.5).
_MAX_COMPRESSION_RATIO: Final = 2.4
_MIN_LOG_PROBABILITY: Final = -1.0
# Short windows are trusted only where the model is sure of them (README.md, Short windows).
_SURE: Final = 0.6
_SURE_OF_A_WORD: Final = 0.25
# A timestamp this far behind the audio means that the model made up speech in the silence after it;
# one this far before the end means that it stopped early.
_OVERRUN_S: Final = 1.0
_UNREAD_S: Final = 2.0

_FRAMES_PER_S: Final = 100
_FEATURE_RANGE: Final = 2.0
_WINDOW_S: Final = 30
# Below this, Whisper hears too little context even with silence around it (README.md, Short windows).
_MIN_WINDOW_S: Final = 12


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the model runs.

    Attributes:
        device: "cpu" or "cuda".
        compute_type: CTranslate2's number format.
        threads: CPU threads of one decoding.
        parallel: Decodings that run at once; they share the weights.
        beam: Beam size.
        margin_s: Silence encoded after a region, 1 to 30; 30 encodes Whisper's whole window.
    """

    device: str = "cpu"
    compute_type: str = "int8"
    threads: int = 1
    parallel: int = 2
    beam: int = 5
    margin_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Passage:
    """A stretch of decoded text as both ways of decoding give it; times in seconds."""

    text: str
    end_s: float
    log_probability: float
    tokens: int
    words: Sequence[Mapping[str, Any]]
    no_speech: float = 0.0


@dataclass(slots=True)
class _Call:
    """What the steps for one region have in common.

    Attributes:
        cancelled: Says whether to stop.
        encoded: The first window, where it was needed before the library asks for it.
    """

    cancelled: Callable[[], bool]
    encoded: Any = None


class _Steps:
    """The model of the library, looking whether the thread's caller has gone before each of its steps.

    Nothing interrupts a step. The library takes several for a region: it encodes, decodes up to six
    times at rising temperatures when it is not satisfied, aligns, and does it again for a next window.

    Args:
        model: What the library calls.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._call: ContextVar[_Call | None] = ContextVar("call", default=None)

    @contextmanager
    def until(self, cancelled: Callable[[], bool]) -> Iterator[_Call]:
        """Ask `cancelled` before each step of this thread inside the block."""
        call = _Call(cancelled)
        token = self._call.set(call)
        try:
            yield call
        finally:
            self._call.reset(token)

    def encode(self, *arguments: Any, **named: Any) -> Any:
        call = self._call.get()
        if call is not None and call.encoded is not None:
            encoded, call.encoded = call.encoded, None
            return encoded
        return self._step(self._model.encode, *arguments, **named)

    def generate(self, *arguments: Any, **named: Any) -> Any:
        return self._step(self._model.generate, *arguments, **named)

    def align(self, *arguments: Any, **named: Any) -> Any:
        return self._step(self._model.align, *arguments, **named)

    def _step(self, step: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        call = self._call.get()
        if call is not None and call.cancelled():
            raise Cancelled("The caller went away while its region was recognised.")
        return step(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class FasterWhisperEngine:
    """A Whisper model in a local folder.

    Whisper encodes 30 s whatever it is given, and most of a call's regions are a few seconds long. With a
    margin under 30 s this engine encodes a region and that much silence instead. A hypothesis that the
    model is not sure of, that goes in circles, or that does not end with its region is then dropped, and
    its region decoded again as the library does by itself: whole window, rising temperatures.

    Args:
        folder: Holds model.bin, config.json, tokenizer.json and vocabulary.
        model: Name and revision of the weights.
        decoding: How to run them.
    """

    def __init__(self, folder: Path, model: Model, decoding: Decoding) -> None:
        # The library logs what it heard.
        logging.getLogger("faster_whisper").setLevel(logging.CRITICAL)
        self._model = model
        self._decoding = decoding
        self._whisper = WhisperModel(
            str(folder),
            device=decoding.device,
            compute_type=decoding.compute_type,
            cpu_threads=decoding.threads,
            num_workers=decoding.parallel,
            local_files_only=True,
        )
        self._steps = self._whisper.model = _Steps(self._whisper.model)
        # The library's list is that of the largest models; smaller ones lack the last languages.
        token = self._whisper.hf_tokenizer.token_to_id
        codes = (code for code in self._whisper.supported_languages if token(f"<|{code}|>") is not None)
        self._languages = tuple(sorted(_BCP47.get(code, code) for code in codes))
        # The library's defaults for everything that is not said here.
        _, about = self._whisper.transcribe(
            np.zeros(SAMPLE_RATE_HZ, np.float32), language="en", **self._overrides()
        )
        self._options = replace(about.transcription_options, temperatures=[0.0])

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

    def speech_spans(self, audio: Audio) -> list[Span]:
        """Find speech with the Silero model that the library ships, which runs on one thread."""
        return [Span(found["start"], found["end"]) for found in get_speech_timestamps(audio, _VAD)]

    def language_probabilities(self, audio: Audio) -> Mapping[str, float]:
        """Encode one window and read the language token's distribution."""
        return self._languages_of(self._whisper.encode(self._window(audio, self._decoding.margin_s)))

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
        """Decode in a short window if that is wanted, and in the whole one if that went wrong."""
        # In a short window the model often forgets to translate and writes down what it hears.
        short = self._decoding.margin_s < _WINDOW_S and task is Task.TRANSCRIBE and not guidance.temperature
        with self._steps.until(cancelled) as call:
            spoken, confidence = (language, 1.0) if language else self._detect(audio, call, short=short)
            passages = self._decode(audio, spoken, task, guidance, short=short)
        written = "en" if task is Task.TRANSLATE else spoken
        heard = _hypothesis(passages, len(audio) / SAMPLE_RATE_HZ, written)
        return replace(heard, spoken=spoken, spoken_confidence=confidence)

    def _detect(self, audio: Audio, call: _Call, *, short: bool) -> tuple[str, float]:
        """Return the likeliest language; what was encoded to find it is what is decoded then."""
        if not self._whisper.model.is_multilingual:
            return self._languages[0], 1.0
        margin_s = self._decoding.margin_s if short else _WINDOW_S
        # Not as the library does it, which ends a short region with what is no silence to the model.
        encoded = self._whisper.encode(self._window(audio, margin_s))
        likeliest = max(self._languages_of(encoded).items(), key=lambda vote: vote[1])
        call.encoded = encoded
        return likeliest

    def _decode(
        self, audio: Audio, language: str, task: Task, guidance: Guidance, *, short: bool
    ) -> Sequence[_Passage]:
        code, duration_s = _WHISPER.get(language, language), len(audio) / SAMPLE_RATE_HZ
        expected = dict(expectations(guidance, self._encode, self._whisper.hf_tokenizer.decode))
        passages = self._decode_short(audio, code, expected) if short else []
        if not _is_sound(passages, duration_s):
            if guidance.temperature:
                expected["temperature"] = guidance.temperature
            # Only the whole window can do without: words tell whether to trust a short one.
            expected["word_timestamps"] = not guidance.text_only
            passages = self._decode_whole(audio, code, task, expected)
        return passages

    def _encode(self, text: str) -> list[int]:
        tokens: list[int] = self._whisper.hf_tokenizer.encode(text, add_special_tokens=False).ids
        return tokens

    def _decode_short(self, audio: Audio, code: str, expected: Mapping[str, Any]) -> list[_Passage]:
        tokenizer = Tokenizer(
            self._whisper.hf_tokenizer,
            self._whisper.model.is_multilingual,
            task=Task.TRANSCRIBE.value,
            language=code,
        )
        # The pipeline keeps state between calls, so each call has its own.
        pipeline = BatchedInferencePipeline(self._whisper)
        chunk = {"offset": 0.0, "duration": len(audio) / SAMPLE_RATE_HZ}
        options = replace(self._options, **expected)
        (decoded,) = pipeline.forward(
            self._window(audio, self._decoding.margin_s), tokenizer, [chunk], options
        )
        return [_passage(found) for found in decoded]

    def _decode_whole(
        self, audio: Audio, code: str, task: Task, expected: Mapping[str, Any]
    ) -> list[_Passage]:
        segments, _ = self._whisper.transcribe(
            audio, language=code, task=task.value, **{**self._overrides(), **expected}
        )
        return [_passage(asdict(found)) for found in segments]

    def _overrides(self) -> dict[str, Any]:
        # Conditioning on earlier text makes Whisper repeat itself across pauses.
        return {
            "beam_size": self._decoding.beam,
            "condition_on_previous_text": False,
            "word_timestamps": True,
        }

    def _window(self, audio: Audio, margin_s: float) -> NDArray[np.float32]:
        """Return log-mel features (1, mels, frames) of the audio and silence after it."""
        features = self._whisper.feature_extractor(audio)[:, :-1]
        heard_s = math.ceil(features.shape[1] / _FRAMES_PER_S + margin_s)
        frames = min(max(heard_s, _MIN_WINDOW_S), _WINDOW_S) * _FRAMES_PER_S
        features = features[:, :frames]
        # What digital silence would be: Whisper's features end 8 decades of power below their peak.
        silent = float(features.max()) - _FEATURE_RANGE
        padding = ((0, 0), (0, frames - features.shape[1]))
        return np.pad(features, padding, constant_values=silent)[np.newaxis]


def load(settings: AsrSettings) -> FasterWhisperEngine:
    """Load the engine that the settings ask for.

    Raises:
        Misconfigured: the model is not in the catalogue, missing or damaged.
    """
    catalogue, name = Catalogue(settings.models_dir), settings.asr_model
    decoding = Decoding(
        device=settings.asr_device,
        compute_type=settings.asr_compute_type,
        threads=settings.asr_threads,
        parallel=settings.asr_slots,
        beam=settings.asr_beam,
        margin_s=settings.asr_margin_s,
    )
    return FasterWhisperEngine(catalogue.folder(name), Model(name, catalogue.revision(name)), decoding)


def _passage(found: Mapping[str, Any]) -> _Passage:
    return _Passage(
        found["text"],
        found["end"],
        found["avg_logprob"],
        len(found["tokens"]),
        found["words"] or (),
        found["no_speech_prob"],
    )


def _is_sound(passages: Sequence[_Passage], duration_s: float) -> bool:
    text = _joined(passages)
    if not text:
        return False
    end_s = max(passage.end_s for passage in passages)
    weakest = min((word["probability"] for passage in passages for word in passage.words), default=1.0)
    return (
        get_compression_ratio(text) <= _MAX_COMPRESSION_RATIO
        and math.exp(_log_probability(passages)) >= _SURE
        and weakest >= _SURE_OF_A_WORD
        and duration_s - _UNREAD_S <= end_s <= duration_s + _OVERRUN_S
    )


def _joined(passages: Sequence[_Passage]) -> str:
    return "".join(passage.text for passage in passages).strip()


def _log_probability(passages: Sequence[_Passage]) -> float:
    tokens = sum(passage.tokens for passage in passages)
    return sum(passage.log_probability * passage.tokens for passage in passages) / max(tokens, 1)


def _hypothesis(passages: Sequence[_Passage], duration_s: float, language: str) -> Hypothesis:
    text = _joined(passages)
    if not text:
        return silence(language)
    log_probability = _log_probability(passages)
    cautions = {
        Caution.LOW_CONFIDENCE: log_probability < _MIN_LOG_PROBABILITY,
        Caution.REPETITION: get_compression_ratio(text) > _MAX_COMPRESSION_RATIO,
    }
    return Hypothesis(
        text=text,
        language=language,
        confidence=min(math.exp(log_probability), 1.0),
        words=_words(passages, round(duration_s * 1000)),
        warnings=tuple(caution for caution, holds in cautions.items() if holds),
        log_probability=min(log_probability, 0.0),
        no_speech=min(passage.no_speech for passage in passages),
    )


def _words(passages: Sequence[_Passage], duration_ms: int) -> tuple[Word, ...]:
    """Return the words with times that never run backwards or out of the region."""
    words: list[Word] = []
    for found in (word for passage in passages for word in passage.words):
        earliest_ms = words[-1].end_ms if words else 0
        start_ms = min(max(round(found["start"] * 1000), earliest_ms), duration_ms)
        end_ms = min(max(round(found["end"] * 1000), start_ms), duration_ms)
        words.append(Word(found["word"].strip(), start_ms, end_ms, float(found["probability"])))
    return tuple(words)
