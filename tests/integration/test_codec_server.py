"""The codec server over real gRPC, with the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos.v1 import codec_pb2, codec_pb2_grpc, common_pb2
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.server import GRPC_NAME, load_core, spec
from services.codec.settings import CodecSettings
from services.codec.sniff import FFMPEG_CONTAINERS
from services.shared.errors import DragomanError, Misconfigured
from services.shared.rpc import wire
from services.shared.rpc.server import start
from tests.support import recordings

SETTINGS = CodecSettings(
    codec_slots=3,
    codec_max_duration_s=30,
    codec_max_file_bytes=2_000_000,
    codec_max_decoded_bytes=3_000_000,
)
ENGINE = PyavEngine(PyavSettings())
STEREO = recordings.tone(2, 8000, 440, 700)


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a running server."""
    server = await start(spec(SETTINGS), SETTINGS)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened
    await server.stop()


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> codec_pb2_grpc.CodecAsyncStub:
    """A client of that server."""
    return codec_pb2_grpc.CodecStub(channel)


def file_messages(data: bytes, **config: object) -> Iterator[codec_pb2.DecodeRequest]:
    yield codec_pb2.DecodeRequest(config=codec_pb2.DecodeConfig(**config))  # type: ignore[arg-type]  # by name
    for begin in range(0, len(data), wire.CHUNK_BYTES):
        yield codec_pb2.DecodeRequest(file=data[begin : begin + wire.CHUNK_BYTES])


async def decoded(
    stub: codec_pb2_grpc.CodecAsyncStub, data: bytes, **config: object
) -> tuple[codec_pb2.DecodeInfo, dict[int, bytes]]:
    """Decode; return the info and each channel's bytes."""
    responses = [message async for message in stub.Decode(file_messages(data, **config))]
    assert responses[0].HasField("info")
    channels: dict[int, bytes] = {}
    order = [message.audio.channel for message in responses[1:]]
    assert order == sorted(order)
    for message in responses[1:]:
        assert len(message.audio.audio) <= wire.CHUNK_BYTES
        channels[message.audio.channel] = channels.get(message.audio.channel, b"") + message.audio.audio
    return responses[0].info, channels


def clip_messages(
    config: codec_pb2.EncodeConfig, clips: list[tuple[int, int, bytes]]
) -> Iterator[codec_pb2.EncodeRequest]:
    yield codec_pb2.EncodeRequest(config=config)
    for channel, start_ms, audio in clips:
        layout = common_pb2.PcmFormat(sample_rate_hertz=24_000, channel_count=1)
        clip = codec_pb2.ClipStart(channel=channel, start_ms=start_ms, format=layout)
        yield codec_pb2.EncodeRequest(clip=clip)
        for begin in range(0, len(audio), wire.CHUNK_BYTES):
            yield codec_pb2.EncodeRequest(audio=audio[begin : begin + wire.CHUNK_BYTES])


async def encoded(
    stub: codec_pb2_grpc.CodecAsyncStub,
    config: codec_pb2.EncodeConfig,
    clips: list[tuple[int, int, bytes]],
) -> tuple[codec_pb2.EncodeInfo, bytes]:
    """Encode; return the info and the file."""
    responses = [message async for message in stub.Encode(clip_messages(config, clips))]
    return responses[0].info, b"".join(message.file for message in responses[1:])


