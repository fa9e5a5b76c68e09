"""How the OpenAI-compatible routes call the model servers: cancelled, refused, too slow, part by part."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import openai
import pytest
from typing_extensions import override

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2, tts_pb2, tts_pb2_grpc
from services.shared.config import Settings
from services.shared.errors import InvalidMedia, Overloaded
from services.shared.rpc.server import ServerSpec
from tests.support.clips import ENGLISH_HZ, wav
from tests.support.gateway_house import House, Specs, fakes, house
from tests.support.speech import silence, tone

MODEL: Final = common_pb2.ModelInfo(name="by-hand", revision="1")
SPEECH: Final = wav(tone(1.2, ENGLISH_HZ))
TURNS: Final = wav(np.concatenate([tone(1.2, ENGLISH_HZ), silence(3), tone(1.2, ENGLISH_HZ)]))


class Recogniser(asr_pb2_grpc.AsrServicer):
    """Does what a test says, and tells what became of its calls."""

    def __init__(self) -> None:
        self.acts = "wait"
        self.asked: list[asr_pb2.TranscribeConfig] = []
        self.waiting = threading.Semaphore(0)
        self.cancelled = threading.Semaphore(0)

    @override
    async def GetCapabilities(self, request: Any, context: Any) -> asr_pb2.AsrCapabilities:
        return asr_pb2.AsrCapabilities(model=MODEL, languages=["en"], slots=1, max_region_ms=28_000)

    @override
    async def Segment(self, requests: AsyncIterator[Any], context: Any) -> asr_pb2.SegmentResponse:
        async for _ in requests:
            pass
        regions = [common_pb2.Region(start_ms=start, end_ms=start + 1_000) for start in (0, 4_000)]
        return asr_pb2.SegmentResponse(regions=regions, language_code="en", language_confidence=1)

    @override
    async def Transcribe(self, requests: AsyncIterator[Any], context: Any) -> asr_pb2.TranscribeResponse:
        config, size_bytes = asr_pb2.TranscribeConfig(), 0
        async for request in requests:
            config = request.config if request.HasField("config") else config
            size_bytes += len(request.audio)
        self.asked.append(config)
        match self.acts:
            case "wait":
                await self._wait()
            case "full":
                raise Overloaded("The model server is full; try again shortly.")
            case "break" if len(self.asked) > 1:
                raise InvalidMedia("This cannot be heard.", code="broken_audio")
        return asr_pb2.TranscribeResponse(text=f"{size_bytes} bytes", language_code="en", model=MODEL)

    async def _wait(self) -> None:
        self.waiting.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.release()
            raise


class Voice(tts_pb2_grpc.TtsServicer):
    """Says the first clause of a text at once, and the others when it is let."""

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.lets = threading.Event()
        self.cancelled = threading.Semaphore(0)

    @override
    async def GetCapabilities(self, request: Any, context: Any) -> tts_pb2.TtsCapabilities:
        return tts_pb2.TtsCapabilities(
            model=MODEL, voices=[tts_pb2.Voice(name="dora", language_code="en", default=True)], slots=2
        )

    @override
    async def Synthesize(
        self, request: tts_pb2.SynthesizeRequest, context: Any
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        self.spoken.append(request.text)
        layout = common_pb2.PcmFormat(sample_rate_hertz=24_000, channel_count=1)
        yield tts_pb2.SynthesizeResponse(info=tts_pb2.SpeechInfo(format=layout, duration_ms=1, model=MODEL))
        yield tts_pb2.SynthesizeResponse(audio=bytes(48))
        try:
            await asyncio.to_thread(self.lets.wait)
        except asyncio.CancelledError:
            self.cancelled.release()
            raise
        yield tts_pb2.SynthesizeResponse(audio=bytes(48))
        yield tts_pb2.SynthesizeResponse(summary=tts_pb2.SpeechSummary(duration_ms=2))


def by_hand(recogniser: Recogniser, voice: Voice) -> Specs:
    """Return the services with two of them played by a test."""

    def hears(server: Any, core: Any, admission: Any) -> None:
        asr_pb2_grpc.add_AsrServicer_to_server(recogniser, server)

    def speaks(server: Any, core: Any, admission: Any) -> None:
        tts_pb2_grpc.add_TtsServicer_to_server(voice, server)

    played: Specs = {
        "asr": (ServerSpec("asr", "dragoman.v1.Asr", object, hears, 1, 1), Settings()),
        "tts": (ServerSpec("tts", "dragoman.v1.Tts", object, speaks, 1, 1), Settings()),
    }
    return fakes() | played


@pytest.fixture
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture
def voice() -> Voice:
    return Voice()


@pytest.fixture
def gateway(recogniser: Recogniser, voice: Voice, redis_url: str, tmp_path: Path) -> Iterator[House]:
    with house(by_hand(recogniser, voice), redis_url, tmp_path) as running:
        yield running


def hang_up(gateway: House, request: httpx.Request, recogniser: Recogniser, calls: int) -> None:
    """Send a request by hand, and close the connection once so many calls wait."""
    lines = [f"{request.method} {request.url.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + request.read())
        for _ in range(calls):
            assert recogniser.waiting.acquire(timeout=60)


@pytest.mark.parametrize(
    ("file", "fields", "calls"),
    [
        (SPEECH, {"language": "en"}, 1),
        (TURNS, {"response_format": "verbose_json"}, 2),
        (TURNS, {"stream": "true"}, 2),
    ],
    ids=["one region", "two regions", "stream"],
)
def test_a_client_that_hangs_up_cancels_all_its_calls(
    gateway: House, recogniser: Recogniser, file: tuple[str, bytes], fields: dict[str, str], calls: int
) -> None:
    request = httpx.Request(
        "POST",
        f"{gateway.url}/v1/audio/transcriptions",
        headers={"authorization": f"Bearer {gateway.key}"},
        data={"model": "whisper-1"} | fields,
        files={"file": file},
    )
    hang_up(gateway, request, recogniser, calls)
    for _ in range(calls):
        assert recogniser.cancelled.acquire(timeout=60)


def test_a_full_server_is_an_error_to_try_again(gateway: House, recogniser: Recogniser) -> None:
    recogniser.acts = "full"
    with gateway.client as client:
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError) as caught:
                client.audio.transcriptions.create(file=SPEECH, model="by-hand", language="en", stream=stream)
            assert caught.value.code == "overloaded"
            assert int(caught.value.response.headers["retry-after"]) > 0


def test_the_sdk_tries_again_by_itself(gateway: House, recogniser: Recogniser) -> None:
    recogniser.acts = "full"
    with gateway.client.with_options(max_retries=2) as client, pytest.raises(openai.RateLimitError):
        client.audio.transcriptions.create(file=SPEECH, model="by-hand", language="en")
    assert len(recogniser.asked) == 3


def test_a_failure_in_the_middle_of_a_stream_is_an_error_of_the_sdk(
    gateway: House, recogniser: Recogniser
) -> None:
    recogniser.acts = "break"
    with (
        gateway.client as client,
        client.audio.transcriptions.create(file=TURNS, model="whisper-1", stream=True) as stream,
    ):
        events = iter(stream)
        assert next(events).type == "transcript.text.delta"
        with pytest.raises(openai.APIError, match="cannot be heard") as caught:
            next(events)
    assert caught.value.code == "broken_audio"


def test_hints_reach_the_recogniser(gateway: House, recogniser: Recogniser) -> None:
    recogniser.acts = "answer"
    with gateway.client as client:
        heard = client.audio.transcriptions.create(
            file=SPEECH,
            model="by-hand",
            language="en-US",
            prompt="Dear customer,",
            temperature=0.25,
            keywords=["Dragoman", "Ana"],
        )
    (config,) = recogniser.asked
    # A short clip is heard as a whole, without a look for its regions first.
    assert heard.text == f"{round(1.2 * 16_000) * 2} bytes"
    assert (config.prompt, config.temperature) == ("Dear customer,", 0.25)
    assert list(config.hints) == ["Dragoman", "Ana"]
    assert config.language_code == "en-US"
    assert config.context.tenant == "default"
    assert config.context.request_id.startswith("req_")


def test_speech_is_sent_while_the_rest_is_still_being_made(gateway: House, voice: Voice) -> None:
    text = " ".join(f"This is the sentence number {number} of a text." for number in range(30))
    with (
        gateway.client as client,
        client.audio.speech.with_streaming_response.create(
            input=text, model="tts-1", voice="alloy", response_format="pcm"
        ) as answer,
    ):
        parts = answer.iter_bytes()
        assert next(parts) == bytes(48)
        voice.lets.set()
        rest = b"".join(parts)
    assert rest == bytes(48)
    assert voice.spoken == [text]


def test_who_stops_listening_stops_the_voice(gateway: House, voice: Voice) -> None:
    text = "This is a sentence of a text. " * 60
    with (
        gateway.client as client,
        client.audio.speech.with_streaming_response.create(
            input=text, model="tts-1", voice="alloy", response_format="pcm"
        ) as answer,
    ):
        assert len(next(answer.iter_bytes())) > 0
    assert voice.cancelled.acquire(timeout=60)
    voice.lets.set()


def test_a_deadline_ends_what_takes_too_long(recogniser: Recogniser, redis_url: str, tmp_path: Path) -> None:
    specs = by_hand(recogniser, Voice())
    with (
        house(specs, redis_url, tmp_path, gateway_direct_deadline_s=3) as gateway,
        gateway.client as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.audio.transcriptions.create(file=SPEECH, model="by-hand", language="en")
    assert (caught.value.status_code, caught.value.code) == (504, "timeout")


def test_without_the_model_servers_it_is_said(redis_url: str, tmp_path: Path) -> None:
    only = {"codec": fakes()["codec"]}
    nobody = dict.fromkeys(("asr_target", "tts_target", "translation_target"), "127.0.0.1:1")
    with house(only, redis_url, tmp_path, **nobody) as gateway, gateway.client as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.audio.transcriptions.create(file=SPEECH, model="whisper-1")
        assert (caught.value.status_code, caught.value.code) == (503, "unavailable")
        assert [model.id for model in client.models.list()] == []
