"""Every other kind of job with the real models, and calls in which nobody speaks."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


def wav(samples: Any, rate: int = 8000, channels: int = 1) -> bytes:
    """Return float samples in [-1, 1] as a 16-bit WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.asarray(samples) * 32767).astype("<i2").tobytes())
    return data.getvalue()


def run(installation: Installation, spec: dict[str, Any], file: bytes | None = None) -> dict[str, Any]:
    """Submit a job and wait for its end."""
    response = installation.submit(spec, file)
    assert response.status_code == 202, response.text
    return installation.wait(response.json()["id"])


def result_of(installation: Installation, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job's result document."""
    document: dict[str, Any] = installation.http.get(f"/v1/jobs/{job['id']}/result").json()
    return document


def spoken(installation: Installation, text: str, language: str) -> bytes:
    """Return a text as the installation speaks it, in FLAC."""
    spec = {"kind": "speech", "text": text, "language": language, "audio": {"codec": "flac"}}
    job = run(installation, spec)
    assert job["state"] == "succeeded", job
    name = next(file["name"] for file in job["files"] if file["name"].startswith("speech"))
    return installation.artifact(job["id"], name)


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [("Good morning.", "en", "pt-BR", "bom dia"), ("Bom dia.", "pt-BR", "en", "good morning")],
)
def test_text_is_translated_both_ways(
    installation: Installation, text: str, source: str, target: str, expected: str
) -> None:
    spec = {"kind": "text_translation", "text": text, "source_language": source, "target_language": target}
    document = result_of(installation, run(installation, spec))
    assert document["source"]["text"] == text
    assert expected in document["translation"]["text"].lower()


def test_spoken_text_is_recognised_again(installation: Installation) -> None:
    speech = spoken(installation, "Your order will arrive tomorrow morning.", "en")
    heard = run(installation, {"kind": "transcription", "source_language": "auto"}, speech)
    channel = result_of(installation, heard)["channels"][0]
    text = " ".join(region["source"]["text"] for region in channel["regions"]).lower()
    assert channel["source_language"] == "en"
    assert "order" in text
    assert "tomorrow" in text


def test_another_language_is_transcribed_into_english(installation: Installation) -> None:
    speech = spoken(installation, "Mi hermano vive en una casa muy grande.", "es")
    spec = {"kind": "transcription", "source_language": "es", "target_language": "en"}
    document = result_of(installation, run(installation, spec, speech))
    english = " ".join(region["translation"]["text"] for region in document["channels"][0]["regions"]).lower()
    assert "brother" in english
    assert "house" in english


def test_a_pair_that_only_recognition_covers_goes_through_it(installation: Installation) -> None:
    speech = spoken(installation, "La maison de mon frère est très grande.", "fr")
    spec = {"kind": "speech_translation", "source_language": "fr", "target_language": "en"}
    job = run(installation, spec, speech)
    region = result_of(installation, job)["channels"][0]["regions"][0]
    assert "maison" in region["source"]["text"].lower()
    assert "house" in region["translation"]["text"].lower()


@pytest.mark.parametrize("codec", ["opus", "mp3", "flac", "wav", "mulaw", "alaw"])
def test_a_file_is_encoded_and_decoded_again(installation: Installation, codec: str) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 8000)
    stereo = np.stack([tone, np.zeros_like(tone)], axis=1).ravel()
    encoded = run(installation, {"kind": "encode", "audio": {"codec": codec}}, wav(stereo, channels=2))
    assert encoded["state"] == "succeeded", encoded
    audio = [file for file in encoded["files"] if file["media_type"].startswith("audio/")]
    assert len(audio) == 1
    file = installation.artifact(encoded["id"], audio[0]["name"])
    decoded = run(installation, {"kind": "decode"}, file)
    assert decoded["state"] == "succeeded", decoded
    channels = [entry for entry in decoded["files"] if entry["media_type"] == "audio/wav"]
    assert len(channels) == 2
    assert abs(decoded["audio_ms"] - 2000) <= 60


@pytest.mark.parametrize("level", [0.0, 0.01])
def test_a_call_without_speech_succeeds_with_nothing_said(installation: Installation, level: float) -> None:
    noise = level * np.random.default_rng(7).standard_normal(8 * 8000).clip(-3, 3) / 3
    spec = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}
    job = run(installation, spec, wav(noise))
    assert job["state"] == "succeeded", job
    document = result_of(installation, job)
    assert document["channels"][0]["regions"] == []
    assert {file["name"] for file in job["files"]} >= {"result.json", "speech.mixed.ogg"}


def test_a_headerless_recording_is_read_by_declaration(installation: Installation) -> None:
    silence = b"\xff" * 8000
    spec = {
        "kind": "decode",
        "input": {"encoding": "mulaw", "sample_rate_hertz": 8000, "channel_count": 1},
    }
    job = run(installation, spec, silence)
    assert job["state"] == "succeeded", job
    assert job["audio_ms"] == 1000
