"""What Kokoro speaks is heard by Whisper, both behind their own servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.asr import server as asr_server
from services.asr.settings import AsrSettings
from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.tts import server as tts_server
from services.tts.settings import TtsSettings
from services.tts.worker import synthesize
from tests.unit.tts.test_worker import claim


@pytest.mark.models
async def test_a_protocol_number_and_an_amount_are_spoken_and_heard(tmp_path: Path, ledger: Ledger) -> None:
    artifacts = LocalArtifacts(tmp_path)
    artifacts.put("text", b"Your protocol number is 3413515158, and the fee is $12.99 per month.")
    job = {"input": {"key": "text"}, "language": "en", "quality": "verify"}
    listening = AsrSettings(asr_slots=1)
    asr = await start(asr_server.spec(listening), listening)
    speaking = TtsSettings(tts_engines="kokoro", tts_slots=1)
    tts = await start(tts_server.spec(speaking), speaking)
    ports = {"asr": asr.port, "tts": tts.port}
    channels = Channels(lambda service: f"127.0.0.1:{ports[service]}")
    unit = claim("job", spec=job, payload={})
    work = Work(unit, artifacts, channels, Lease(unit), 120.0, ledger)
    document = (await asyncio.to_thread(synthesize, work)).document
    channels.close()
    await tts.stop()
    await asr.stop()
    assert document["heard"]["entities_match"]
    assert document["heard"]["word_error_rate"] <= 0.1
    assert document["warnings"] == []
