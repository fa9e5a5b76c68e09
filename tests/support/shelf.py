"""A translation service with several engines, of which the tests say what they do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import grpc

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.batching import URGENCY, Urgency
from services.shared.config import Settings
from services.shared.engines import Model, Reference
from services.shared.errors import InternalError, Misconfigured
from services.shared.residents import Bounds, Residents
from services.shared.rpc import server
from services.shared.rpc.admission import Admission

ALPHA, BETA, GAMMA = (Reference("echo", name) for name in ("alpha", "beta", "gamma"))
MISSING, BROKEN = Reference("echo", "missing"), Reference("echo", "broken")


class Engine:
    """Answers with its own name, as long as it is not closed."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.closed = False

    def translate(self, text: str) -> str:
        if self.closed:
            raise InternalError("It was used after it was closed.")
        return f"{self.model.name}: {text}"


@dataclass
class Trade:
    """Loads what is no `missing` one; `load_gate` keeps loading waiting."""

    load_gate: threading.Event = field(default_factory=threading.Event)
    loading: threading.Event = field(default_factory=threading.Event)

    def load(self, reference: Reference) -> Engine:
        if reference == MISSING:
            raise Misconfigured("Run `dragoman models pull missing`.", code="model_missing")
        self.loading.set()
        assert self.load_gate.wait(60)
        return Engine(Model(reference.model, "1", f"sha-{reference.model}", 100))

    def prove(self, engine: Engine) -> None:
        if engine.model.name == BROKEN.model:
            raise InternalError("It says nothing.", code="self_test_failed")

    def describe(self, _engine: Engine) -> None:
        return

    def model_of(self, engine: Engine) -> Model:
        return engine.model

    def close(self, engine: Engine) -> None:
        engine.closed = True


Shelf = Residents[Engine, None]


class Servicer(translation_pb2_grpc.TranslationServicer):
    """Translates by the engine that a request names, and remembers how urgent it was."""

    def __init__(self, core: server.Lazy[Shelf], admission: Admission, urgencies: list[Urgency]) -> None:
        self._core = core
        self._admission = admission
        self._urgencies = urgencies

    async def Translate(  # noqa: N802 - gRPC's name
        self,
        request: translation_pb2.TranslateRequest,
        _context: grpc.aio.ServicerContext[object, object],
    ) -> translation_pb2.TranslateResponse:
        self._urgencies.append(URGENCY.get())
        return await self._admission.run(partial(_translate, self._core(), request))

    async def GetCapabilities(  # noqa: N802 - gRPC's name
        self, _request: common_pb2.CapabilitiesRequest, _context: grpc.aio.ServicerContext[object, object]
    ) -> translation_pb2.TranslationCapabilities:
        by_way = translation_pb2.LanguagePair(source_language="de", target_language="pt", pivot_language="en")
        direct = (("de", "en"), ("en", "pt"))
        return translation_pb2.TranslationCapabilities(
            pairs=[
                *(translation_pb2.LanguagePair(source_language=a, target_language=b) for a, b in direct),
                by_way,
            ]
        )


def _translate(
    shelf: Shelf, request: translation_pb2.TranslateRequest, _cancelled: Callable[[], bool]
) -> translation_pb2.TranslateResponse:
    fitting = [each for each in shelf.statuses if request.model in {"", each.model.name}]
    if not fitting:
        raise Misconfigured("There is no such model.", code="unknown_model")
    with shelf.use(fitting[0].reference) as engine:
        model = common_pb2.ModelInfo(name=engine.model.name, sha256=engine.model.sha256)
        texts = [
            translation_pb2.TranslatedText(text=engine.translate(text), models=[model])
            for text in request.texts
        ]
    return translation_pb2.TranslateResponse(translations=texts)


@dataclass
class Stand:
    """A running server with a shelf of engines."""

    running: server.RunningServer[Shelf]
    trade: Trade
    urgencies: list[Urgency]

    @property
    def port(self) -> int:
        return self.running.port


@asynccontextmanager
async def standing(
    *references: Reference, bounds: Bounds | None = None, settings: Settings | None = None
) -> AsyncIterator[Stand]:
    """Serve these engines on a free port."""
    trade, urgencies = Trade(), list[Urgency]()
    trade.load_gate.set()

    def register(into: grpc.aio.Server, core: server.Lazy[Shelf], admission: Admission) -> None:
        translation_pb2_grpc.add_TranslationServicer_to_server(Servicer(core, admission, urgencies), into)

    spec = server.ServerSpec(
        "translation",
        "dragoman.v1.Translation",
        lambda: Residents(references, trade, bounds or Bounds()),
        register,
        slots=2,
        queue=50,
        residents=lambda shelf: shelf,
    )
    running = await server.start(spec, settings or Settings())
    try:
        yield Stand(running, trade, urgencies)
    finally:
        trade.load_gate.set()
        await asyncio.shield(running.stop())
