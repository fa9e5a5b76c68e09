"""A recorded call in, a translated call out: the real models, end to end."""

from __future__ import annotations

import io
import itertools
import json
import re
from typing import Any

import av
import jiwer
import jsonschema
import numpy as np
import numpy.typing as npt
import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

_SPEC = {
    "kind": "speech_translation",
    "channels": [
        {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
    ],
    "audio": {"codec": "opus", "bitrate_kbps": 24, "layout": "both"},
    "priority": "interactive",
    "metadata": {"call_id": "42"},
}


@pytest.fixture(scope="module")
def reference(repository: Any) -> dict[str, Any]:
    """What was said in the bundled call."""
    document: dict[str, Any] = json.loads((repository / "services/cli/demo/call.json").read_text())
    return document


@pytest.fixture(scope="module")
def job(installation: Installation, repository: Any) -> dict[str, Any]:
    """The bundled call, translated."""
    call = (repository / "services/cli/demo/call.wav").read_bytes()
    response = installation.submit(_SPEC, call)
    assert response.status_code == 202, response.text
    return installation.wait(response.json()["id"])


@pytest.fixture(scope="module")
def result(installation: Installation, job: dict[str, Any]) -> dict[str, Any]:
    """Its result document."""
    document: dict[str, Any] = installation.http.get(f"/v1/jobs/{job['id']}/result").json()
    return document


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _samples(data: bytes) -> tuple[npt.NDArray[np.float32], int]:
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]), 48_000


def test_the_job_succeeds_and_counts_every_stage(job: dict[str, Any], reference: dict[str, Any]) -> None:
    assert job["state"] == "succeeded", job
    assert job["metadata"] == {"call_id": "42"}
    assert abs(job["audio_ms"] - reference["duration_ms"]) <= 1
    assert all(part["done"] == part["total"] > 0 for part in job["progress"].values()), job["progress"]
    assert job["usage"]["tts.synthesize"]["busy_ms"] > 0


def test_the_result_fits_its_schema(repository: Any, result: dict[str, Any]) -> None:
    schema = json.loads((repository / "services/gateway/jobs/result.schema.json").read_text())
    jsonschema.validate(result, schema)


@pytest.mark.parametrize("channel", [0, 1])
def test_each_speaker_is_heard_on_their_own_channel(
    result: dict[str, Any], reference: dict[str, Any], channel: int
) -> None:
    role = result["channels"][channel]["role"]
    said = " ".join(turn["text"] for turn in reference["turns"] if turn["role"] == role)
    heard = " ".join(region["source"]["text"] for region in result["channels"][channel]["regions"])
    assert jiwer.wer(_words(said), _words(heard)) < 0.3


def test_regions_lie_on_the_turns_of_the_call(result: dict[str, Any], reference: dict[str, Any]) -> None:
    for channel in result["channels"]:
        turns = [turn for turn in reference["turns"] if turn["role"] == channel["role"]]
        for region in channel["regions"]:
            assert any(
                region["start_ms"] > turn["start_ms"] - 600 and region["end_ms"] < turn["end_ms"] + 600
                for turn in turns
            ), region


def test_words_lie_inside_their_regions(result: dict[str, Any]) -> None:
    for channel in result["channels"]:
        for region in channel["regions"]:
            for word in region["source"]["words"]:
                assert region["start_ms"] <= word["start_ms"] <= word["end_ms"] <= region["end_ms"] + 1


def test_translations_are_in_the_other_language(result: dict[str, Any]) -> None:
    agent, customer = (
        " ".join(region["translation"]["text"].lower() for region in channel["regions"])
        for channel in result["channels"]
    )
    assert any(word in agent.split() for word in ("por", "favor", "não", "uma", "opção"))
    assert any(word in customer.split() for word in ("the", "my", "good", "number"))


def test_speech_fits_its_slot_or_says_what_it_took(result: dict[str, Any]) -> None:
    for channel in result["channels"]:
        end = 0
        for region in channel["regions"]:
            speech = region["speech"]
            assert 0.85 <= speech["stretch"] <= 1.25
            assert speech["start_ms"] >= max(region["start_ms"], end) - 1
            over = speech["duration_ms"] - speech["slot_ms"]
            assert speech["borrowed_ms"] >= over - 1 or region["warnings"]
            end = speech["end_ms"]


@pytest.mark.parametrize("name", ["speech.channel-0.ogg", "speech.channel-1.ogg", "speech.mixed.ogg"])
def test_translated_speech_keeps_the_calls_timeline(
    installation: Installation, job: dict[str, Any], result: dict[str, Any], name: str
) -> None:
    samples, rate = _samples(installation.artifact(job["id"], name))
    last = max(region["speech"]["end_ms"] for channel in result["channels"] for region in channel["regions"])
    expected_ms = max(job["audio_ms"], last)
    assert abs(len(samples) / rate * 1000 - expected_ms) <= 60
    assert np.abs(samples).max() > 0.05


def test_silence_stays_silence(
    installation: Installation, job: dict[str, Any], result: dict[str, Any]
) -> None:
    samples, rate = _samples(installation.artifact(job["id"], "speech.channel-0.ogg"))
    speech = [region["speech"] for region in result["channels"][0]["regions"]]
    gaps = [(one["end_ms"] + 100, two["start_ms"] - 100) for one, two in itertools.pairwise(speech)]
    quiet = [(start, end) for start, end in gaps if end - start > 200]
    assert quiet
    for start, end in quiet:
        assert np.abs(samples[start * rate // 1000 : end * rate // 1000]).max() < 0.01


def test_subtitles_come_in_both_languages(installation: Installation, job: dict[str, Any]) -> None:
    for language in ("en", "pt-BR"):
        srt = installation.artifact(job["id"], f"subtitles.{language}.srt").decode()
        vtt = installation.artifact(job["id"], f"subtitles.{language}.vtt").decode()
        assert srt.startswith("1\n")
        assert vtt.startswith("WEBVTT")
        assert srt.count(" --> ") >= 8
        assert vtt.count(" --> ") >= 8


def test_the_translated_speech_can_be_understood(installation: Installation, job: dict[str, Any]) -> None:
    speech = installation.artifact(job["id"], "speech.channel-1.ogg")
    spec = {"kind": "transcription", "source_language": "en"}
    response = installation.submit(spec, speech, "speech.ogg")
    again = installation.wait(response.json()["id"])
    heard = installation.http.get(f"/v1/jobs/{again['id']}/result").json()
    original = installation.http.get(f"/v1/jobs/{job['id']}/result").json()
    said = " ".join(region["translation"]["text"] for region in original["channels"][1]["regions"])
    read = " ".join(region["source"]["text"] for region in heard["channels"][0]["regions"])
    assert jiwer.wer(_words(said), _words(read)) < 0.4


def test_logs_hold_nothing_of_what_was_said(
    installation: Installation, job: dict[str, Any], result: dict[str, Any]
) -> None:
    logs = "".join(path.read_text(errors="replace") for path in (installation.home / "log").iterdir())
    key = (installation.home / "admin.key").read_text().strip()
    assert job["id"] in logs
    assert key not in logs
    for channel in result["channels"]:
        for region in channel["regions"]:
            assert region["source"]["text"] not in logs
            assert region["translation"]["text"] not in logs
