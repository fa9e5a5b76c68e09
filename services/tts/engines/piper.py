"""Piper voices (VITS) on onnxruntime, with the phonemes of espeak."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.shared.engines import Model
from services.shared.models.places import find
from services.tts.engines import piper_graph
from services.tts.engines.audio import resampled, trimmed
from services.tts.engines.base import Audio, Voice
from services.tts.engines.onnx_session import output, session
from services.tts.engines.phonemes import phonemes
from services.tts.engines.piper_card import Card, unusable
from services.tts.settings import TtsSettings

DEFAULT_VOICE: Final = "piper-en-us-joe-medium"

_BEGIN, _PAD, _END = "^", "_", "$"
# Numbers at each end of a text that stand for no sound.
_SILENT: Final = 2
# Samples of a frame, of every voice that Piper publishes.
_HOP: Final = 256
# No voice has more channels to give noise to.
_NOISE_PER_FRAME: Final = 256
_PLANS_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a text is to the model.

    Attributes:
        numbers: Of its phonemes.
        frames: That each number takes, predicted but not scaled.
    """

    numbers: tuple[int, ...]
    frames: NDArray[np.float32]

    def frames_at(self, length: float) -> NDArray[np.float32]:
        """Return how many frames each number takes when phonemes have this length."""
        return np.asarray(np.ceil(self.frames * np.float32(length)), np.float32)

    def noise(self, frames: int) -> NDArray[np.float32]:
        """Return random numbers for so many frames, always the same for this text."""
        seed = zlib.crc32(np.array(self.numbers, np.int64).tobytes())
        return np.random.default_rng(seed).standard_normal(frames * _NOISE_PER_FRAME, np.float32)


class PiperEngine:
    """One voice in memory, of one or several speakers.

    Args:
        path: The voice's ONNX file; its JSON file lies beside it.
        model: What it is.
        threads: That one synthesis uses.

    Raises:
        Misconfigured: the voice is not of a kind that this engine can use (piper_voice_unusable).
    """

    def __init__(self, path: Path, model: Model, threads: int) -> None:
        self._model = model
        self._card = Card.read(path.with_name(f"{path.name}.json"))
        given = piper_graph.with_given_noise(memoryview(path.read_bytes()))
        try:
            predictor = piper_graph.duration_predictor(memoryview(given))
        except ValueError as error:
            raise unusable(f"{path.name} is not the graph of such a voice") from error
        self._speaker, self._predictor = session(given, threads), session(predictor, threads)
        self._plan = lru_cache(maxsize=_PLANS_KEPT)(self._make_plan)

    @property
    def model(self) -> Model:
        """The model that speaks."""
        return self._model

    @property
    def voices(self) -> tuple[Voice, ...]:
        """One for each speaker."""
        return self._card.voices()

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:
        """Ask the model's own duration predictor; what begins and ends a text is taken to be silent."""
        plan = self._plan(text, voice)
        if plan is None:
            return 0
        frames = plan.frames_at(self._card.length / rate)[_SILENT:-_SILENT]
        return max(1, round(float(frames.sum()) * _HOP * 1000 / self._card.rate_hz))

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        """Speak; a run that is cancelled ends within a few of the model's thousands of operations."""
        plan = self._plan(text, voice)
        if plan is None:
            return np.zeros(0, np.float32)
        length = self._card.length / rate
        inputs = self._inputs(plan.numbers, voice, length, plan.noise(int(plan.frames_at(length).sum())))
        narrow = output(self._speaker, inputs, cancelled)
        return trimmed(np.clip(resampled(narrow, self._card.rate_hz), -1, 1))

    def _make_plan(self, text: str, voice: str) -> _Plan | None:
        numbers = self._numbers(text)
        if not numbers:
            return None
        plan = _Plan(numbers, np.zeros(0, np.float32))
        inputs = self._inputs(numbers, voice, self._card.length, plan.noise(len(numbers)))
        return replace(plan, frames=output(self._predictor, inputs))

    def _numbers(self, text: str) -> tuple[int, ...]:
        """Return the numbers of a text's phonemes, padding around each; none when nothing is speakable."""
        ids = self._card.ids
        # Cards list accents by themselves.
        spoken = unicodedata.normalize("NFD", phonemes(text, self._card.espeak))
        known = [mark for mark in spoken.strip() if mark in ids]
        if not any(map(str.isalpha, known)):
            return ()
        padded = (number for mark in known for number in (*ids[mark], *ids[_PAD]))
        return (*ids[_BEGIN], *ids[_PAD], *padded, *ids[_END])

    def _inputs(
        self, numbers: tuple[int, ...], voice: str, length: float, noise: NDArray[np.float32]
    ) -> dict[str, NDArray[Any]]:
        scales = np.array([self._card.noise[0], length, self._card.noise[1]], np.float32)
        inputs: dict[str, NDArray[Any]] = {
            "input": np.array([numbers], np.int64),
            "input_lengths": np.array([len(numbers)], np.int64),
            "scales": scales,
            piper_graph.NOISE: noise,
        }
        if self._card.speakers:
            inputs["sid"] = np.array([self._card.speakers[voice]], np.int64)
        return inputs


def _voice_file(folder: Path) -> Path:
    found = [path for path in sorted(folder.glob("*.onnx")) if path.with_name(f"{path.name}.json").is_file()]
    if len(found) != 1:
        raise unusable(f"There is not one .onnx file with its .onnx.json beside it in {folder.name}")
    return found[0]


def load(settings: TtsSettings, model: str = "") -> PiperEngine:
    """Load a voice: of the manifest, or of a folder that holds one.

    Raises:
        Misconfigured: unknown_model, model_missing, model_damaged or piper_voice_unusable.
    """
    place = find(settings.models_dir, model or DEFAULT_VOICE)
    return PiperEngine(_voice_file(place.folder), place.model, settings.tts_threads_chosen)
