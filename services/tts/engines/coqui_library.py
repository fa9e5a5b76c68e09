"""Opens models of coqui-tts: from a folder alone, without a word of its own, and never more than weights.

The library reads checkpoints with torch.load(weights_only=True), so a pickle can bring tensors and plain
values but run nothing. Its configurations may still name files anywhere, addresses, pickled statistics and
classes to import; `_confined` leaves of these only files of the model's own folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from services.shared.errors import Misconfigured
from services.tts.engines.audio import resampled, trimmed
from services.tts.engines.base import Audio

CONFIG: Final = "config.json"
_CHECKPOINTS: Final = ("model_file.pth", "model.pth", "best_model.pth")
_FILES: Final = ("speakers_file", "speaker_file", "d_vector_file", "language_ids_file")
# Of a second model that tells speakers apart: only training and voice conversion ask it.
_UNUSED: Final = {
    "speaker_encoder_model_path": "",
    "speaker_encoder_config_path": "",
    "use_speaker_encoder_as_loss": False,
}
_MOST_ERROR: Final = 300

# One synthesis at a time in a process: PyTorch's random numbers are the process's, and the models keep state.
SPEAKING: Final = threading.RLock()


def read_config(folder: Path) -> dict[str, Any]:
    """Return a model's configuration, in which all files are of its folder.

    Raises:
        Misconfigured: model_missing or model_unusable.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"{folder} holds no {CONFIG} of coqui-tts.", code="model_missing") from None
    except ValueError as error:
        raise unusable(folder, f"{CONFIG} is no JSON") from error
    if not isinstance(config, dict):
        raise unusable(folder, f"{CONFIG} is no JSON object")
    characters = config.get("characters")
    if isinstance(characters, dict) and not (characters.get("characters_class") or "TTS.").startswith("TTS."):
        raise unusable(folder, "its characters_class is not one of the library's own")
    audio = config.get("audio") or {}
    # The library looks here first, and no further where a name is there without a value.
    named = {key: config[key] for key in _FILES if config.get(key)}
    arguments = config.get("model_args") or {}
    arguments = _confined(arguments | {key: arguments.get(key) or named[key] for key in named}, folder)
    return _confined(config, folder) | {"model_args": arguments, "audio": audio | _without_stats(audio)}


def checkpoint(folder: Path) -> Path:
    """Return the file of weights.

    Raises:
        Misconfigured: model_missing.
    """
    for name in _CHECKPOINTS:
        if (folder / name).is_file():
            return folder / name
    raise Misconfigured(f"{folder} holds none of {', '.join(_CHECKPOINTS)}.", code="model_missing")


def device(name: str) -> torch.device:
    """Return where to run.

    Raises:
        Misconfigured: device_missing.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise Misconfigured(
            "DRAGOMAN_TTS_DEVICE is cuda, but PyTorch finds none; set cpu, or install its CUDA build.",
            code="device_missing",
        )
    return torch.device(name)


@contextlib.contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Keep the library quiet while it loads a model, now and from then on, and translate its errors.

    It logs what it is to say where a character is unknown to it, and prints.

    Raises:
        Misconfigured: model_unusable.
    """
    for name in ("TTS", "trainer"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except Misconfigured:
        raise
    except Exception as error:
        raise unusable(folder, f"{type(error).__name__}: {error}"[:_MOST_ERROR]) from error


@contextlib.contextmanager
def repeatable(text: str) -> Iterator[None]:
    """Hold the only turn to speak; the same text finds the same random numbers."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with SPEAKING, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def finished(samples: Audio, rate_hz: int) -> Audio:
    """Return speech at SAMPLE_RATE_HZ, without silence at its ends, scaled down where it would be clipped."""
    audio = trimmed(resampled(np.atleast_1d(samples), rate_hz))
    return audio / max(1.0, float(np.abs(audio).max())) if audio.size else audio


def unusable(folder: Path, reason: str) -> Misconfigured:
    """Return the error for a model that cannot be loaded."""
    return Misconfigured(f"The model in {folder} cannot be loaded: {reason}.", code="model_unusable")


def _confined(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    confined = {key: value for key, value in _UNUSED.items() if key in values}
    for key in (key for key in _FILES if values.get(key)):
        value = values[key]
        names = [folder / Path(each).name for each in ([value] if isinstance(value, str) else value)]
        if missing := [each.name for each in names if not each.is_file()]:
            raise Misconfigured(
                f"{folder} lacks {', '.join(missing)}, which its {key} names.", code="model_missing"
            )
        confined[key] = str(names[0]) if isinstance(value, str) else list(map(str, names))
    return values | confined


def _without_stats(audio: dict[str, Any]) -> dict[str, Any]:
    # Read with numpy's pickles by the library, for models of other kinds.
    return {"stats_path": None} if "stats_path" in audio else {}
