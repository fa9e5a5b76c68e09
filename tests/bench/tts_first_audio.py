"""How soon the first audio of a text is there: through the server clause by clause, and from the library."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import grpc
import kokoro_onnx
import numpy as np
import onnxruntime

from protos.v1 import tts_pb2, tts_pb2_grpc
from services.shared.config import load
from services.shared.models.catalogue import Catalogue
from services.shared.rpc.server import start
from services.tts.engines.kokoro import MODEL_NAME
from services.tts.server import spec
from services.tts.settings import TtsSettings
from tests.bench.report import Bars, Result, Row, Spread, spread

_LIMIT: Final = 1.1
_PASSES: Final = 3
_VOICE: Final = "af_heart"
_CLAUSES: Final = (
    "Good morning, how can I help you today?",
    "Could you please tell me your account number?",
    "I will look into it right away.",
    "Your technician arrives tomorrow morning.",
    "Is there anything else that I can do for you?",
)
_LONG: Final = (
    "Thank you for calling, I am glad to help you with that. I can see that your last payment arrived on the "
    "third of May, and that your contract runs until the end of the year. If you like, I can send you a copy "
    "of the invoice by mail, which takes about three days. Is there anything else that I can do for you?"
)


class _Library:
    """kokoro-onnx as its README uses it, on one thread, with the same model and voice."""

    def __init__(self, settings: TtsSettings) -> None:
        folder = Catalogue(settings.models_dir).folder(MODEL_NAME)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.tts_threads_chosen
        session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
        style = np.fromfile(folder / "voices" / f"{_VOICE}.bin", np.float32).reshape(510, 1, 256)
        with TemporaryDirectory() as voices:
            np.savez(path := Path(voices) / "voices.npz", style=style)
            self._kokoro = kokoro_onnx.Kokoro.from_session(session, str(path))
            self._style = self._kokoro.get_voice_style("style")

    def seconds(self, text: str) -> float:
        """Speak the whole text, which is when the library's first audio is there."""
        began_s = time.perf_counter()
        self._kokoro.create(text, self._style, lang="en-us")
        return time.perf_counter() - began_s


class _Service:
    """The server over gRPC on this machine."""

    def __init__(self, stub: tts_pb2_grpc.TtsAsyncStub) -> None:
        self._stub = stub

    async def seconds(self, text: str) -> tuple[float, float]:
        """Return when the first and the last audio of a text came."""
        request = tts_pb2.SynthesizeRequest(text=text, language_code="en-US", voice=_VOICE, streaming=True)
        began_s = time.perf_counter()
        arrivals = [moment async for moment in self._arrivals(request)]
        return arrivals[0] - began_s, arrivals[-1] - began_s

    async def _arrivals(self, request: tts_pb2.SynthesizeRequest) -> AsyncIterator[float]:
        async for message in self._stub.Synthesize(request):
            if message.audio:
                yield time.perf_counter()


def run() -> Result:
    """Ask both for the same clauses by turns, then for a long text."""
    return asyncio.run(_run())


async def _run() -> Result:
    settings = load(TtsSettings).model_copy(update={"tts_engines": "kokoro"})
    library = _Library(settings)
    server = await start(spec(settings), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        service = _Service(tts_pb2_grpc.TtsStub(channel))
        try:
            return await _measured(library, service)
        finally:
            await server.stop()


async def _measured(library: _Library, service: _Service) -> Result:
    library.seconds(_CLAUSES[0])
    await service.seconds(_CLAUSES[0])
    ours, theirs = [], []
    for _ in range(_PASSES):
        for clause in _CLAUSES:
            theirs.append(library.seconds(clause))
            ours.append((await service.seconds(clause))[0])
    first, last = zip(*[await service.seconds(_LONG) for _ in range(_PASSES)], strict=True)
    whole = [library.seconds(_LONG) for _ in range(_PASSES)]
    ratios = spread([mine / its for mine, its in zip(ours, theirs, strict=True)])
    bars = {
        "one clause, library": spread(theirs).median,
        "one clause, server": spread(ours).median,
        "long text, library": spread(whole).median,
        "long text, server, first clause": spread(first).median,
        "long text, server, last clause": spread(last).median,
    }
    rows = (
        Row("first audio of one clause, server to library", "ratio", ratios, f"<= {_LIMIT}"),
        Row("first audio of a long text, server to library", "ratio", _ratio(first, whole)),
        Row("all audio of a long text, server to library", "ratio", _ratio(last, whole)),
    )
    title = f"Time to audio; first clause at {ratios.median:.2f} of the library's"
    return Result("tts_first_audio", rows, (Bars(title, "s", bars),), {"clauses": len(ours)})


def _ratio(ours: tuple[float, ...], theirs: list[float]) -> Spread:
    return spread([mine / its for mine, its in zip(ours, theirs, strict=True)])
