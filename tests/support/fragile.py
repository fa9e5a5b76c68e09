"""A model server as a process that tests may kill: `python -m tests.support.fragile MODE FILE`.

It appends each text that it begins to work on to FILE, a line each. Modes: "serving", "loading" for ever,
and "silent", a server that is none of ours and tells nobody that it has begun.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from protos.v1 import common_pb2, translation_pb2_grpc, tts_pb2, tts_pb2_grpc
from services.shared.config import Settings, load
from services.shared.rpc import client, server
from services.shared.rpc.admission import Admission
from tests.support.translator import GRPC_NAME, Servicer, Translate

MODULE = "tests.support.fragile"
# What a text may ask for; any other is shouted.
DIE, HOLD = "die", "hold"
_FOR_EVER = threading.Event()


class Speaker(tts_pb2_grpc.TtsServicer):
    """A method that answers with a stream."""

    def __init__(self, core: server.Lazy[Translate], admission: Admission) -> None:
        self._core = core
        self._admission = admission

    async def Synthesize(  # noqa: N802 - gRPC's name
        self, request: tts_pb2.SynthesizeRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        audio = await self._admission.run(partial(self._core(), request.text))
        yield tts_pb2.SynthesizeResponse(audio=audio.encode())

    async def GetCapabilities(  # noqa: N802 - gRPC's name
        self, _request: common_pb2.CapabilitiesRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> tts_pb2.TtsCapabilities:
        return tts_pb2.TtsCapabilities()


def speak(channel: grpc.Channel, text: str) -> str:
    """Call the method that answers with a stream, through the shared client."""
    stub = tts_pb2_grpc.TtsStub(channel)
    request = tts_pb2.SynthesizeRequest(text=text)
    return "".join(
        each.audio.decode() for each in client.stream(lambda: stub.Synthesize(request, timeout=30))
    )


def obey(diary: Path, text: str, _cancelled: Callable[[], bool]) -> str:
    """Note the text and do what it asks for."""
    with diary.open("a") as file:
        file.write(f"{text}\n")
    if text == DIE:
        os.kill(os.getpid(), signal.SIGKILL)
    if text == HOLD:
        _FOR_EVER.wait()
    return text.upper()


def spec(begin: Callable[[], Translate]) -> server.ServerSpec[Translate]:
    """Describe a server with a method that answers with a message and one that answers with a stream."""

    def register(into: grpc.aio.Server, core: server.Lazy[Translate], admission: Admission) -> None:
        translation_pb2_grpc.add_TranslationServicer_to_server(Servicer(core, admission), into)
        tts_pb2_grpc.add_TtsServicer_to_server(Speaker(core, admission), into)

    return server.ServerSpec("translation", GRPC_NAME, begin, register, slots=4, queue=100)


def loading() -> Translate:
    """Never come to an end."""
    _FOR_EVER.wait()
    raise AssertionError


def be_silent(diary: Path, port: int) -> None:
    """Hold every call without a word."""

    def hold(request: tts_pb2.SynthesizeRequest, _context: grpc.ServicerContext) -> Iterator[Any]:
        yield obey(diary, request.text, bool)

    handler: Any = grpc.unary_stream_rpc_method_handler(hold, tts_pb2.SynthesizeRequest.FromString)
    handlers = [grpc.method_handlers_generic_handler("dragoman.v1.Tts", {"Synthesize": handler})]
    silent = grpc.server(ThreadPoolExecutor(1), handlers=handlers)
    silent.add_insecure_port(f"127.0.0.1:{port}")
    silent.start()
    silent.wait_for_termination()


def main(mode: str, diary: Path) -> None:
    """Run until killed, or told to end."""
    settings = load(Settings)
    if mode == "silent":
        be_silent(diary, settings.translation_port)
    else:
        server.run(spec(loading if mode == "loading" else lambda: partial(obey, diary)), settings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
