"""A speech recogniser that hears what a test tells it to, over real gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.shared.rpc import wire

MAX_REGION_MS = 28_000


class Listener(asr_pb2_grpc.AsrServicer):
    """Answers with texts in their order, the last one again and again; a status among them is an error.

    Attributes:
        configs: Of the calls.
        heard_bytes: How much audio each of them brought.
        port: Where it listens.
    """

    def __init__(self, answers: Sequence[str | grpc.StatusCode], max_region_ms: int = MAX_REGION_MS) -> None:
        self._answers = list(answers)
        self._max_region_ms = max_region_ms
        self.configs: list[asr_pb2.TranscribeConfig] = []
        self.heard_bytes: list[int] = []
        self.port = 0

    async def Transcribe(  # noqa: N802 - the proto's name
        self, request_iterator: AsyncIterator[asr_pb2.TranscribeRequest], context: Any
    ) -> asr_pb2.TranscribeResponse:
        """Hear all, then answer; it says that this took it 100 s."""
        requests = [request async for request in request_iterator]
        self.configs.append(requests[0].config)
        self.heard_bytes.append(sum(len(request.audio) for request in requests))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "As the test wished.")
        context.set_trailing_metadata(((wire.SERVED_KEY, "100000"),))
        return asr_pb2.TranscribeResponse(text=str(answer))

    async def Segment(  # noqa: N802 - the proto's name
        self, request_iterator: AsyncIterator[asr_pb2.SegmentRequest], context: Any
    ) -> asr_pb2.SegmentResponse:
        """Find nothing."""
        return asr_pb2.SegmentResponse()

    async def GetCapabilities(  # noqa: N802 - the proto's name
        self, request: common_pb2.CapabilitiesRequest, context: Any
    ) -> asr_pb2.AsrCapabilities:
        """Say how much may be heard at once."""
        return asr_pb2.AsrCapabilities(max_region_ms=self._max_region_ms)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Listener]:
    """Serve a listener."""
    server = grpc.aio.server()
    asr_pb2_grpc.add_AsrServicer_to_server(listener, server)
    listener.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield listener
    await server.stop(None)
