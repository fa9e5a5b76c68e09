"""The streaming calls of the codec server: packets out as audio comes in, and the other way round."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from protos.v1 import codec_pb2, common_pb2
from services.codec.core import CodecCore
from services.codec.media import StreamRequest
from services.shared.batching import URGENCY, Urgency
from services.shared.engines import Model
from services.shared.errors import InvalidRequest, Overloaded

R = TypeVar("R")


class Streams:
    """Runs streams beside files: each has a thread when it has something to do, so that they form batches.

    They hold no slot: a stream mostly waits for its speaker, and must not itself wait behind an hour's file.

    Args:
        most: Open at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._executor = ThreadPoolExecutor(most, thread_name_prefix="stream")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a stream.

        Raises:
            Overloaded: there is none.
        """
        if self._open >= self._most:
            raise Overloaded("As many streams are open as this server takes; try again later.")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def run(self, work: Callable[[], R]) -> R:
        """Run a stream's next step in a thread, ahead of what is not live."""
        context = contextvars.copy_context()
        context.run(URGENCY.set, Urgency.LIVE)
        step = asyncio.get_running_loop().run_in_executor(self._executor, context.run, work)
        try:
            return await asyncio.shield(step)
        finally:
            # Of a caller who left, the engine is not let go under a step that still uses it.
            await asyncio.wait([step])


async def encode_stream(
    core: CodecCore, streams: Streams, requests: AsyncIterator[codec_pb2.EncodeStreamRequest]
) -> AsyncIterator[codec_pb2.EncodeStreamResponse]:
    """Answer EncodeStream: the info, then a packet as soon as it is full.

    Raises:
        InvalidRequest: codes config_first, invalid_audio, or what `CodecCore.encode_stream` says.
        Overloaded: too many streams are open.
    """
    config = (await _first(requests, "config")).config
    if config.format.channel_count > 1:
        raise InvalidRequest("A stream has one channel.", code="invalid_audio")
    wanted = StreamRequest(config.codec, config.bitrate_kbps, config.format.sample_rate_hertz)
    with streams.place(), await streams.run(partial(core.encode_stream, wanted)) as stream:
        info = codec_pb2.EncodeStreamInfo(
            codec=stream.codec.name,
            bitrate_kbps=stream.target.bitrate_kbps,
            sample_rate_hertz=stream.target.sample_rate_hz,
            packet_ms=stream.codec.packet_ms,
            model=model_info(stream.codec.model),
        )
        yield codec_pb2.EncodeStreamResponse(info=info)
        async for request in requests:
            _expect(request, "audio")
            for packet in await streams.run(partial(stream.push, request.audio)):
                yield codec_pb2.EncodeStreamResponse(packet=packet)
        for packet in await streams.run(stream.finish):
            yield codec_pb2.EncodeStreamResponse(packet=packet)


async def decode_stream(
    core: CodecCore, streams: Streams, requests: AsyncIterator[codec_pb2.DecodeStreamRequest]
) -> AsyncIterator[codec_pb2.DecodeStreamResponse]:
    """Answer DecodeStream: the info, then audio as soon as packets tell it.

    Raises:
        InvalidRequest: code config_first, or what `CodecCore.decode_stream` says.
        InvalidMedia: code damaged_packet.
        Overloaded: too many streams are open.
    """
    config = (await _first(requests, "config")).config
    wanted = StreamRequest(config.codec, config.bitrate_kbps, config.sample_rate_hertz)
    with streams.place(), await streams.run(partial(core.decode_stream, wanted)) as stream:
        layout = common_pb2.PcmFormat(sample_rate_hertz=stream.target.sample_rate_hz, channel_count=1)
        info = codec_pb2.DecodeStreamInfo(format=layout, model=model_info(stream.codec.model))
        yield codec_pb2.DecodeStreamResponse(info=info)
        async for request in requests:
            _expect(request, "packet")
            if audio := await streams.run(partial(stream.push, request.packet)):
                yield codec_pb2.DecodeStreamResponse(audio=audio)
        if audio := await streams.run(stream.finish):
            yield codec_pb2.DecodeStreamResponse(audio=audio)


def model_info(model: Model | None) -> common_pb2.ModelInfo | None:
    """Return what an answer says of a model; None where a codec needs none."""
    if model is None:
        return None
    return common_pb2.ModelInfo(name=model.name, revision=model.revision, sha256=model.sha256)


M = TypeVar("M", codec_pb2.EncodeStreamRequest, codec_pb2.DecodeStreamRequest)


async def _first(requests: AsyncIterator[M], kind: str) -> M:
    async for request in requests:
        _expect(request, kind)
        return request
    raise _out_of_order()


def _expect(request: codec_pb2.EncodeStreamRequest | codec_pb2.DecodeStreamRequest, kind: str) -> None:
    if request.WhichOneof("message") != kind:
        raise _out_of_order()


def _out_of_order() -> InvalidRequest:
    return InvalidRequest(
        "The first message of the stream must carry `config`, all later ones must not.", code="config_first"
    )
