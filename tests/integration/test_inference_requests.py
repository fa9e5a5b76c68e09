"""What the gateway asks of the model servers at once, and how it takes speech that comes by clause."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2, tts_pb2, tts_pb2_grpc
from services.asr import server as asr
from services.asr.settings import AsrSettings
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.inference import speech, stages
from services.gateway.inference.directions import Direction
from services.gateway.inference.servers import Errand, Servers
from services.gateway.inference.speech import Line
from services.gateway.inference.transcription import Limits, Transcriber, Wish
from services.gateway.jobs.abilities import Chosen
from services.shared.errors import Unavailable, Unsupported
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from tests.integration.test_inference import Counter, Forgetful, recording
from tests.support.gateway_house import fakes
from tests.support.speech import tone
from tests.unit.gateway.world import Several

CLAUSE_MS = 500
CLAUSE = bytes(24 * 2 * CLAUSE_MS)
LINE = Line("One clause, and another one.", "en", "dora", 1.5)
LONG = Line("This is a sentence of the text. " * 12, "en", "")
_INFO = tts_pb2.SpeechInfo(
    format=common_pb2.PcmFormat(sample_rate_hertz=24_000, channel_count=1), duration_ms=990, stretch=1
)


class Speaker(tts_pb2_grpc.TtsServicer):
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(self, clauses: Sequence[bytes], *, summary: bool = True, fails: bool = False) -> None:
        self.asked: list[tts_pb2.SynthesizeRequest] = []
        self._clauses = clauses
        self._summary = summary
        self._fails = fails

    async def Synthesize(self, request: tts_pb2.SynthesizeRequest, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        self.asked.append(request)
        yield tts_pb2.SynthesizeResponse(info=_INFO)
        for clause in self._clauses:
            yield tts_pb2.SynthesizeResponse(audio=clause)
        if self._fails:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "It stopped in the middle.")
        if self._summary:
            duration_ms = CLAUSE_MS * len(self._clauses)
            yield tts_pb2.SynthesizeResponse(summary=tts_pb2.SpeechSummary(duration_ms=duration_ms))

    async def GetCapabilities(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        raise NotImplementedError  # what they can do is written down here


class Listener(asr_pb2_grpc.AsrServicer):
    """Hears the same in everything, and keeps how it was asked."""

    def __init__(self) -> None:
        self.asked: list[asr_pb2.SegmentConfig | asr_pb2.TranscribeConfig] = []

    async def Segment(self, requests: AsyncIterator[Any], _context: Any) -> asr_pb2.SegmentResponse:  # noqa: N802 - gRPC's name
        self.asked += [request.config async for request in requests if request.HasField("config")]
        return asr_pb2.SegmentResponse(regions=[common_pb2.Region(end_ms=900)], language_code="ja")

    async def Transcribe(self, requests: AsyncIterator[Any], _context: Any) -> asr_pb2.TranscribeResponse:  # noqa: N802 - gRPC's name
        self.asked += [request.config async for request in requests if request.HasField("config")]
        return asr_pb2.TranscribeResponse(text="hai", language_code="ja", source_language="ja")

    async def GetCapabilities(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        raise NotImplementedError  # what they can do is written down here


@asynccontextmanager
async def calling(
    meter: Counter, *, speaker: Speaker | None = None, listener: Listener | None = None
) -> AsyncIterator[Errand]:
    """Serve them beside a real codec server; yield what calls them."""
    server = grpc.aio.server()
    tts_pb2_grpc.add_TtsServicer_to_server(speaker or Speaker(()), server)
    asr_pb2_grpc.add_AsrServicer_to_server(listener or Listener(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    codec = await start(*fakes()["codec"])
    servers = Servers(lambda service: f"127.0.0.1:{codec.port if service == 'codec' else port}")
    yield Errand(servers, "acme", "req_1", time.monotonic() + 60, meter)
    await servers.close()
    await server.stop(None)
    await codec.stop()


async def parts_of(audio: Any) -> list[bytes]:
    async with aclosing(audio):
        return [part async for part in audio]


async def test_speech_is_given_on_clause_by_clause_as_it_is_spoken() -> None:
    speaker, meter = Speaker([CLAUSE, CLAUSE, CLAUSE]), Counter()
    async with calling(meter, speaker=speaker) as errand:
        assert await parts_of(speech.pcm(errand, LINE)) == [CLAUSE] * 3
    (request,) = speaker.asked
    assert (request.text, request.language_code, request.voice, request.rate) == (
        "One clause, and another one.", "en", "dora", 1.5,
    )  # fmt: skip
    assert request.streaming
    assert request.context == common_pb2.RequestContext(
        request_id="req_1", tenant="acme", priority=common_pb2.PRIORITY_INTERACTIVE
    )
    assert [audio_ms for _, _, audio_ms in meter.counted] == [3 * CLAUSE_MS], "as spoken, not as forecast"


async def test_a_server_that_does_not_stream_is_given_on_too() -> None:
    meter = Counter()
    async with calling(meter, speaker=Speaker([CLAUSE], summary=False)) as errand:
        assert await parts_of(speech.pcm(errand, LINE)) == [CLAUSE]
    assert [audio_ms for _, _, audio_ms in meter.counted] == [990]


async def test_what_cannot_be_said_is_a_moment_of_silence() -> None:
    for summary in (True, False):
        async with calling(Counter(), speaker=Speaker([], summary=summary)) as errand:
            assert await parts_of(speech.pcm(errand, LINE)) == [bytes(4_800)]
            (file,) = await parts_of(speech.wav(errand, LINE))
            assert len(file) == 44 + 4_800


async def test_speech_that_ends_in_the_middle_is_an_error_and_not_short() -> None:
    meter = Counter()
    async with calling(meter, speaker=Speaker([CLAUSE], fails=True)) as errand:
        audio = speech.pcm(errand, LINE)
        assert await anext(audio) == CLAUSE
        with pytest.raises(Unavailable):
            await anext(audio)
    assert meter.counted == []


async def test_a_long_wav_is_streamed_and_a_short_one_knows_its_length() -> None:
    for line, streamed in ((LINE, False), (LONG, True)):
        speaker = Speaker([CLAUSE, CLAUSE])
        async with calling(Counter(), speaker=speaker) as errand:
            parts = await parts_of(speech.wav(errand, line))
        assert [request.streaming for request in speaker.asked] == [streamed]
        assert len(parts) == (2 if streamed else 1)
        with wave.open(io.BytesIO(b"".join(parts))) as file:
            assert (file.getnframes() == 24 * 2 * CLAUSE_MS) is not streamed


async def test_a_file_is_spoken_in_several_parts_at_once() -> None:
    speaker = Speaker([CLAUSE])
    async with calling(Counter(), speaker=speaker) as errand:
        file = b"".join(await parts_of(speech.encoded(errand, LONG, "opus")))
    assert file.startswith(b"OggS")
    assert len(speaker.asked) == 3
    assert not any(request.streaming for request in speaker.asked)


async def test_a_model_is_asked_for_wherever_the_recogniser_works() -> None:
    listener = Listener()
    wish = Wish(Direction("auto"), model="nippon")
    async with calling(Counter(), listener=listener) as errand:
        transcriber = Transcriber(errand, Chosen(Several(), {"asr": "nippon"}), Limits(60, 2), wish)
        async with aclosing(transcriber.segments(recording(1))) as segments:
            assert [segment.text async for segment in segments] == ["hai"]
    assert [config.model for config in listener.asked] == ["nippon", "nippon"]
    assert {config.context.priority for config in listener.asked} == {common_pb2.PRIORITY_INTERACTIVE}


async def test_only_what_the_model_can_hear_is_taken() -> None:
    async with calling(Counter()) as errand:
        wish = Wish(Direction("pt"), model="nippon")
        transcriber = Transcriber(errand, Chosen(Several(), {"asr": "nippon"}), Limits(60, 2), wish)
        with pytest.raises(Unsupported, match="Recognised: ja;"):
            await transcriber.check()


async def test_a_server_with_several_models_does_with_the_one_that_is_named() -> None:
    settings = AsrSettings(asr_engines="fake,fake:second")
    server = await start(asr.spec(settings), settings)
    channels = Channels(lambda service: f"127.0.0.1:{server.port if service == 'asr' else 1}")
    known = GrpcCapabilities(channels, Forgetful(), fresh_s=60, timeout_s=10)
    assert await asyncio.to_thread(lambda: known.asr().names) == ("fake-counter", "second")
    config = asr_pb2.TranscribeConfig(language_code="en", model="second")
    async with calling(Counter()) as errand:
        servers = Servers(lambda _: f"127.0.0.1:{server.port}")
        heard = await stages.transcribe(replace(errand, servers=servers), tone(2).tobytes(), config)
        await servers.close()
    assert heard.model.name == "second"
    channels.close()
    await server.stop()
