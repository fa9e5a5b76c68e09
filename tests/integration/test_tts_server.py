"""The TTS server over real gRPC: info first, audio after, typed errors."""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2

from protos.v1 import common_pb2, tts_pb2, tts_pb2_grpc
from services.shared.errors import Cancelled, Misconfigured
from services.shared.rpc import wire
from services.shared.rpc.server import start
from services.tts.engines.base import Audio
from services.tts.engines.fake import FakeEngine
from services.tts.server import GRPC_NAME, load_core, pcm_s16le, spec
from services.tts.settings import TtsSettings
from tests.support.waiting import until

SETTINGS = TtsSettings(tts_engines="fake", tts_slots=3, tts_queue=8, tts_max_characters=2000)


@pytest_asyncio.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = await start(spec(SETTINGS), SETTINGS)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened
    await server.stop()


async def speak(channel: grpc.aio.Channel, request: tts_pb2.SynthesizeRequest) -> tuple[list[str], bytes]:
    """Return the kinds of the messages in order, and the audio."""
    messages = [message async for message in tts_pb2_grpc.TtsStub(channel).Synthesize(request)]
    kinds = [str(message.WhichOneof("message")) for message in messages]
    return kinds, b"".join(message.audio for message in messages)


async def info_of(channel: grpc.aio.Channel, request: tts_pb2.SynthesizeRequest) -> tts_pb2.SpeechInfo:
    async for message in tts_pb2_grpc.TtsStub(channel).Synthesize(request):
        return message.info
    raise AssertionError


async def ends_of(
    channel: grpc.aio.Channel, request: tts_pb2.SynthesizeRequest
) -> tuple[tts_pb2.SpeechInfo, tts_pb2.SpeechSummary]:
    first, *_, last = [message async for message in tts_pb2_grpc.TtsStub(channel).Synthesize(request)]
    return first.info, last.summary


def spoken_after(event: threading.Event, after: int) -> Callable[..., Audio]:
    """Return a FakeEngine's synthesize that waits for an event before all texts but the first ones."""
    plain, count = FakeEngine.synthesize, itertools.count()

    def synthesize(self: FakeEngine, *line: Any) -> Audio:
        assert next(count) < after or event.wait(60), "nothing came in time"
        return plain(self, *line)

    return synthesize


async def refusal(channel: grpc.aio.Channel, request: tts_pb2.SynthesizeRequest) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await speak(channel, request)
    trailers = dict(refused.value.trailing_metadata() or ())
    return refused.value.code().name, str(trailers[wire.CODE_KEY])


