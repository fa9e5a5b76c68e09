"""/v1/audio/speech as the official SDK sees it, over HTTP, with a fake voice and real codecs."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI

from tests.support.gateway_house import House, fakes, house

# The fake voice takes 60 ms for a letter.
HELLO, HELLO_MS = "Hello there", 600
LONG = "This is a sentence of the text. " * 12


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(fakes(), redis_url, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: House) -> Iterator[OpenAI]:
    with gateway.client as opened:
        yield opened


def said(client: OpenAI, text: str = HELLO, **fields: Any) -> bytes:
    """Return the audio of a text."""
    asked: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "response_format": "pcm"} | fields
    return client.audio.speech.create(input=text, **asked).content


def length_ms(pcm: bytes) -> float:
    """Return how long samples of 16 bit at 24 kHz last."""
    return len(pcm) / 2 / 24


def pitch_hz(pcm: bytes) -> float:
    """Return the pitch of a tone."""
    samples = np.frombuffer(pcm, "<i2")
    return float(np.count_nonzero(np.diff(np.signbit(samples))) / 2 / (len(samples) / 24_000))


def test_pcm_is_what_openai_sends(client: OpenAI) -> None:
    audio = said(client)
    assert length_ms(audio) == HELLO_MS
    assert pitch_hz(audio) == pytest.approx(220, rel=0.02)


def test_a_short_wav_says_how_long_it_is(client: OpenAI) -> None:
    with wave.open(io.BytesIO(said(client, response_format="wav"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.getnframes() == HELLO_MS * 24


@pytest.mark.parametrize(
    ("codec", "name", "media_type"),
    [
        ("mp3", "mp3", "audio/mpeg"),
        ("opus", "ogg", "audio/ogg"),
        ("aac", "mov,mp4", "audio/mp4"),
        ("flac", "flac", "audio/flac"),
        ("wav", "wav", "audio/wav"),
    ],
)
def test_every_format_can_be_played(client: OpenAI, codec: Any, name: str, media_type: str) -> None:
    # Where audio is sent as it is spoken, the first sentence comes by itself: a pause more than in these.
    packed_ms = 0 if codec == "wav" else 250
    for text, fewer_ms in ((HELLO, 0), (LONG, packed_ms)):
        answer = client.audio.speech.create(
            input=text, model="gpt-4o-mini-tts", voice="nova", response_format=codec
        )
        assert answer.response.headers["content-type"] == media_type
        with av.open(io.BytesIO(answer.content), "r") as container:
            assert container.format.name.startswith(name)
            frames = list(container.decode(container.streams.audio[0]))
        seconds = sum(frame.samples / frame.sample_rate for frame in frames)
        assert seconds * 1000 == pytest.approx(length_ms(said(client, text)) - fewer_ms, abs=120)


def test_mp3_is_the_default(client: OpenAI) -> None:
    answer = client.audio.speech.create(input=HELLO, model="tts-1-hd", voice="alloy")
    assert answer.response.headers["content-type"] == "audio/mpeg"


def test_a_long_text_comes_sentence_by_sentence_and_whole(client: OpenAI) -> None:
    letters = sum(map(str.isalnum, LONG))
    pauses_ms = length_ms(said(client, LONG)) - letters * 60
    # After the first sentence, which comes as soon as it is spoken, and between the pieces of the rest.
    assert pauses_ms == pytest.approx(250 * 3)
    with client.audio.speech.with_streaming_response.create(
        input=LONG, model="tts-1", voice="alloy", response_format="pcm"
    ) as answer:
        assert b"".join(answer.iter_bytes()) == said(client, LONG)


@pytest.mark.parametrize(("speed", "rate"), [(1.0, 1.0), (2.0, 2.0), (4.0, 2.0), (0.5, 0.5), (0.25, 0.5)])
def test_a_speed_is_brought_into_the_range_of_the_voices(client: OpenAI, speed: float, rate: float) -> None:
    assert length_ms(said(client, speed=speed)) == pytest.approx(HELLO_MS / rate)


def test_a_voice_is_named_and_says_the_language(client: OpenAI) -> None:
    for voice in ("fake-pt-male", {"id": "fake-pt-male"}):
        assert pitch_hz(said(client, voice=voice)) == pytest.approx(110, rel=0.03)
    portuguese: dict[str, Any] = {"extra_body": {"language": "pt-BR"}}
    assert length_ms(said(client, voice="fake-pt-male", **portuguese)) == HELLO_MS
    assert length_ms(said(client, voice="shimmer", instructions="Cheerfully.", **portuguese)) == HELLO_MS


@pytest.mark.parametrize("codec", ["pcm", "wav", "mp3"])
def test_a_text_with_nothing_to_say_is_a_moment_of_silence(client: OpenAI, codec: str) -> None:
    audio = said(client, "?! \N{SMILING FACE WITH OPEN MOUTH}", response_format=codec)
    if codec == "pcm":
        assert audio == bytes(4_800)
    with av.open(io.BytesIO(audio), "r", format="s16le" if codec == "pcm" else None) as container:
        assert container.streams.audio


def test_audio_comes_as_events_too(gateway: House, client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        input=HELLO, model="gpt-4o-mini-tts", voice="alloy", response_format="pcm", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    *events, end = lines[:-1], lines[-1]
    parsed = [json.loads(event) for event in events[0]]
    assert end == "[DONE]"
    assert parsed[-1]["type"] == "speech.audio.done"
    assert parsed[-1]["usage"].keys() == {"input_tokens", "output_tokens", "total_tokens"}
    assert {event["type"] for event in parsed[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(event["audio"]) for event in parsed[:-1]) == said(client)


async def test_all_of_this_works_asynchronously_too(gateway: House) -> None:
    async with gateway.async_client as client:
        answer = await client.audio.speech.create(
            input=HELLO, model="tts-1", voice="alloy", response_format="pcm"
        )
        assert length_ms(answer.content) == HELLO_MS
        async with client.audio.speech.with_streaming_response.create(
            input=HELLO, model="tts-1", voice="alloy", response_format="wav"
        ) as stream:
            audio = b"".join([part async for part in stream.iter_bytes()])
        assert audio[44:] == answer.content


REFUSED = openai.UnprocessableEntityError


@pytest.mark.parametrize(
    ("fields", "error", "code"),
    [
        ({"model": "whisper-1"}, openai.NotFoundError, "model_not_found"),
        ({"text": ""}, REFUSED, "invalid_parameter"),
        ({"text": "a" * 4097}, REFUSED, "invalid_parameter"),
        ({"voice": "nobody"}, REFUSED, "unknown_voice"),
        ({"voice": "fake-fr", "extra_body": {"language": "en"}}, REFUSED, "voice_language_mismatch"),
        ({"extra_body": {"language": "ja"}}, REFUSED, "unsupported_language"),
        ({"speed": 5}, REFUSED, "invalid_parameter"),
        ({"response_format": "wma"}, REFUSED, "invalid_parameter"),
        ({"extra_body": {"lang": "en"}}, REFUSED, "invalid_parameter"),
        ({"instructions": "x" * 200_000}, openai.APIStatusError, "request_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_refused_as_the_sdk_expects_it(
    client: OpenAI, fields: dict[str, Any], error: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(error) as caught:
        said(client, **fields)
    assert caught.value.code == code
    assert caught.value.response.headers["content-type"] == "application/problem+json"
    assert caught.value.request_id == caught.value.response.json()["request_id"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model": ', b'{"input": "\\ud800"}', b"\xff\xfe"])
def test_a_body_that_no_sdk_sends_is_refused_too(gateway: House, body: bytes) -> None:
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    answer = httpx.post(f"{gateway.url}/v1/audio/speech", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_a_wrong_key_opens_nothing(gateway: House) -> None:
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key="dgm_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        said(stranger)
