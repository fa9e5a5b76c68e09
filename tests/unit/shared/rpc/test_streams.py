"""Streams that begin with a config are read to their end, in order and under a cap."""

from __future__ import annotations

from collections.abc import AsyncIterator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from protos.v1.asr_pb2 import SegmentConfig, SegmentRequest
from protos.v1.codec_pb2 import DecodeConfig, DecodeRequest
from services.shared.errors import InvalidRequest, TooLarge, Unavailable
from services.shared.rpc.client import chunks
from services.shared.rpc.server import Lazy, collect

CONFIG = SegmentRequest(config=SegmentConfig(language_code="en"))


async def stream(*requests: SegmentRequest) -> AsyncIterator[SegmentRequest]:
    for request in requests:
        yield request


def audio(data: bytes) -> SegmentRequest:
    return SegmentRequest(audio=data)


@given(data=st.binary(max_size=2000), size_bytes=st.integers(1, 300))
async def test_what_is_cut_into_chunks_is_collected_whole(data: bytes, size_bytes: int) -> None:
    pieces = list(chunks(data, size_bytes))
    assert all(0 < len(piece) <= size_bytes for piece in pieces)
    config, joined = await collect(stream(CONFIG, *map(audio, pieces)), "config", "audio", len(data))
    assert config == CONFIG.config
    assert bytes(joined) == data


async def test_the_last_byte_allowed_is_taken_and_the_next_is_too_much() -> None:
    assert (await collect(stream(CONFIG, audio(b"1234")), "config", "audio", 4))[1] == b"1234"
    with pytest.raises(TooLarge) as caught:
        await collect(stream(CONFIG, audio(b"1234"), audio(b"5")), "config", "audio", 4)
    assert caught.value.code == "audio_too_long"


async def test_a_stream_over_the_cap_is_not_read_to_its_end() -> None:
    read = []

    async def endless() -> AsyncIterator[SegmentRequest]:
        yield CONFIG
        while True:
            read.append(1)
            yield audio(b"x" * 100)

    with pytest.raises(TooLarge):
        await collect(endless(), "config", "audio", 1000)
    assert len(read) == 11


@pytest.mark.parametrize(
    "requests",
    [
        (),
        (audio(b"1"),),
        (audio(b"1"), CONFIG),
        (CONFIG, CONFIG),
        (CONFIG, audio(b"1"), CONFIG),
        (SegmentRequest(), CONFIG),
        (CONFIG, SegmentRequest()),
    ],
)
async def test_a_stream_out_of_order_is_refused(requests: tuple[SegmentRequest, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await collect(stream(*requests), "config", "audio", 100)
    assert caught.value.code == "config_first"


async def test_the_fields_may_have_other_names() -> None:
    async def upload() -> AsyncIterator[DecodeRequest]:
        yield DecodeRequest(config=DecodeConfig())
        yield DecodeRequest(file=b"RIFF")

    assert (await collect(upload(), "config", "file", 100))[1] == b"RIFF"


def test_a_core_that_is_not_loaded_is_unavailable_until_it_is() -> None:
    core: Lazy[str] = Lazy()
    with pytest.raises(Unavailable) as caught:
        core()
    assert caught.value.code == "model_loading"
    core.set("the core")
    assert core() == "the core"