async def test_the_info_comes_first_then_the_audio_then_the_summary(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(text="a" * 150, language_code="pt-BR")
    kinds, audio = await speak(channel, request)
    assert kinds == ["info"] + ["audio"] * (len(kinds) - 2) + ["summary"]
    assert len(kinds) - 2 == -(-len(audio) // wire.CHUNK_BYTES)
    assert len(audio) == 150 * 60 * 48


async def test_the_summary_tells_what_the_info_told(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(text="a" * 100, language_code="en", slot_ms=1000)
    info, summary = await ends_of(channel, request)
    assert (summary.duration_ms, list(summary.warnings)) == (info.duration_ms, ["slot_overrun"])


async def test_when_streaming_the_info_forecasts_and_the_summary_knows(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(
        text="Thank you for calling, how may I help you?", language_code="en", streaming=True, slot_ms=1000
    )
    info, summary = await ends_of(channel, request)
    kinds, audio = await speak(channel, request)
    assert (kinds[0], kinds[-1]) == ("info", "summary")
    assert summary.duration_ms == math.ceil(len(audio) / 48)
    assert (list(info.warnings), list(summary.warnings)) == ([], ["slot_overrun"])
    assert info.stretch == 1.25


async def test_the_first_clause_arrives_before_the_next_one_is_begun(
    monkeypatch: pytest.MonkeyPatch, channel: grpc.aio.Channel
) -> None:
    heard = threading.Event()
    slow = spoken_after(heard, after=1)
    monkeypatch.setattr(FakeEngine, "synthesize", slow)
    request = tts_pb2.SynthesizeRequest(
        text="Thank you for calling, how may I help you?", language_code="en", streaming=True
    )
    kinds = []
    async for message in tts_pb2_grpc.TtsStub(channel).Synthesize(request):
        kinds.append(message.WhichOneof("message"))
        if message.audio:
            heard.set()
    assert kinds == ["info", "audio", "audio", "summary"]


async def test_a_caller_who_leaves_a_stream_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch, channel: grpc.aio.Channel
) -> None:
    told = threading.Event()

    def synthesize(
        _self: FakeEngine, _text: str, _voice: str, _rate: float, cancelled: Callable[[], bool]
    ) -> Audio:
        until(cancelled)
        told.set()
        raise Cancelled("Gone.")

    monkeypatch.setattr(FakeEngine, "synthesize", synthesize)
    request = tts_pb2.SynthesizeRequest(text="Hello there.", language_code="en", streaming=True)
    call = tts_pb2_grpc.TtsStub(channel).Synthesize(request)
    async for message in call:
        assert message.info.voice == "fake-en"
        break
    call.cancel()
    assert await asyncio.to_thread(told.wait, 10)


async def test_a_refusal_of_a_stream_is_typed(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(text="a", language_code="ja", streaming=True)
    assert await refusal(channel, request) == ("INVALID_ARGUMENT", "unsupported_language")


async def test_the_info_describes_the_audio(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(text="a" * 100, language_code="en", slot_ms=5000, max_stretch=1.5)
    info = await info_of(channel, request)
    assert (info.format.sample_rate_hertz, info.format.channel_count) == (24_000, 1)
    assert (info.voice, info.model.name, info.model.revision) == ("fake-en", "fake-tone", "1")
    assert info.duration_ms == pytest.approx(5000, abs=2)
    assert info.stretch == pytest.approx(1.2, rel=1e-3)


async def test_nothing_to_speak_is_an_info_with_a_warning(channel: grpc.aio.Channel) -> None:
    request = tts_pb2.SynthesizeRequest(text="...", language_code="en")
    kinds, audio = await speak(channel, request)
    info = await info_of(channel, request)
    assert (kinds, audio, list(info.warnings)) == (["info", "summary"], b"", ["nothing_to_speak"])


async def test_a_rate_of_zero_means_the_plain_rate(channel: grpc.aio.Channel) -> None:
    plain, double = [
        (await info_of(channel, tts_pb2.SynthesizeRequest(text="hello", language_code="en", rate=rate)))
        for rate in (0, 2)
    ]
    assert (plain.duration_ms, double.duration_ms) == (300, 150)


async def test_a_pronunciation_changes_what_is_spoken(channel: grpc.aio.Channel) -> None:
    read = [
        tts_pb2.Pronunciation(text="dr", spoken="doctor"),
        tts_pb2.Pronunciation(text="DRE", spoken="nobody", case_sensitive=True),
    ]
    request = tts_pb2.SynthesizeRequest(text="Dr Dre", language_code="en", pronunciations=read)
    assert (await info_of(channel, request)).duration_ms == len("doctorDre") * 60


async def test_capabilities_list_the_voices(channel: grpc.aio.Channel) -> None:
    answer = await tts_pb2_grpc.TtsStub(channel).GetCapabilities(common_pb2.CapabilitiesRequest())
    assert answer.model.name == "fake-tone"
    assert answer.slots == 3
    voices = {(voice.name, voice.language_code, voice.gender, voice.default) for voice in answer.voices}
    assert ("fake-pt", "pt-BR", "female", True) in voices
    assert ("fake-pt-male", "pt-BR", "male", False) in voices
    assert {voice.model.name for voice in answer.voices} == {"fake-tone"}
    assert not any(voice.cloned or voice.last_resort for voice in answer.voices)


async def test_several_engines_are_listed_in_order_and_a_last_resort_is_said_to_be_one() -> None:
    settings = TtsSettings(tts_engines="fake,espeak")
    server = await start(spec(settings), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = await tts_pb2_grpc.TtsStub(channel).GetCapabilities(common_pb2.CapabilitiesRequest())
        german = tts_pb2.SynthesizeRequest(text="Guten Tag", language_code="de")
        info, summary = await ends_of(channel, german)
        await speak(channel, german)
    await server.stop()
    assert [model.name for model in answer.models] == ["fake-tone", "espeak-ng"]
    (voice,) = (voice for voice in answer.voices if voice.name == "espeak-de")
    assert (voice.model.name, voice.default, voice.last_resort) == ("espeak-ng", True, True)
    assert (info.voice, info.model.name) == ("espeak-de", "espeak-ng")
    assert list(info.warnings) == list(summary.warnings) == ["last_resort_voice"]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (tts_pb2.SynthesizeRequest(text="a", language_code="ja"), "INVALID_ARGUMENT", "unsupported_language"),
        (
            tts_pb2.SynthesizeRequest(text="a", language_code="pt", voice="x"),
            "INVALID_ARGUMENT",
            "unknown_voice",
        ),
        (
            tts_pb2.SynthesizeRequest(text="a", language_code="pt", voice="fake-en"),
            "INVALID_ARGUMENT",
            "voice_language_mismatch",
        ),
        (tts_pb2.SynthesizeRequest(text="a", language_code="pt", rate=3), "INVALID_ARGUMENT", "invalid_rate"),
        (tts_pb2.SynthesizeRequest(text="a" * 2001, language_code="pt"), "OUT_OF_RANGE", "text_too_long"),
    ],
)
async def test_a_bad_request_has_a_status_and_a_stable_code(
    channel: grpc.aio.Channel, request_: tts_pb2.SynthesizeRequest, status: str, code: str
) -> None:
    assert await refusal(channel, request_) == (status, code)


async def test_a_loaded_server_is_serving(channel: grpc.aio.Channel) -> None:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer = await check(health_pb2.HealthCheckRequest(service=GRPC_NAME))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_samples_beyond_full_scale_are_clipped() -> None:
    samples = np.array([-2, -1, 0, 0.5, 1, 2], np.float32)
    assert np.frombuffer(pcm_s16le(samples), "<i2").tolist() == [-32767, -32767, 0, 16384, 32767, 32767]


def test_an_unknown_engine_stops_the_start() -> None:
    with pytest.raises(Misconfigured):
        load_core(TtsSettings(tts_engines="festival"))


@pytest.mark.models
async def test_kokoro_speaks_portuguese_into_a_slot_over_grpc() -> None:
    settings = TtsSettings()
    server = await start(spec(settings), settings)
    request = tts_pb2.SynthesizeRequest(
        text="Eu não consigo acessar a minha conta desde ontem à noite.", language_code="pt-PT", slot_ms=3000
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        info = await info_of(channel, request)
    await server.stop()
    assert info.voice == "pf_dora"
    assert info.model.name == "kokoro-82m-int8"
    assert 1 < info.stretch <= 1.25
    assert info.duration_ms <= 3000 * 1.1
