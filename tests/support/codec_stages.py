"""The codec stages on a ledger and a real server, and calls whose speech is tones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.codec.engines.base import Samples
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.server import spec
from services.codec.settings import CodecSettings
from services.codec.worker import HANDLERS
from services.shared import tasks
from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, NewJob, Output
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.stage import Work
from tests.support import recordings
from tests.support.calls import nodes, ready, take

ENGINE = PyavEngine(PyavSettings())
STEREO = recordings.tone(4, 8000, 440, 700)
AGENT = {"index": 0, "role": "agent", "source_language": "en", "target_language": "pt-BR", "voice": "alba",
         "translator": None}  # fmt: skip
CUSTOMER = {"index": 1, "role": "customer", "source_language": "auto", "target_language": "en", "voice": None,
            "translator": "asr"}  # fmt: skip
CALL = {"kind": "speech_translation", "channels": [AGENT, CUSTOMER], "max_stretch": 1.25}


@dataclass
class Stages:
    """Runs units of one job through the real handlers."""

    ledger: Ledger
    artifacts: LocalArtifacts
    channels: Channels

    def submit(self, spec: dict[str, Any], file: bytes = b"") -> list[str]:
        """Submit a job; return the units that are ready."""
        self.artifacts.put("upload", file)
        raw = spec.pop("raw", {})
        job = {**spec, "input": {"key": "upload", **raw}}
        self.ledger.submit(NewJob("job_1", "acme", spec["kind"], "batch", nodes(spec["kind"]), job))
        return ready(self.ledger)

    def work(self, unit: str) -> Work:
        claim = take(self.ledger, unit)
        return Work(claim, self.artifacts, self.channels, Lease(claim), 20.0, self.ledger)

    async def run(self, unit: str) -> tuple[Output, list[str]]:
        """Run a unit's handler and complete it; return its output and the units that became ready."""
        work = self.work(unit)
        output = await asyncio.to_thread(HANDLERS[work.claim.stage], work)
        before = ready(self.ledger)
        self.ledger.complete(work.claim, output)
        return output, [unit for unit in ready(self.ledger) if unit not in before]

    def finish(self, unit: str, document: dict[str, Any], *children: Child) -> list[str]:
        """Complete a unit of another service's stage."""
        claim = take(self.ledger, unit)
        before = ready(self.ledger)
        self.ledger.complete(claim, Output(document, children))
        return [unit for unit in ready(self.ledger) if unit not in before]

    def opened(self, key: str) -> recordings.Opened:
        """Take an artifact apart."""
        return recordings.opened(ENGINE, self.artifacts.get(key))


@asynccontextmanager
async def running(folder: Path, ledger: Ledger) -> AsyncIterator[Stages]:
    """Handlers with a server behind them."""
    settings = CodecSettings()
    server = await start(spec(settings), settings)
    channels = Channels(lambda _: f"127.0.0.1:{server.port}")
    yield Stages(ledger, LocalArtifacts(folder), channels)
    channels.close()
    await server.stop()


@dataclass(frozen=True, slots=True)
class Region:
    """A region of a call, and the seconds of its speech: a tone, None where there is none."""

    start_ms: int
    end_ms: int
    speech_s: float | None = None


async def translated(
    stages: Stages,
    regions: dict[str, Region],
    sounds: dict[str, list[dict[str, Any]]] | None = None,
    recording: Samples = STEREO,
    **spec: Any,
) -> Output:
    """Run a call to its end.

    Args:
        stages: That run it.
        regions: By index, such as "c0r3".
        sounds: By channel, such as "c0", what is no speech.
        recording: Shape (samples, 2), 8 kHz.
        **spec: On top of CALL's.
    """
    (unit,) = stages.submit(dict(CALL) | spec, recordings.wav(recording, 8000))
    decoded, waiting = await stages.run(unit)
    channels = {child.index: child.payload for child in decoded.children}
    while waiting[0].split(":")[1] != tasks.ENCODE:
        unit, *waiting = waiting
        _, stage, index = unit.split(":")
        if stage == tasks.SEGMENT:
            children = [
                Child(region, {**channels[index], "start_ms": each.start_ms, "end_ms": each.end_ms})
                for region, each in regions.items()
                if region.startswith(f"{index}r")
            ]
            waiting += stages.finish(unit, {"sounds": (sounds or {}).get(index, [])}, *children)
        elif stage == tasks.SYNTHESIZE:
            waiting += stages.finish(unit, spoken(stages, index, regions[index].speech_s))
        else:
            waiting += stages.finish(unit, {})
    output, _ = await stages.run(waiting[0])
    return output


def spoken(stages: Stages, index: str, seconds: float | None) -> dict[str, Any]:
    """Store a tone in place of a region's speech; return what its unit says of it."""
    if seconds is None:
        return {"audio": None}
    key = f"speech/{index}.wav"
    stages.artifacts.put(key, recordings.wav(recordings.tone(seconds, 24_000), 24_000))
    return {"audio": key, "duration_ms": round(seconds * 1000)}
