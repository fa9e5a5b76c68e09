"""A tiny translation service on the shared server: it answers what the test tells it to."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.shared.config import Settings, load
from services.shared.errors import Misconfigured
from services.shared.rpc import client, server
from services.shared.rpc.admission import Admission

GRPC_NAME = "dragoman.v1.Translation"
Translate = Callable[[str, Callable[[], bool]], str]


class Servicer(translation_pb2_grpc.TranslationServicer):
    """Runs the loaded core on each text, in admitted threads."""

    def __init__(self, core: server.Lazy[Translate], admission: Admission) -> None:
        self._core = core
        self._admission = admission

    async def Translate(  # noqa: N802 - gRPC's name
        self,
        request: translation_pb2.TranslateRequest,
        context: grpc.aio.ServicerContext[object, object],
    ) -> translation_pb2.TranslateResponse:
        core = self._core()
        texts = await self._admission.run(lambda gone: [core(text, gone) for text in request.texts])
        return translation_pb2.TranslateResponse(
            translations=[translation_pb2.TranslatedText(text=text) for text in texts]
        )

    async def GetCapabilities(  # noqa: N802 - gRPC's name
        self, request: common_pb2.CapabilitiesRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> translation_pb2.TranslationCapabilities:
        return translation_pb2.TranslationCapabilities()


def spec(translate: Translate, slots: int = 2, queue: int = 2) -> server.ServerSpec[Translate]:
    """Describe a server whose core is `translate`."""
    return loading(lambda: translate, slots, queue)


def loading(load: Callable[[], Translate], slots: int = 2, queue: int = 2) -> server.ServerSpec[Translate]:
    """Describe a server whose core is what `load` returns."""

    def register(into: grpc.aio.Server, core: server.Lazy[Translate], admission: Admission) -> None:
        translation_pb2_grpc.add_TranslationServicer_to_server(Servicer(core, admission), into)

    return server.ServerSpec("translation", GRPC_NAME, load, register, slots, queue)


@asynccontextmanager
async def serving(
    translate: Translate, slots: int = 2, queue: int = 2
) -> AsyncIterator[server.RunningServer[Translate]]:
    """Serve `translate` on a free port."""
    running = await server.start(spec(translate, slots, queue), Settings())
    try:
        yield running
    finally:
        await running.stop()


def ask(port: int, text: str, timeout_s: float = 30) -> str:
    """Translate one text through the shared client."""
    with client.channel(f"127.0.0.1:{port}") as channel:
        stub = translation_pb2_grpc.TranslationStub(channel)
        request = translation_pb2.TranslateRequest(texts=[text])
        response = client.call(lambda: stub.Translate(request, timeout=timeout_s))
    return response.translations[0].text


def health(port: int, service: str = GRPC_NAME) -> str:
    """Return what a server says of its health, through a channel that does not watch it."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its methods are made at run time
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


class Gate:
    """A translation that waits until the test opens the gate."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.gone = threading.Event()

    def __call__(self, text: str, cancelled: Callable[[], bool]) -> str:
        self.entered.release()
        while not self.opened.wait(0.01):
            if cancelled():
                self.gone.set()
        return text.upper()


def upper() -> Translate:
    """Load a model that shouts."""
    return lambda text, _cancelled: text.upper()


def broken() -> Translate:
    """Load a model that is not there."""
    raise Misconfigured("The model is not there; run `dragoman models pull lite`.")


if __name__ == "__main__":
    server.run(loading(broken if "broken" in sys.argv else upper), load(Settings))
