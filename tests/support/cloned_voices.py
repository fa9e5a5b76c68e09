"""Folders of cloned voices: a sample that nobody spoke, and the record of a consent that nobody gave."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_RATE_HZ = 16_000


def save_voice(folder: Path, channels: int = 1, **changes: Any) -> Path:
    """Save a voice whose consent is complete, but for the changes, see `record`."""
    digest = save_sample(folder / "sample.wav", channels=channels)
    consent = {"sample_sha256": digest} | changes.pop("consent", {})
    (folder / "voice.toml").write_text(record(**changes, **consent))
    return folder


def save_sample(path: Path, pitch_hz: float = 120.0, seconds: float = 3.0, channels: int = 1) -> str:
    """Save a humming, and return its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hum = 0.2 * np.sin(2 * np.pi * pitch_hz * times_s) + 0.05 * np.sin(2 * np.pi * 3.1 * pitch_hz * times_s)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.repeat((hum * 32767).astype("<i2"), channels).tobytes())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(
    name: str = "ana",
    languages: Sequence[str] = ("en",),
    gender: str = "",
    **consent: str | None,
) -> str:
    """Return a voice.toml; a part of the consent that is None is left out."""
    said = {
        "person": "Ana Souza",
        "date": "2026-01-31",
        "statement": "I agree that calls are spoken in my voice.",
        "recorded_by": "Legal",
    } | consent
    lines = [f'name = "{name}"', f"languages = {list(languages)!r}".replace("'", '"')]
    lines += [f'gender = "{gender}"'] * bool(gender)
    lines += ["[consent]", *(f'{key} = "{value}"' for key, value in said.items() if value is not None)]
    return "\n".join(lines)
