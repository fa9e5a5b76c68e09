"""Streams of files and clips are received in order, whole, and up to a cap."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.v1 import codec_pb2, common_pb2
from services.codec.settings import CodecSettings
from services.codec.uploads import Upload, receive_clips, receive_file
from services.gateway.settings import GatewaySettings
from services.shared.errors import DragomanError, TooLarge
from tests.support import recordings

T = TypeVar("T")
CONFIG = codec_pb2.EncodeRequest(config=codec_pb2.EncodeConfig(codec="wav"))


async def stream(*messages: T) -> AsyncIterator[T]:
    for message in messages:
        yield message


def start(channel: int = 0, start_ms: int = 0, rate_hz: int = 8000) -> codec_pb2.EncodeRequest:
    layout = common_pb2.PcmFormat(sample_rate_hertz=rate_hz, channel_count=1)
    clip = codec_pb2.ClipStart(channel=channel, start_ms=start_ms, format=layout)
    return codec_pb2.EncodeRequest(clip=clip)


def audio(*samples: int) -> codec_pb2.EncodeRequest:
    return codec_pb2.EncodeRequest(audio=np.array(samples, np.int16).tobytes())


async def test_a_file_is_put_together_from_its_pieces() -> None:
    file = io.BytesIO()
    config = codec_pb2.DecodeConfig(sample_rate_hertz=16_000)
    pieces = [codec_pb2.DecodeRequest(file=piece) for piece in (b"one ", b"", b"two ", b"three")]
    received = await receive_file(stream(codec_pb2.DecodeRequest(config=config), *pieces), file, 100)
    assert received == config
    assert file.getvalue() == b"one two three"


@given(st.lists(st.binary(max_size=40), max_size=10), st.integers(0, 200))
def test_no_more_than_the_cap_is_ever_written(pieces: list[bytes], cap: int) -> None:
    file = io.BytesIO()
    upload = Upload(file, cap, "codec_max_file_bytes")
    whole = b"".join(pieces)

    def write_all() -> None:
        for piece in pieces:
            upload.write(piece)

    if len(whole) > cap:
        with pytest.raises(TooLarge) as caught:
            write_all()
        assert caught.value.code == "file_too_large"
        assert whole.startswith(file.getvalue())
        assert len(file.getvalue()) <= cap
    else:
        write_all()
        assert file.getvalue() == whole


async def test_too_much_names_the_setting_to_raise() -> None:
    decode = (codec_pb2.DecodeRequest(config=codec_pb2.DecodeConfig()), codec_pb2.DecodeRequest(file=b"123"))
    with pytest.raises(TooLarge, match="codec_max_file_bytes"):
        await receive_file(stream(*decode), io.BytesIO(), 2)
    with pytest.raises(TooLarge, match="codec_max_decoded_bytes"):
        await receive_clips(stream(CONFIG, start(), audio(1, 2)), io.BytesIO(), 2)


def test_what_the_gateway_takes_the_codec_takes_too() -> None:
    assert CodecSettings().codec_max_file_bytes == GatewaySettings().gateway_max_upload_bytes


async def test_clips_keep_their_audio_apart() -> None:
    messages = (CONFIG, start(1, 250), audio(1, 2), audio(3), start(0, 0, 24_000), start(2), audio(4, 5))
    with recordings.spooled(b"") as file:
        config, clips = await receive_clips(stream(*messages), file, 1000)
    assert config.codec == "wav"
    assert [(clip.channel, clip.start_ms, clip.sample_rate_hz) for clip in clips] == [
        (1, 250, 8000), (0, 0, 24_000), (2, 0, 8000),
    ]  # fmt: skip
    assert [clip.samples.tolist() for clip in clips] == [[1, 2, 3], [], [4, 5]]


async def test_a_sample_may_be_split_between_messages() -> None:
    halves = [codec_pb2.EncodeRequest(audio=half) for half in (b"\x01", b"\x02\x03", b"\x04")]
    with recordings.spooled(b"") as file:
        _, clips = await receive_clips(stream(CONFIG, start(), *halves), file, 1000)
    assert clips[0].samples.tolist() == [0x0201, 0x0403]


async def test_no_clips_are_no_audio() -> None:
    with recordings.spooled(b"") as file:
        assert (await receive_clips(stream(CONFIG), file, 1000))[1] == []
        assert (await receive_clips(stream(CONFIG, start()), file, 1000))[1][0].samples.tolist() == []


async def test_half_a_sample_is_refused() -> None:
    with recordings.spooled(b"") as file:
        messages = (CONFIG, start(), codec_pb2.EncodeRequest(audio=b"\0"), start(), audio(1))
        with pytest.raises(DragomanError) as caught:
            await receive_clips(stream(*messages), file, 1000)
    assert caught.value.code == "invalid_audio"
