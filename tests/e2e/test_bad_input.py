"""Bad input gets a stable code and says what to do, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import struct
import wave
from collections.abc import Iterator
from typing import Any

import av
import httpx
import numpy as np
import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

_SPEC = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}


def _wav(seconds: float) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return data.getvalue()


def _long_flac(hours: int) -> bytes:
    data = io.BytesIO()
    with av.open(data, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        minute = np.zeros((1, 8000 * 60), dtype=np.int16)
        for _ in range(hours * 60):
            frame = av.AudioFrame.from_ndarray(minute, format="s16", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return data.getvalue()


@pytest.fixture(autouse=True)
def _nothing_left(installation: Installation) -> Iterator[None]:
    before = set(installation.stored())
    yield
    # A failed job keeps its recording for a retry, and nothing else; erased, it keeps nothing.
    assert {path.name for path in set(installation.stored()) - before} <= {"input"}
    for job in installation.http.get("/v1/jobs", params={"state": "failed"}).json()["jobs"]:
        assert installation.http.delete(f"/v1/jobs/{job['id']}").status_code == 200
    assert set(installation.stored()) == before


_REFUSED: list[tuple[str, dict[str, Any], bytes, str]] = [
    ("empty file", _SPEC, b"", "empty_file"),
    ("text named .wav", _SPEC, b"Dear customer, this is not audio.\n" * 50, "unknown_media"),
    ("ffconcat named .wav", _SPEC, b"ffconcat version 1.0\nfile victim.wav\n", "unknown_media"),
    ("unsupported pair", _SPEC | {"target_language": "ja"}, _wav(1), "unsupported_language_pair"),
    ("unknown voice", _SPEC | {"voices": {"pt-BR": "nobody"}}, _wav(1), "unknown_voice"),
    ("unknown codec", _SPEC | {"audio": {"codec": "realaudio"}}, _wav(1), "unknown_codec"),
    ("unknown field", _SPEC | {"glossery": 1}, _wav(1), "invalid_spec"),
]


@pytest.mark.parametrize(
    ("spec", "file", "code"), [row[1:] for row in _REFUSED], ids=[row[0] for row in _REFUSED]
)
def test_is_refused_at_once(installation: Installation, spec: dict[str, Any], file: bytes, code: str) -> None:
    response = installation.submit(spec, file)
    problem = response.json()
    assert 400 <= response.status_code < 500
    assert problem["code"] == code
    assert problem["error"]["code"] == code
    assert response.headers["content-type"].startswith("application/problem+json")
    assert len(problem["detail"]) > 20


def test_an_unsupported_pair_lists_those_there_are(installation: Installation) -> None:
    problem = installation.submit(_SPEC | {"target_language": "ja"}, _wav(1)).json()
    assert "en" in problem["detail"]
    assert "pt" in problem["detail"]


def test_a_spec_that_is_not_json_is_refused(installation: Installation) -> None:
    response = installation.http.post(
        "/v1/jobs", files={"file": ("call.wav", _wav(1))}, data={"spec": "{kind: speech"}
    )
    assert response.status_code == 422
    assert response.json()["code"] == "invalid_spec"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer dgm_wrong"}, {"Authorization": "Basic x"}])
def test_a_wrong_key_is_refused(installation: Installation, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=installation.http.base_url, trust_env=False) as stranger:
        response = stranger.post("/v1/jobs", json={"kind": "speech"}, headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] in {"missing_key", "invalid_key"}


def test_a_truncated_file_fails_and_says_so(installation: Installation) -> None:
    whole = _wav(10)
    job = installation.wait(installation.submit(_SPEC, whole[: len(whole) // 2]).json()["id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "truncated_media"


def test_a_file_with_other_channels_than_the_spec_fails_and_says_so(installation: Installation) -> None:
    spec = {"kind": "transcription", "channels": [{"role": "agent", "source_language": "en"}] * 2}
    job = installation.wait(installation.submit(spec, _wav(1)).json()["id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "channel_count_mismatch"


def test_a_recording_over_the_cap_fails_and_says_so(installation: Installation) -> None:
    flac = _long_flac(hours=3)
    assert len(flac) < 20_000_000
    job = installation.wait(installation.submit(_SPEC, flac, "call.flac").json()["id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "media_too_long"


def test_a_header_that_lies_about_its_size_is_harmless(installation: Installation) -> None:
    file = bytearray(_wav(1))
    file[40:44] = struct.pack("<I", 0xFFFFFFFF)
    job = installation.wait(installation.submit({"kind": "decode"}, bytes(file)).json()["id"])
    assert job["state"] == "succeeded", json.dumps(job)
    assert installation.http.delete(f"/v1/jobs/{job['id']}").status_code == 200
