"""Packets over real gRPC: they come while the audio is still being sent, and errors have their codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest

from protos.v1 import codec_pb2, codec_pb2_grpc, common_pb2
from services.codec.server import spec
from services.codec.settings import CodecSettings
from services.shared.rpc import wire
from services.shared.rpc.server import start
from tests.support import recordings

SETTINGS = CodecSettings(codec_streams=2)
RATE_HZ = 24_000


@pytest.fixture
async def stub() -> AsyncIterator[codec_pb2_grpc.CodecAsyncStub]:
    """A client of a running server."""
    server = await start(spec(SETTINGS), SETTINGS)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield codec_pb2_grpc.CodecStub(channel)
    await server.stop()


def encode_config(codec: str = "opus", **fields: Any) -> codec_pb2.EncodeStreamRequest:
    layout = common_pb2.PcmFormat(sample_rate_hertz=RATE_HZ, channel_count=fields.pop("channels", 1))
    return codec_pb2.EncodeStreamRequest(
        config=codec_pb2.EncodeStreamConfig(codec=codec, format=layout, **fields)
    )


def decode_config(codec: str = "opus") -> codec_pb2.DecodeStreamRequest:
    config = codec_pb2.DecodeStreamConfig(codec=codec, sample_rate_hertz=RATE_HZ)
    return codec_pb2.DecodeStreamRequest(config=config)


async def code_of(call: AsyncIterable[object]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    return {key: str(value) for key, value in caught.value.trailing_metadata() or ()}[wire.CODE_KEY]


async def test_a_stream_goes_out_and_comes_back(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    tone = recordings.tone(1, RATE_HZ)[:, 0]
    encoding = stub.EncodeStream()
    await encoding.write(encode_config(bitrate_kbps=32))
    info = (await received(encoding)).info
    assert (info.codec, info.packet_ms, info.bitrate_kbps) == ("opus", 20, 32)
    assert info.sample_rate_hertz == RATE_HZ
    assert not info.HasField("model")
    packets = []
    for part in tone.reshape(25, -1):
        await encoding.write(codec_pb2.EncodeStreamRequest(audio=part.tobytes()))
        # Both packets of 40 ms come before more audio is sent.
        packets += [(await received(encoding)).packet for _ in range(2)]
    await encoding.done_writing()
    while response := await received(encoding):
        packets.append(response.packet)
    decoding = stub.DecodeStream()
    await decoding.write(decode_config())
    layout = (await received(decoding)).info.format
    assert (layout.sample_rate_hertz, layout.channel_count) == (RATE_HZ, 1)
    for packet in packets:
        await decoding.write(codec_pb2.DecodeStreamRequest(packet=packet))
    await decoding.done_writing()
    audio = b""
    while response := await received(decoding):
        audio += response.audio
    heard = np.frombuffer(audio, np.int16)
    assert len(heard) == pytest.approx(len(packets) * 480, abs=10)
    assert recordings.pitch_hz(heard[6000:18_000], RATE_HZ) == pytest.approx(440, abs=2)


async def received(call: Any) -> Any:
    """Return the next message; None at the end."""
    message = await call.read()
    return None if message is grpc.aio.EOF else message


BAD_ENCODINGS = [
    ([codec_pb2.EncodeStreamRequest(audio=b"ab")], "config_first"),
    ([], "config_first"),
    ([encode_config(), encode_config()], "config_first"),
    ([encode_config("flac")], "not_streamable"),
    ([encode_config("realaudio")], "unknown_codec"),
    ([encode_config(channels=2)], "invalid_audio"),
    ([encode_config(), codec_pb2.EncodeStreamRequest(audio=b"abc")], "invalid_audio"),
]


@pytest.mark.parametrize(("requests", "code"), BAD_ENCODINGS)
async def test_a_stream_that_cannot_be_made_says_why(
    stub: codec_pb2_grpc.CodecAsyncStub, requests: list[codec_pb2.EncodeStreamRequest], code: str
) -> None:
    assert await code_of(stub.EncodeStream(iter(requests))) == code


async def test_a_packet_that_is_none_says_so(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    requests = [decode_config(), codec_pb2.DecodeStreamRequest(packet=bytes(5000))]
    assert await code_of(stub.DecodeStream(iter(requests))) == "damaged_packet"


async def test_one_stream_too_many_is_refused_until_another_ends(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    running = [stub.EncodeStream() for _ in range(2)]
    for call in running:
        await call.write(encode_config())
        await call.read()
    assert await code_of(stub.EncodeStream(iter([encode_config()]))) == "overloaded"
    running[0].cancel()
    await running[1].done_writing()
    await received(running[1])
    await asyncio.wait_for(opened(stub), 30)


async def opened(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    """Return once a stream finds a place."""
    while True:
        try:
            async for _ in stub.EncodeStream(iter([encode_config()])):
                return
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0)


async def test_capabilities_tell_what_can_be_streamed(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    answer = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
    packets = {codec.name: codec.packet_ms for codec in answer.codecs if codec.packet_ms}
    assert packets == {"opus": 20, "mulaw": 20, "alaw": 20, "g722": 20, "gsm": 20}
    assert not any(codec.HasField("model") for codec in answer.codecs)