async def error_of(call: AsyncIterable[object]) -> DragomanError:
    """Return the error that a streaming call ends in."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    metadata = {key: str(value) for key, value in caught.value.trailing_metadata() or ()}
    error = DragomanError(caught.value.details() or "", code=metadata[wire.CODE_KEY])
    assert error.detail
    return error


def tone_bytes(seconds: float) -> bytes:
    return recordings.tone(seconds, 24_000).tobytes()


async def test_it_serves_only_once_it_has_tested_itself(channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", GRPC_NAME):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))  # type: ignore[attr-defined]  # no stubs
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_head_is_probed(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    answer = await stub.Probe(codec_pb2.ProbeRequest(head=b"fLaC\0\0\0\x22", size_bytes=10**9))
    assert answer.container == "flac"
    raw = codec_pb2.RawFormat(encoding="alaw", sample_rate_hertz=8000, channel_count=2)
    answer = await stub.Probe(codec_pb2.ProbeRequest(head=b"\xd5", size_bytes=1, raw_format=raw))
    assert answer.container == "alaw"


@pytest.mark.parametrize(
    ("size", "head", "code"), [(0, b"", "empty_file"), (9, b"ffconcat ", "unknown_media")]
)
async def test_a_probe_refuses_what_is_no_recording(
    stub: codec_pb2_grpc.CodecAsyncStub, size: int, head: bytes, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Probe(codec_pb2.ProbeRequest(head=head, size_bytes=size))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (wire.CODE_KEY, code) in list(caught.value.trailing_metadata() or ())


async def test_a_file_comes_back_as_channels(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    info, channels = await decoded(stub, recordings.wav(STEREO, 8000))
    assert (info.container, info.codec, info.channel_count) == ("wav", "pcm_s16le", 2)
    assert (info.source_sample_rate_hertz, info.sample_rate_hertz, info.duration_ms) == (8000, 8000, 2000)
    assert list(info.identical_to) == [0, 1]
    assert channels == {0: STEREO[:, 0].tobytes(), 1: STEREO[:, 1].tobytes()}


async def test_channels_come_at_the_rate_that_was_asked(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    info, channels = await decoded(stub, recordings.wav(STEREO, 8000), sample_rate_hertz=16_000)
    assert (info.source_sample_rate_hertz, info.sample_rate_hertz) == (8000, 16_000)
    assert [len(channel) for channel in channels.values()] == [2 * 2 * 16_000] * 2


async def test_a_headerless_file_is_decoded_as_declared(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    raw = codec_pb2.RawFormat(encoding="s16le", sample_rate_hertz=8000, channel_count=2)
    info, channels = await decoded(stub, STEREO.tobytes(), raw_format=raw)
    assert info.container == "s16le"
    assert channels[1] == STEREO[:, 1].tobytes()


BAD_FILES = [
    (b"", "empty_file"),
    (b"ffconcat version 1.0\nfile victim.wav\n", "unknown_media"),
    (recordings.wav(STEREO, 8000)[:20_000], "truncated_media"),
    (recordings.wav(np.zeros((0, 1), np.int16), 8000), "empty_file"),
    (recordings.wav(np.zeros((100, 9), np.int16), 8000), "too_many_channels"),
    (recordings.wav(np.zeros((31 * 8000, 1), np.int16), 8000), "media_too_long"),
    (bytes(2_000_001), "file_too_large"),
]


@pytest.mark.parametrize(
    ("data", "code"), BAD_FILES, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_a_bad_file_is_an_error_with_a_stable_code(
    stub: codec_pb2_grpc.CodecAsyncStub, data: bytes, code: str
) -> None:
    assert (await error_of(stub.Decode(file_messages(data)))).code == code
    info, _ = await decoded(stub, recordings.wav(STEREO, 8000))
    assert info.duration_ms == 2000


async def test_streams_out_of_order_are_refused(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    config = codec_pb2.DecodeRequest(config=codec_pb2.DecodeConfig())
    file = codec_pb2.DecodeRequest(file=b"RIFF")
    for messages in ([], [file], [config, config], [config, file, config], [codec_pb2.DecodeRequest()]):
        assert (await error_of(stub.Decode(iter(messages)))).code == "config_first"


async def test_clip_streams_out_of_order_are_refused(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    config = codec_pb2.EncodeRequest(config=codec_pb2.EncodeConfig(codec="wav", channel_count=1))
    clip = codec_pb2.EncodeRequest(clip=codec_pb2.ClipStart())
    audio = codec_pb2.EncodeRequest(audio=b"\0\0")
    for messages in ([], [clip], [audio], [config, audio], [config, clip, config]):
        assert (await error_of(stub.Encode(iter(messages)))).code == "config_first"


async def test_clips_come_back_as_a_file(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    config = codec_pb2.EncodeConfig(
        codec="opus", bitrate_kbps=24, layout="multichannel", channel_count=2, duration_ms=4000, level=True
    )
    clips = [(0, 500, tone_bytes(1)), (1, 2000, tone_bytes(1)), (0, 1000, tone_bytes(0.5))]
    info, data = await encoded(stub, config, clips)
    assert (info.codec, info.media_type, info.file_extension) == ("opus", "audio/ogg", "ogg")
    assert (info.sample_rate_hertz, info.bitrate_kbps, info.duration_ms) == (24_000, 24, 4000)
    assert [(place.start_ms, place.end_ms) for place in info.placements] == [
        (500, 1500), (2000, 3000), (1500, 2000),
    ]  # fmt: skip
    media = recordings.opened(ENGINE, data)
    assert media.duration_ms == pytest.approx(4000, abs=1)
    onsets = [recordings.onset_s(each, media.sample_rate_hz) for each in media.channels]
    assert onsets == pytest.approx([0.5, 2.0], abs=0.01)


async def test_a_mix_is_one_channel(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    config = codec_pb2.EncodeConfig(codec="wav", layout="mixed", channel_count=2)
    _, data = await encoded(stub, config, [(0, 0, tone_bytes(1)), (1, 0, tone_bytes(1))])
    media = recordings.opened(ENGINE, data)
    assert len(media.channels) == 1
    assert media.channels[0].max() == pytest.approx(16_000, abs=50)


async def test_clips_may_be_larger_than_an_upload(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    config = codec_pb2.EncodeConfig(codec="flac", layout="mixed", channel_count=2)
    clips = [(channel, 0, bytes(2 * 24_000 * 29)) for channel in (0, 1)]
    assert sum(len(audio) for _, _, audio in clips) > SETTINGS.codec_max_file_bytes
    assert (await encoded(stub, config, clips))[0].duration_ms == 29_000


async def test_a_large_clip_comes_back_whole(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    samples = np.random.default_rng(2).integers(-9000, 9000, 24_000 * 25).astype(np.int16)
    config = codec_pb2.EncodeConfig(codec="flac", layout="multichannel", channel_count=1)
    info, data = await encoded(stub, config, [(0, 0, samples.tobytes())])
    assert info.duration_ms == 25_000
    assert np.array_equal(recordings.opened(ENGINE, data).channels[0], samples)


def broken_clips(name: str) -> Iterator[codec_pb2.EncodeRequest]:
    odd, two = name == "odd", name == "stereo"
    yield codec_pb2.EncodeRequest(
        config=codec_pb2.EncodeConfig(codec="wav", layout="multichannel", channel_count=1)
    )
    layout = common_pb2.PcmFormat(sample_rate_hertz=8000, channel_count=2 if two else 1)
    yield codec_pb2.EncodeRequest(clip=codec_pb2.ClipStart(format=layout))
    yield codec_pb2.EncodeRequest(audio=bytes(3_000_002 if name == "large" else 3 if odd else 4))


@pytest.mark.parametrize(
    ("name", "code"), [("odd", "invalid_audio"), ("stereo", "invalid_audio"), ("large", "file_too_large")]
)
async def test_broken_clips_are_refused(stub: codec_pb2_grpc.CodecAsyncStub, name: str, code: str) -> None:
    assert (await error_of(stub.Encode(broken_clips(name)))).code == code


BAD_CONFIGS = [
    ({"codec": "realaudio", "duration_ms": 10}, "unknown_codec"),
    ({"codec": "opus", "bitrate_kbps": 999, "duration_ms": 10}, "invalid_bitrate"),
    ({"codec": "opus", "sample_rate_hertz": 44_100, "duration_ms": 10}, "unsupported_sample_rate"),
    ({"codec": "mp3", "channel_count": 3, "duration_ms": 10}, "too_many_channels"),
    ({"codec": "wav", "layout": "", "duration_ms": 10}, "invalid_layout"),
    ({"codec": "wav", "layout": "per_channel", "duration_ms": 10}, "invalid_layout"),
    ({"codec": "wav"}, "empty_timeline"),
    ({"codec": "wav", "duration_ms": 31_000}, "media_too_long"),
]


@pytest.mark.parametrize(("fields", "code"), BAD_CONFIGS)
async def test_a_file_that_cannot_be_made_is_refused(
    stub: codec_pb2_grpc.CodecAsyncStub, fields: dict[str, str | int], code: str
) -> None:
    config = codec_pb2.EncodeConfig(**({"layout": "multichannel", "channel_count": 1} | fields))  # type: ignore[arg-type]  # mixed fields
    assert (await error_of(stub.Encode(clip_messages(config, [])))).code == code


async def test_it_says_what_it_can_do(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    answer = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
    codecs = {codec.name: codec for codec in answer.codecs}
    assert set(codecs) == {*ENGINE.codecs, "gsm", "wav49"}
    opus = codecs["opus"]
    assert (list(opus.bitrates_kbps), opus.default_bitrate_kbps) == ([6, 256], 24)
    assert not codecs["flac"].bitrates_kbps
    assert tuple(answer.containers) == FFMPEG_CONTAINERS
    assert (answer.max_duration_ms, answer.max_channels, answer.slots) == (30_000, 8, 3)


async def test_a_call_that_is_cancelled_frees_the_server(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    calls = [
        stub.Decode(file_messages(recordings.wav(STEREO, 8000), sample_rate_hertz=48_000)) for _ in range(6)
    ]
    await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()
    info, _ = await decoded(stub, recordings.wav(STEREO, 8000))
    assert info.duration_ms == 2000


async def test_calls_at_once_do_not_mix_their_audio(stub: codec_pb2_grpc.CodecAsyncStub) -> None:
    tones = [recordings.tone(0.5, 8000, 300 + 100 * index) for index in range(6)]
    results = await asyncio.gather(*(decoded(stub, recordings.wav(tone, 8000)) for tone in tones))
    for tone, (_, channels) in zip(tones, results, strict=True):
        assert channels == {0: tone.tobytes()}


def test_an_unknown_engine_stops_the_start() -> None:
    with pytest.raises(Misconfigured) as caught:
        load_core(CodecSettings(codec_engines="sox"))
    assert caught.value.code == "unknown_engine"
    assert "pyav" in caught.value.detail


def test_the_fake_engine_passes_the_self_test() -> None:
    assert load_core(CodecSettings(codec_engines="fake")).containers == ("wav",)
