"""VITS of coqui-tts: every token's length is predicted first, at a small part of the cost, then kept to."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import torch

from services.shared.errors import Misconfigured
from services.tts.engines.base import Audio
from services.tts.engines.coqui_library import checkpoint, finished, loading, repeatable
from services.tts.engines.coqui_voices import Speaker, speakers

# A text is forecast before it is spoken, perhaps at several rates; its tokens' lengths are kept meanwhile.
_PLANS_KEPT: Final = 32
_MOST_CHARACTERS: Final = 250


class _Predicted(Exception):
    """Ends a synthesis that was begun for its first part alone."""

    def __init__(self, log_lengths: torch.Tensor) -> None:
        self.log_lengths = log_lengths


class VitsSpeech:
    """A VITS in memory.

    Args:
        folder: Holds config.json, the weights, and perhaps speakers.pth and language_ids.json.
        config: Read by coqui_library.read_config.
        device: Where it runs.

    Raises:
        Misconfigured: model_missing, model_unusable or languages_unknown.
    """

    def __init__(self, folder: Path, config: dict[str, Any], device: torch.device) -> None:
        _require_languages(folder, config)
        with loading(folder):
            self._model = _load(folder, config).to(device)
        args = self._model.args
        widened = args.encoder_sample_rate and args.interpolate_z
        factor = self._model.interpolate_factor if widened else 1.0
        self._rate_hz: int = self._model.config.audio.sample_rate
        self._frame_ms: float = float(np.prod(args.upsample_rates_decoder)) * factor * 1000 / self._rate_hz
        self._frames = lru_cache(maxsize=_PLANS_KEPT)(self._predict)

    def speakers(self, only: str) -> tuple[Speaker, ...]:
        """Return its speakers; one that has no name is called `only`."""
        manager = self._model.speaker_manager
        names = [] if manager is None else manager.speaker_names or manager.embedding_names
        return speakers(names, self._model.language_manager.name_to_id, only)

    def most_characters(self, _speaker: Speaker) -> int:
        """Return how long a text may be."""
        return _MOST_CHARACTERS

    def length_ms(self, text: str, speaker: Speaker, rate: float) -> float:
        """Return how long `speak` will take, silence included; 0 when there is nothing to speak."""
        frames = float(torch.ceil(self._frames(text, speaker) / rate).sum())
        return frames * self._frame_ms

    def speak(self, text: str, speaker: Speaker, rate: float, _cancelled: Callable[[], bool]) -> Audio:
        """Speak each token as long as was forecast."""
        frames = self._frames(text, speaker)
        if not frames.numel():
            return np.zeros(0, np.float32)
        with repeatable(text):
            outputs = self._model.synthesize(
                text,
                speaker=speaker.name or None,
                language=speaker.language,
                extra_aux_input={"durations": frames / rate},
            )
        return finished(outputs["wav"], self._rate_hz)

    def _predict(self, text: str, speaker: Speaker) -> torch.Tensor:
        """Return the frames of each token at rate 1, [1, tokens]; of none when none is speakable."""
        with repeatable(text):
            if not self._speakable(text, speaker):
                return torch.zeros(1, 0)
            hook = self._model.duration_predictor.register_forward_hook(_stop)
            try:
                self._model.synthesize(text, speaker=speaker.name or None, language=speaker.language)
            except _Predicted as found:
                return torch.exp(found.log_lengths[0]) * self._model.length_scale
            finally:
                hook.remove()
        raise AssertionError("the model spoke without predicting lengths")

    def _speakable(self, text: str, speaker: Speaker) -> bool:
        """Tell whether the model knows a letter, digit or phoneme of the text."""
        if not any(map(str.isalnum, text)):
            return False
        tokenizer = self._model.tokenizer
        known = map(tokenizer.characters.id_to_char, tokenizer.text_to_ids(text, language=speaker.language))
        return any(len(each) == 1 and each.isalnum() for each in known)


def _stop(_module: object, _inputs: object, log_lengths: torch.Tensor) -> NoReturn:
    raise _Predicted(log_lengths)


def _load(folder: Path, raw: dict[str, Any]) -> Any:
    from TTS.tts.configs.vits_config import VitsConfig  # noqa: PLC0415 - quiet only within `loading`
    from TTS.tts.models.vits import Vits  # noqa: PLC0415 - as above

    config = VitsConfig()
    config.from_dict(raw)
    model = Vits(config)
    model.load_checkpoint(config, checkpoint(folder), eval=True)
    # Only training asks them.
    model.disc = model.posterior_encoder = None
    return model


def _require_languages(folder: Path, config: dict[str, Any]) -> None:
    """Refuse what the library would take for English."""
    told = [
        config.get("languages"),
        config.get("phoneme_language"),
        config["model_args"].get("language_ids_file"),
    ]
    told += [each.get("language") for each in config.get("datasets") or []]
    if not any(told):
        raise Misconfigured(
            f'The config.json in {folder} does not say its language: add "languages": ["de"], or what it is.',
            code="languages_unknown",
        )
