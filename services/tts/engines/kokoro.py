"""Kokoro-82M int8 on onnxruntime, with the phonemes, limits and trimming of kokoro-onnx."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from kokoro_onnx.chunker import split_phonemes
from kokoro_onnx.tokenizer import Tokenizer
from kokoro_onnx.trim import trim
from numpy.typing import NDArray
from phonemizer.backend import EspeakBackend

from services.shared.errors import Cancelled
from services.shared.models.catalogue import Catalogue
from services.tts.engines import kokoro_graph
from services.tts.engines.base import Audio, Model, Voice
from services.tts.engines.kokoro_voices import SILENCE_MS, VOICES, espeak_language
from services.tts.settings import TtsSettings

MODEL_NAME: Final = "kokoro-82m-int8"

_FRAME_MS: Final = 25
_STYLE_SHAPE: Final = (510, 1, 256)
# A text is forecast before it is spoken, perhaps at several rates; its phonemes and durations are
# kept meanwhile.
_PLANS_KEPT: Final = 32
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Batch:
    """Phonemes that fit the model.

    Attributes:
        inputs: Model inputs but the speed.
        frames: Predicted frames of each phoneme at speed 1, float32.
    """

    inputs: dict[str, NDArray[Any]]
    frames: NDArray[np.float32]

    def length_ms(self, rate: float) -> int:
        """Length of the model's output, silence at its ends included."""
        return _FRAME_MS * int(np.maximum(np.rint(self.frames / np.float32(rate)), 1).sum())


class KokoroEngine:
    """One model in memory, its voices read at first use.

    Args:
        folder: Holds model.onnx and voices/<name>.bin.
        revision: Of the model.
        threads: That one synthesis uses.
    """

    def __init__(self, folder: Path, revision: str, threads: int) -> None:
        self._model = Model(MODEL_NAME, revision)
        self._folder = folder
        self._speaker, self._predictor = _sessions(folder / "model.onnx", threads)
        self._phonemizer = _Phonemizer()
        self._style = lru_cache(maxsize=None)(self._read_style)
        self._plan = lru_cache(maxsize=_PLANS_KEPT)(self._make_plan)

    @property
    def model(self) -> Model:
        """The model that speaks."""
        return self._model

    @property
    def voices(self) -> tuple[Voice, ...]:
        """All voices of the languages that espeak can phonemise."""
        return VOICES

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:
        """Ask the model's own duration predictor; only the silence that is trimmed is a guess."""
        spoken = (batch.length_ms(rate) - SILENCE_MS[voice] / rate for batch in self._plan(text, voice))
        return sum(max(_FRAME_MS, round(each)) for each in spoken)

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        """Speak; a run that is cancelled ends within a few of the model's thousands of operations."""
        parts = [self._speak(batch, rate, cancelled) for batch in self._plan(text, voice)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _speak(self, batch: _Batch, rate: float, cancelled: Callable[[], bool]) -> Audio:
        inputs = {**batch.inputs, "speed": np.array([rate], np.float32)}
        options = _run_options()
        with _terminating(options, cancelled):
            (audio,) = self._speaker.run(None, inputs, options)
        trimmed, _ = trim(audio.ravel())
        # Some voices peak at 1.13, which would be clipped.
        return np.asarray(trimmed / max(1, np.abs(trimmed).max()), np.float32)

    def _make_plan(self, text: str, voice: str) -> tuple[_Batch, ...]:
        style = self._style(voice)
        plan = []
        for tokens in self._phonemizer.tokens(text, espeak_language(voice)):
            inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64), "style": style[len(tokens) - 1]}
            (frames,) = self._predictor.run(None, inputs, _run_options())
            plan.append(_Batch(inputs, frames.ravel()))
        return tuple(plan)

    def _read_style(self, voice: str) -> NDArray[np.float32]:
        """Read a voice: one style vector per number of phonemes."""
        return np.fromfile(self._folder / "voices" / f"{voice}.bin", np.float32).reshape(_STYLE_SHAPE)


class _Phonemizer:
    """Text to Kokoro's tokens. espeak holds global state, so one text at a time."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer()
        self._backends: dict[str, EspeakBackend] = {}
        self._lock = threading.Lock()

    def tokens(self, text: str, language: str) -> list[list[int]]:
        """Return the tokens of a text in batches that the model takes, none when nothing is speakable."""
        with self._lock:
            lines = self._backend(language).phonemize([" ".join(text.split())])
        known = "".join(filter(self._tokenizer.vocab.__contains__, " ".join(lines)))
        if not any(map(str.isalpha, known)):
            return []
        return [self._tokenizer.tokenize(batch) for batch in split_phonemes(" ".join(known.split()))]

    def _backend(self, language: str) -> EspeakBackend:
        if language not in self._backends:
            # kokoro-onnx keeps espeak's "(en)" marks around foreign words, which are then spoken.
            self._backends[language] = EspeakBackend(
                language,
                preserve_punctuation=True,
                with_stress=True,
                language_switch="remove-flags",
                logger=logging.getLogger("phonemizer"),
            )
        return self._backends[language]


def _run_options() -> onnxruntime.RunOptions:
    options = onnxruntime.RunOptions()
    # Without this a few long texts would leave the arena at several hundred megabytes for good.
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


@contextmanager
def _terminating(options: onnxruntime.RunOptions, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Make a run with these options end soon after `cancelled()` turns true, as Cancelled."""
    ended = threading.Event()

    def watch() -> None:
        while not options.terminate and not ended.wait(_POLL_S):
            options.terminate = cancelled()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if options.terminate:
            raise Cancelled("The caller went away while its text was spoken.") from None
        raise
    finally:
        ended.set()
        watcher.join()


def _sessions(path: Path, threads: int) -> tuple[onnxruntime.InferenceSession, onnxruntime.InferenceSession]:
    """Load the model and its duration predictor."""
    published = path.read_bytes()
    view = memoryview(published)
    speaker = kokoro_graph.with_signed_activations(view) if kokoro_graph.has_vnni() else published
    return _session(speaker, threads), _session(kokoro_graph.duration_predictor(view), threads)


def _session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning would take the cores from the other calls and services.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # Kept for a change of providers, which never comes: 90 MB.
    session._model_bytes = None  # noqa: SLF001 - the package has no public way
    return session


def load(settings: TtsSettings) -> KokoroEngine:
    """Load the model of the catalogue."""
    catalogue = Catalogue(settings.models_dir)
    return KokoroEngine(catalogue.folder(MODEL_NAME), catalogue.revision(MODEL_NAME), settings.tts_threads)
