"""The stage worker reads its text, calls a real server, and stores a WAV file."""

from __future__ import annotations

import asyncio
import io
import json
import math
import uuid
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.errors import Unsupported
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim, Output
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.tts.server import spec
from services.tts.settings import TtsSettings
from services.tts.worker import synthesize

Speak = Callable[[Claim], "asyncio.Future[Output]"]
PAYLOAD: dict[str, Any] = {
    "start_ms": 1000, "end_ms": 4000, "borrow_ms": 500, "target_language": "pt-BR", "voice": None,
    "max_stretch": 1.25,
}  # fmt: skip


def claim(index: str, **changes: Any) -> Claim:
    values: Mapping[str, Any] = {
        "unit": "unit_1",
        "job": "job_1",
        "stage": tasks.SYNTHESIZE,
        "index": index,
        "attempt": 2,
        "failures": 0,
        "tenant": "default",
        "spec": {},
        "payload": PAYLOAD,
        "inputs": {},
    }
    return Claim(**{**values, **changes})


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path)


@pytest_asyncio.fixture
async def speak(artifacts: LocalArtifacts, ledger: Ledger) -> AsyncIterator[Speak]:
    """Runs the handler in a thread, as Celery does, against a server with the fake engine."""
    settings = TtsSettings(tts_engines="fake")
    server = await start(spec(settings), settings)
    channels = Channels(lambda _service: f"127.0.0.1:{server.port}")

    def run(unit: Claim) -> asyncio.Future[Output]:
        work = Work(unit, artifacts, channels, Lease(unit), 10.0, ledger)
        return asyncio.ensure_future(asyncio.to_thread(synthesize, work))

    yield run
    channels.close()
    await server.stop()


def translated(artifacts: LocalArtifacts, text: str) -> Mapping[str, Any]:
    artifacts.put("default/job_1/translation.json", json.dumps({"text": text}).encode())
    return {tasks.TRANSLATE: {"translation": "default/job_1/translation.json", "empty": not text}}


async def test_a_region_is_spoken_into_its_slot(speak: Speak, artifacts: LocalArtifacts) -> None:
    output = await speak(claim("c0r3", inputs=translated(artifacts, "a" * 55)))
    document = output.document
    assert document["audio"] == "default/job_1/tts.synthesize/c0r3.2/speech.wav"
    assert (document["voice"], document["slot_ms"]) == ("fake-pt", 3000)
    assert document["duration_ms"] == pytest.approx(3000, abs=2)
    assert document["stretch"] == pytest.approx(1.1, rel=1e-3)
    assert document["model"] == {"name": "fake-tone", "revision": "1", "sha256": ""}
    assert document["warnings"] == []


async def test_the_glossary_says_how_words_are_read(speak: Speak, artifacts: LocalArtifacts) -> None:
    terms = [
        {"source": "doctor", "target": {"pt": "dr"}, "spoken": {"pt-BR": "doutor"}},
        {"source": "ok", "spoken": {"en": "okay"}},
    ]
    artifacts.put(key := uuid.uuid4().hex, json.dumps({"terms": terms}).encode())
    spec = {"glossary": {"key": key}}
    output = await speak(claim("c0r3", spec=spec, inputs=translated(artifacts, "Dr ok")))
    assert output.document["duration_ms"] == math.ceil(len("doutorok") * 60 / 0.85)


async def test_the_artifact_is_a_wav_file_as_long_as_reported(
    speak: Speak, artifacts: LocalArtifacts
) -> None:
    output = await speak(claim("c0r3", inputs=translated(artifacts, "hello")))
    with wave.open(io.BytesIO(artifacts.get(output.document["audio"]))) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (24_000, 1, 2)
        assert math.ceil(audio.getnframes() / 24) == output.document["duration_ms"]
    assert output.document["sample_rate_hertz"] == 24_000


async def test_the_payload_chooses_voice_and_highest_stretch(speak: Speak, artifacts: LocalArtifacts) -> None:
    payload = {**PAYLOAD, "voice": "fake-pt-male", "max_stretch": 1.5}
    output = await speak(claim("c0r3", payload=payload, inputs=translated(artifacts, "a" * 100)))
    assert (output.document["voice"], output.document["stretch"]) == ("fake-pt-male", 1.5)
    assert output.document["warnings"] == ["slot_overrun"]


@pytest.mark.parametrize(("borrow_ms", "warnings"), [(1020, []), (1019, ["slot_overrun"])])
async def test_speech_that_fits_into_slot_and_silence_is_not_warned_of(
    speak: Speak, artifacts: LocalArtifacts, borrow_ms: int, warnings: list[str]
) -> None:
    payload = {**PAYLOAD, "borrow_ms": borrow_ms, "max_stretch": 1}
    output = await speak(claim("c0r3", payload=payload, inputs=translated(artifacts, "a" * 67)))
    assert (output.document["slot_ms"], output.document["duration_ms"]) == (3000, 4020)
    assert output.document["warnings"] == warnings


async def test_an_empty_translation_is_passed_on_without_a_call(
    artifacts: LocalArtifacts, ledger: Ledger
) -> None:
    unit = claim("c0r3", inputs=translated(artifacts, ""))
    nobody = Channels(lambda _service: "127.0.0.1:1")
    output = synthesize(Work(unit, artifacts, nobody, Lease(unit), 1.0, ledger))
    assert output.document["audio"] is None
    assert output.document["duration_ms"] == 0
    assert output.document["slot_ms"] == 3000
    nobody.close()


async def test_a_translation_with_nothing_speakable_has_no_audio(
    speak: Speak, artifacts: LocalArtifacts
) -> None:
    output = await speak(claim("c0r3", inputs=translated(artifacts, "...")))
    assert output.document["audio"] is None
    assert output.document["warnings"] == ["nothing_to_speak"]


async def test_a_speech_job_speaks_its_own_text_without_a_slot(
    speak: Speak, artifacts: LocalArtifacts
) -> None:
    artifacts.put("default/job_1/text", "olá mundo".encode())
    job = {"input": {"key": "default/job_1/text"}, "language": "pt-BR", "voice": "fake-pt-male"}
    output = await speak(claim("job", spec=job, payload={}))
    assert output.document["voice"] == "fake-pt-male"
    assert (output.document["slot_ms"], output.document["stretch"]) == (0, 1.0)
    assert output.document["duration_ms"] == 8 * 60


async def test_the_output_never_holds_the_text(speak: Speak, artifacts: LocalArtifacts) -> None:
    output = await speak(claim("c0r3", inputs=translated(artifacts, "confidential")))
    assert "confidential" not in json.dumps(output.document)


async def test_a_refusal_of_the_server_comes_back_typed(speak: Speak, artifacts: LocalArtifacts) -> None:
    payload = {**PAYLOAD, "target_language": "ja"}
    with pytest.raises(Unsupported) as refused:
        await speak(claim("c0r3", payload=payload, inputs=translated(artifacts, "hello")))
    assert refused.value.code == "unsupported_language"
