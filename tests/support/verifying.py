"""A unit of the TTS stage whose speech is heard by a listener, for tests of `quality: verify`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest_asyncio

from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from services.tts.server import spec
from services.tts.settings import TtsSettings
from services.tts.worker import synthesize
from tests.support.listener import Listener, listening

TEXT = "Your code is 4821."
Speaker = Callable[..., Awaitable[dict[str, Any]]]


def unit_of(job: dict[str, Any]) -> Claim:
    """Return the unit of a speech job."""
    return Claim(
        unit="unit_1",
        job="job_1",
        stage=tasks.SYNTHESIZE,
        index="job",
        attempt=1,
        failures=0,
        tenant="default",
        spec=job,
        payload={},
        inputs={},
    )


class Aged(Lease):
    """A lease that has lasted for a while."""

    def __init__(self, age_s: float) -> None:
        super().__init__(unit_of({}))
        self._age_s = age_s

    @property
    def age_s(self) -> float:
        """As given."""
        return self._age_s


@pytest_asyncio.fixture
async def speak(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Speaker]:
    """Speaks a text with the fake engine, and has it heard by a listener; returns the unit's output."""
    artifacts, settings = LocalArtifacts(tmp_path), TtsSettings(tts_engines="fake")
    server = await start(spec(settings), settings)

    async def run(listener: Listener, text: str = TEXT, **job: Any) -> dict[str, Any]:
        artifacts.put("text", text.encode())
        asked = {"input": {"key": "text"}, "language": "en", "quality": "verify", **job}
        unit = unit_of(asked)
        ports = {"tts": server.port, "asr": listener.port or 1}
        channels = Channels(lambda service: f"127.0.0.1:{ports[service]}")
        work = Work(unit, artifacts, channels, job.get("lease") or Lease(unit), 10.0, ledger)
        output = await asyncio.to_thread(synthesize, work)
        assert work.served_ms < 100_000, "the recogniser's time is none of this stage's"
        channels.close()
        return dict(output.document)

    yield run
    await server.stop()


@asynccontextmanager
async def hearing_it(*answers: str | grpc.StatusCode) -> AsyncIterator[Listener]:
    async with listening(Listener(answers)) as listener:
        yield listener
