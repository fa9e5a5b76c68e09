"""Regions to be spoken by a real TTS server, beside a translation service that answers what the test says."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Claim, Output
from services.shared.rpc.admission import Admission
from services.shared.rpc.client import Channels
from services.shared.rpc.server import ServerSpec, start
from services.shared.stage import Work
from services.shared.tasks import SYNTHESIZE, TRANSCRIBE, TRANSLATE
from services.tts.server import spec
from services.tts.settings import TtsSettings
from services.tts.worker import synthesize
from tests.support.translator import GRPC_NAME

Request = translation_pb2.TranslateRequest
Answer = Callable[[Request], translation_pb2.TranslatedText]
REGION = {
    "channel": 0, "start_ms": 1000, "end_ms": 4000, "borrow_ms": 500, "source_language": "en",
    "target_language": "pt-BR", "voice": None, "max_stretch": 1,
}  # fmt: skip


def text(words: str, *warnings: str) -> translation_pb2.TranslatedText:
    """Return an answer's translation."""
    return translation_pb2.TranslatedText(text=words, warnings=warnings)


class _Servicer(translation_pb2_grpc.TranslationServicer):
    def __init__(self, desk: Desk, admission: Admission) -> None:
        self._desk = desk
        self._admission = admission

    async def Translate(  # noqa: N802 - gRPC's name
        self, request: Request, context: grpc.aio.ServicerContext[Any, Any]
    ) -> translation_pb2.TranslateResponse:
        self._desk.asked.append(request)
        answer = await self._admission.run(lambda _: self._desk.answer(request))
        return translation_pb2.TranslateResponse(translations=[answer])

    async def GetCapabilities(  # noqa: N802 - gRPC's name
        self, request: common_pb2.CapabilitiesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> translation_pb2.TranslationCapabilities:
        return translation_pb2.TranslationCapabilities()


@dataclass
class Desk:
    """Speaks regions of a job; `answer` is what translation says, `asked` what it was asked."""

    artifacts: LocalArtifacts
    channels: Channels
    ledger: Ledger
    answer: Answer = field(default=lambda _: text(""))
    asked: list[Request] = field(default_factory=list)

    def stored(self, document: Any) -> str:
        """Store JSON under a name that is never used again."""
        return self.artifacts.put(uuid.uuid4().hex, json.dumps(document).encode()).key

    def work(self, translation: dict[str, Any], transcript: dict[str, Any], **job: Any) -> Work:
        """Return a region's unit of work, on a job with this spec."""
        translated = {"translation": self.stored(translation), "empty": False}
        inputs: dict[str, dict[str, Any]] = {
            TRANSCRIBE: {"transcript": self.stored(transcript)},
            TRANSLATE: translated,
        }
        claim = Claim("unit_1", "job_1", SYNTHESIZE, "c0r3", 1, 0, "acme", job, REGION, inputs)
        return Work(claim, self.artifacts, self.channels, Lease(claim), 20.0, self.ledger)

    async def speak(
        self, translation: str, said: str = "said", /, *warnings: str, heard: Any = None, **job: Any
    ) -> Output:
        """Run the handler on a region."""
        document = {"text": translation, "warnings": list(warnings)}
        work = self.work(document, {"text": said} | (heard or {}), **job)
        return await asyncio.to_thread(synthesize, work)


@asynccontextmanager
async def desk(folder: Path, ledger: Ledger, *, away: bool = False) -> AsyncIterator[Desk]:
    """Run both servers; with `away` nobody answers for translation."""
    ports: dict[str, int] = {"translation": 1}
    settings = TtsSettings(tts_engines="fake")
    made = Desk(LocalArtifacts(folder), Channels(lambda name: f"127.0.0.1:{ports[name]}"), ledger)

    def register(into: grpc.aio.Server, _: object, admission: Admission) -> None:
        translation_pb2_grpc.add_TranslationServicer_to_server(_Servicer(made, admission), into)

    speaking = await start(spec(settings), settings)
    ports["tts"] = speaking.port
    translating = await start(ServerSpec("translation", GRPC_NAME, lambda: None, register, 2, 2), settings)
    if not away:
        ports["translation"] = translating.port
    yield made
    made.channels.close()
    await asyncio.gather(speaking.stop(), translating.stop())
