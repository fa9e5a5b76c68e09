"""With `quality: verify` a region that was slowed to fill its slot is spoken again more slowly still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.tts.server import spec
from services.tts.settings import TtsSettings
from services.tts.worker import synthesize
from tests.support.verifying import hearing_it
from tests.unit.tts.test_worker import PAYLOAD, claim, translated

TEXT = "Thank you for calling."  # 18 letters, 1080 ms


@pytest.mark.parametrize(
    ("region_ms", "stretches"), [(3000, (0.85, 0.7225)), (1750, (0.9391, 0.7982)), (1100, (1, 0.9818))]
)
async def test_the_second_try_is_slower_than_the_first_as_far_as_the_slot_has_time(
    tmp_path: Path, ledger: Ledger, region_ms: int, stretches: tuple[float, float]
) -> None:
    artifacts, settings = LocalArtifacts(tmp_path), TtsSettings(tts_engines="fake")
    payload = {**PAYLOAD, "end_ms": PAYLOAD["start_ms"] + region_ms, "target_language": "en"}
    server = await start(spec(settings), settings)
    async with hearing_it("nobody got this", TEXT) as listener:
        ports = {"tts": server.port, "asr": listener.port}
        channels = Channels(lambda service: f"127.0.0.1:{ports[service]}")
        unit = claim("c0r3", payload=payload, spec={"quality": "verify"}, inputs=translated(artifacts, TEXT))
        work = Work(unit, artifacts, channels, Lease(unit), 10.0, ledger)
        document = (await asyncio.to_thread(synthesize, work)).document
    channels.close()
    await server.stop()
    found = [1080 * 48 / each for each in listener.heard_bytes]
    assert found == pytest.approx(stretches, rel=0.002)
    assert (document["heard"]["passes"], document["warnings"]) == (2, [])
    assert document["stretch"] == pytest.approx(stretches[1], rel=0.002)
    assert document["duration_ms"] <= region_ms
