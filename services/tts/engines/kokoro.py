"""Kokoro-82M int8 on onnxruntime, with the phonemes, limits and trimming of kokoro-onnx."""

from __future__ import annotations

from collections.abc import Callable
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

from services.shared.engines import Model
from services.shared.models.catalogue import Catalogue
from services.tts.engines import kokoro_graph, kokoro_text
from services.tts.engines.base import Audio, Voice
from services.tts.engines.kokoro_voices import SILENCE_MS, readable, reading_language
from services.tts.engines.onnx_session import output, session
from services.tts.settings import TtsSettings

MODEL_NAME: Final = "kokoro-82m-int8"

_FRAME_MS: Final = 25
_STYLE_SHAPE: Final = (510, 1, 256)
# A text is forecast before it is spoken, perhaps at several rates; its phonemes and durations are
# kept meanwhile.
_PLANS_KEPT: Final = 32


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
        model: What it is.
        threads: That one synthesis uses.
    """

    def __init__(self, folder: Path, model: Model, threads: int) -> None:
        self._model = model
        self._folder = folder
        self._voices = readable()
        for language in {reading_language(voice.name) for voice in self._voices}:
            kokoro_text.prepare(language)
        self._speaker, self._predictor = _sessions(folder / "model.onnx", threads)
        self._tokenizer = Tokenizer()
        self._style = lru_cache(maxsize=None)(self._read_style)
        self._plan = lru_cache(maxsize=_PLANS_KEPT)(self._make_plan)

    @property
    def model(self) -> Model:
        """The model that speaks."""
        return self._model

    @property
    def voices(self) -> tuple[Voice, ...]:
        """All voices of the languages that can be read here."""
        return self._voices

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
        trimmed, _ = trim(output(self._speaker, inputs, cancelled))
        # Some voices peak at 1.13, which would be clipped.
        return np.asarray(trimmed / max(1, np.abs(trimmed).max()), np.float32)

    def _make_plan(self, text: str, voice: str) -> tuple[_Batch, ...]:
        style = self._style(voice)
        plan = []
        for tokens in self._tokens(text, reading_language(voice)):
            inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64), "style": style[len(tokens) - 1]}
            plan.append(_Batch(inputs, output(self._predictor, inputs)))
        return tuple(plan)

    def _tokens(self, text: str, language: str) -> list[list[int]]:
        """Return the tokens of a text in batches that the model takes, none when nothing is speakable."""
        known = "".join(filter(self._tokenizer.vocab.__contains__, kokoro_text.read(text, language)))
        if not any(map(str.isalpha, known)):
            return []
        return [self._tokenizer.tokenize(batch) for batch in split_phonemes(" ".join(known.split()))]

    def _read_style(self, voice: str) -> NDArray[np.float32]:
        """Read a voice: one style vector per number of phonemes."""
        return np.fromfile(self._folder / "voices" / f"{voice}.bin", np.float32).reshape(_STYLE_SHAPE)


def _sessions(path: Path, threads: int) -> tuple[onnxruntime.InferenceSession, onnxruntime.InferenceSession]:
    """Load the model and its duration predictor."""
    published = path.read_bytes()
    view = memoryview(published)
    speaker = kokoro_graph.with_signed_activations(view) if kokoro_graph.has_vnni() else published
    return session(speaker, threads), session(kokoro_graph.duration_predictor(view), threads)


def load(settings: TtsSettings, _model: str = "") -> KokoroEngine:
    """Load the model of the catalogue."""
    catalogue = Catalogue(settings.models_dir)
    return KokoroEngine(
        catalogue.folder(MODEL_NAME), catalogue.model(MODEL_NAME), settings.tts_threads_chosen
    )
