"""XTTS-v2 of coqui-tts: seventeen languages, speakers of its own, and voices of people who agreed to it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torchaudio.functional import resample

from services.shared.errors import Cancelled, Misconfigured
from services.tts.cloning import ClonedVoice
from services.tts.engines.base import Audio
from services.tts.engines.coqui_forecast import typical_ms
from services.tts.engines.coqui_library import checkpoint, finished, loading, repeatable
from services.tts.engines.coqui_voices import Speaker, speakers, with_cloned

# Languages whose script the library reads with another package.
_READERS: Final = {"zh-cn": "pypinyin", "ja": "cutlet"}
_MOST_CHARACTERS: Final = 250
# No language's words for numbers end before this; longer ones are read in groups.
_LONG_NUMBER: Final = re.compile(r"(\d{15})(?=\d)")
_SAMPLING: Final = ("temperature", "length_penalty", "repetition_penalty", "top_k", "top_p")

Conditioning = tuple[torch.Tensor, torch.Tensor]


class XttsSpeech:
    """An XTTS in memory, with what it was told of each speaker; a cloned one is kept nowhere else.

    Args:
        folder: Holds config.json, model.pth, vocab.json and perhaps speakers_xtts.pth.
        config: Read by coqui_library.read_config.
        device: Where it runs.
        cloned: Voices whose consent is on record.

    Raises:
        Misconfigured: model_missing, model_unusable or no_voice.
    """

    def __init__(
        self, folder: Path, config: dict[str, Any], device: torch.device, cloned: Iterable[ClonedVoice] = ()
    ) -> None:
        _require_vocabulary(folder)
        self._cloned = tuple(cloned)
        with loading(folder):
            self._model = _load(folder, config).to(device)
            self._own = _own_speakers(self._model)
            self._conditioning = self._own | {each.name: self._heard(each) for each in self._cloned}
        if not self._conditioning:
            raise Misconfigured(
                f"{folder} has no speakers_xtts.pth, and DRAGOMAN_TTS_VOICES_DIR offers no voice.",
                code="no_voice",
            )
        self._rate_hz: int = self._model.args.output_sample_rate

    def speakers(self, _only: str) -> tuple[Speaker, ...]:
        """Return every speaker in every language that can be read here."""
        languages = [each for each in self._model.config.languages if _readable(each)]
        own = speakers(list(self._own), languages) if self._own else ()
        return with_cloned(own, self._cloned, languages)

    def most_characters(self, speaker: Speaker) -> int:
        """Return how long a text may be, by its language."""
        limits: dict[str, int] = self._model.tokenizer.char_limits
        return limits.get(speaker.language.partition("-")[0], _MOST_CHARACTERS)

    def length_ms(self, text: str, speaker: Speaker, rate: float) -> float:
        """Return what a text of this language usually takes: the model does not know before it has spoken."""
        return typical_ms(text, speaker.language) / rate

    def speak(self, text: str, speaker: Speaker, rate: float, cancelled: Callable[[], bool]) -> Audio:
        """Speak; whether to stop is asked at every 46 ms of speech.

        Raises:
            Cancelled: `cancelled()` became true.
        """
        if not any(map(str.isalnum, text)):
            return np.zeros(0, np.float32)
        pieces = self._fitting(_LONG_NUMBER.sub(r"\1 ", text), speaker.language)
        spoken = (self._infer(piece, speaker, rate, cancelled) for piece in pieces)
        return np.concatenate([finished(samples, self._rate_hz) for samples in spoken])

    def _infer(self, text: str, speaker: Speaker, rate: float, cancelled: Callable[[], bool]) -> Audio:
        def asked(codes: torch.Tensor, *_scores: object, **_more: object) -> torch.Tensor:
            if cancelled():
                raise Cancelled("The caller went away while its text was spoken.")
            return torch.zeros(codes.shape[0], dtype=torch.bool, device=codes.device)

        config = self._model.config
        with repeatable(text):
            outputs = self._model.inference(
                text,
                speaker.language,
                *self._conditioning[speaker.name],
                **{key: config[key] for key in _SAMPLING},
                speed=rate,
                stopping_criteria=[asked],
            )
        samples: Audio = outputs["wav"]
        return samples

    def _fitting(self, text: str, language: str) -> Iterator[str]:
        """Cut a text into parts that the model takes: numbers become many words, Chinese many letters."""
        tokens = self._model.tokenizer.encode(text.strip().lower(), lang=language)
        if len(text) == 1 or len(tokens) < self._model.args.gpt_max_text_tokens:
            yield text
            return
        middle = len(text) // 2
        cut = text.rfind(" ", 1, middle) if " " in text[1:middle] else middle
        yield from self._fitting(text[:cut], language)
        yield from self._fitting(text[cut:], language)

    def _heard(self, voice: ClonedVoice) -> Conditioning:
        """Return what get_conditioning_latents of the library does, which reads files by FFmpeg only."""
        config, device = self._model.config, self._model.device
        rate_hz: int = config.audio.sample_rate
        samples = resample(torch.from_numpy(voice.samples), voice.sample_rate_hz, rate_hz)
        audio = samples[: config.max_ref_len * rate_hz].clip(-1, 1).unsqueeze(0).to(device)
        if config.sound_norm_refs:
            audio = audio / audio.abs().max() * 0.75
        latents = self._model.get_gpt_cond_latents(
            audio, rate_hz, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
        )
        return latents, self._model.get_speaker_embedding(audio, rate_hz)


def _load(folder: Path, raw: dict[str, Any]) -> Any:
    from TTS.tts.configs.xtts_config import XttsConfig  # noqa: PLC0415 - quiet only within `loading`
    from TTS.tts.models import xtts  # noqa: PLC0415 - as above

    class ReadOnlyXtts(xtts.Xtts):  # type: ignore[misc]  # the library is untyped
        """Reads a checkpoint, where the library writes the one that was published anew in its place."""

        def _load_checkpoint(self, model_path: Path) -> dict[str, torch.Tensor]:
            with xtts._legacy_safe_globals():  # noqa: SLF001 - there is no public way
                weights = torch.load(model_path, map_location="cpu", weights_only=True)["model"]
            return dict(weights)

    config = XttsConfig()
    config.from_dict(raw)
    model = ReadOnlyXtts(config)
    model.load_checkpoint(
        config,
        checkpoint_dir=str(folder),
        checkpoint_path=str(checkpoint(folder)),
        eval=True,
        use_deepspeed=False,
    )
    return model


def _own_speakers(model: Any) -> dict[str, Conditioning]:
    if model.speaker_manager is None:
        return {}
    known = model.speaker_manager.speakers.items()
    return {name: (each["gpt_cond_latent"], each["speaker_embedding"]) for name, each in known}


def _readable(language: str) -> bool:
    return language not in _READERS or importlib.util.find_spec(_READERS[language]) is not None


def _require_vocabulary(folder: Path) -> None:
    if not (folder / "vocab.json").is_file():
        raise Misconfigured(f"{folder} holds no vocab.json of XTTS.", code="model_missing")
