"""coqui-tts on PyTorch: a VITS or an XTTS-v2 from a folder, on the CPU or by CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch

from services.shared import telemetry
from services.shared.engines import Model
from services.shared.errors import Cancelled, Misconfigured
from services.shared.models.places import find
from services.tts.cloning import ClonedVoice, read_voices
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, Voice
from services.tts.engines.coqui_forecast import Forecast
from services.tts.engines.coqui_library import SPEAKING, device, read_config, unusable
from services.tts.engines.coqui_vits import VitsSpeech
from services.tts.engines.coqui_voices import Speaker
from services.tts.engines.coqui_xtts import XttsSpeech
from services.tts.settings import TtsSettings
from services.tts.splitting import Piece, split

_KINDS: Final = ("vits", "xtts")


class Speech(Protocol):
    """One of the library's models."""

    def speakers(self, only: str) -> tuple[Speaker, ...]:
        """Return who speaks; one that has no name is called `only`."""
        ...

    def most_characters(self, speaker: Speaker) -> int:
        """Return how long a text may be."""
        ...

    def length_ms(self, text: str, speaker: Speaker, rate: float) -> float:
        """Predict the length of `speak`; 0 when there is nothing to speak."""
        ...

    def speak(self, text: str, speaker: Speaker, rate: float, cancelled: Callable[[], bool]) -> Audio:
        """Speak at SAMPLE_RATE_HZ, without silence at the ends."""
        ...


class CoquiEngine:
    """One model in memory; it speaks one piece of text at a time, whoever asks.

    Args:
        model: What it is.
        speech: The model itself.
    """

    def __init__(self, model: Model, speech: Speech) -> None:
        self._model = model
        self._speech = speech
        self._speakers: dict[str, Speaker] = {}
        for each in speech.speakers(Path(model.name).name):
            # The model's own come first: a cloned voice takes no name of theirs.
            self._speakers.setdefault(each.voice.name, each)
        self._forecast = Forecast()

    @property
    def model(self) -> Model:
        """The model that speaks."""
        return self._model

    @property
    def voices(self) -> tuple[Voice, ...]:
        """The model's speakers in its languages, and the cloned ones that it can be."""
        return tuple(each.voice for each in self._speakers.values())

    def estimate_ms(self, text: str, voice: str, rate: float) -> int:
        """Ask what the model predicts, corrected by what was heard of this voice before."""
        total_ms = 0.0
        for piece in self._pieces(text, voice):
            with SPEAKING:
                predicted_ms = self._speech.length_ms(piece.text, self._speakers[voice], rate)
                total_ms += self._forecast.corrected(voice, predicted_ms) + piece.pause_ms / rate
        return round(total_ms)

    def synthesize(
        self, text: str, voice: str, rate: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Audio:
        """Speak, piece by piece."""
        parts = [np.zeros(0, np.float32)]
        for piece in self._pieces(text, voice):
            if cancelled():
                raise Cancelled("The caller went away while its text was spoken.")
            pause = np.zeros(round(piece.pause_ms * SAMPLE_RATE_HZ / 1000 / rate), np.float32)
            parts += (self._speak(piece.text, voice, rate, cancelled), pause)
        return np.concatenate(parts)

    def _pieces(self, text: str, voice: str) -> Iterator[Piece]:
        yield from split(text, self._speech.most_characters(self._speakers[voice]))

    def _speak(self, text: str, voice: str, rate: float, cancelled: Callable[[], bool]) -> Audio:
        speaker = self._speakers[voice]
        with SPEAKING:
            audio = self._speech.speak(text, speaker, rate, cancelled)
            predicted_ms = self._speech.length_ms(text, speaker, rate)
            self._forecast.learn(voice, predicted_ms, audio.size * 1000 / SAMPLE_RATE_HZ)
        return audio


def load(settings: TtsSettings, model: str = "") -> CoquiEngine:
    """Load a model.

    Raises:
        Misconfigured: no_model, device_missing, model_missing, model_damaged, model_unusable,
            languages_unknown, no_voice or voices_dir_missing.
    """
    if not model:
        raise Misconfigured(
            "coqui-tts has no model of its own: write coqui:owner/name of a pulled one, or coqui:/a/folder.",
            code="no_model",
        )
    place, where = find(settings.models_dir, model), device(settings.tts_device)
    config = read_config(place.folder)
    # Only one synthesis runs at a time, so it has the threads of all.
    torch.set_num_threads(settings.tts_threads_chosen * settings.tts_slots_chosen)
    speech: Speech
    match kind := str(config.get("model", "")).lower():
        case "vits":
            speech = VitsSpeech(place.folder, config, where)
        case "xtts":
            speech = XttsSpeech(place.folder, config, where, _cloned(settings.tts_voices_dir))
        case _:
            raise unusable(
                place.folder, f"it is a {kind or 'nameless'} model, not one of {', '.join(_KINDS)}"
            )
    return CoquiEngine(place.model, speech)


def _cloned(folder: Path | None) -> tuple[ClonedVoice, ...]:
    voices, refused = read_voices(folder)
    for name, error in refused.items():
        telemetry.logger().warning("voice refused", folder=name, code=error.code, detail=error.detail)
    return voices
