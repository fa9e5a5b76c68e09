"""/v1/audio/transcriptions and translations as the official SDK sees them, over HTTP, with fake engines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.audio import (
    TranscriptionDiarized,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionTextSegmentEvent,
    TranscriptionVerbose,
)

from tests.support.clips import CALL, ENGLISH_HZ, PORTUGUESE, SHORT, TURNS, wav
from tests.support.gateway_house import House, fakes, house
from tests.support.speech import silence, tone

# The SDK calls the route of translations deprecated, each time.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def gateway(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(fakes(), redis_url, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: House) -> Iterator[OpenAI]:
    with gateway.client as opened:
        yield opened


def test_the_default_is_a_text_and_how_long_it_was(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(file=SHORT, model="whisper-1", language="en")
    assert heard.text == "zero one two"
    assert heard.usage is not None
    assert heard.usage.type == "duration"
    assert heard.usage.seconds == pytest.approx(1.2)


@pytest.mark.parametrize("language", ["pt", "pt-BR", "PT-br"])
def test_a_language_may_be_a_tag_of_either_standard(client: OpenAI, language: str) -> None:
    heard = client.audio.transcriptions.create(file=SHORT, model="fake-counter", language=language)
    assert heard.text == "zero um dois"


def test_a_language_that_is_not_given_is_detected(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=PORTUGUESE, model="gpt-4o-transcribe", response_format="verbose_json"
    )
    assert (heard.text, heard.language) == ("zero um dois", "portuguese")


def test_a_text_is_a_line(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=SHORT, model="whisper-1", language="en", response_format="text"
    )
    assert heard == "zero one two\n"


def test_verbose_json_has_its_segments(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=TURNS, model="whisper-1", language="en", response_format="verbose_json", temperature=0.2
    )
    assert isinstance(heard, TranscriptionVerbose)
    assert (heard.language, heard.duration) == ("english", 7)
    assert heard.segments is not None
    first, second = heard.segments
    assert (first.id, first.start, first.end, first.text) == (0, 0.0, 1.5, "zero one two")
    assert (second.id, second.start, second.end) == (1, 3.9, 5.3)
    assert second.seek == 390
    assert heard.text == f"{first.text} {second.text}"
    assert first.temperature == pytest.approx(0.2)
    assert first.compression_ratio < 1
    assert -10 < first.avg_logprob <= 0 <= first.no_speech_prob <= 1
    assert first.tokens == []
    assert heard.words is None


def test_words_come_when_they_are_asked_for_alone_or_beside_the_segments(client: OpenAI) -> None:
    words = client.audio.transcriptions.create(
        file=TURNS,
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert words.segments is None
    assert words.words is not None
    assert [(word.word, word.start) for word in words.words[:3]] == [("zero", 0), ("one", 0.4), ("two", 0.8)]
    assert words.words[3].start == pytest.approx(3.9)
    both = client.audio.transcriptions.create(
        file=TURNS,
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert both.words == words.words
    assert len(both.segments or ()) == 2


def test_subtitles_are_those_of_a_job(client: OpenAI) -> None:
    asked: dict[str, Any] = {"file": TURNS, "model": "whisper-1", "language": "en"}
    assert client.audio.transcriptions.create(**asked, response_format="srt") == (
        "1\n00:00:00,000 --> 00:00:01,200\nzero one two\n\n2\n00:00:03,900 --> 00:00:05,100\nzero one two\n"
    )
    assert str(client.audio.transcriptions.create(**asked, response_format="vtt")).startswith(
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.200\nzero one two\n"
    )


def test_each_channel_is_a_speaker(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=CALL,
        model="gpt-4o-transcribe-diarize",
        response_format="diarized_json",
        chunking_strategy="auto",
    )
    assert isinstance(heard, TranscriptionDiarized)
    assert [(each.speaker, each.text) for each in heard.segments] == [
        ("A", "zero one two"),
        ("B", "zero um dois três"),
        ("A", "zero one two"),
    ]
    assert [each.id for each in heard.segments] == ["seg_0", "seg_1", "seg_2"]
    assert {each.type for each in heard.segments} == {"transcript.text.segment"}
    assert heard.duration == pytest.approx(8)


def test_channels_have_the_names_that_are_given_to_them(client: OpenAI) -> None:
    named: dict[str, Any] = {"extra_body": {"channels": ["agent", "customer"]}}
    heard = client.audio.transcriptions.create(
        file=CALL, model="whisper-1", response_format="diarized_json", **named
    )
    assert [each.speaker for each in heard.segments] == ["agent", "customer", "agent"]
    vtt = client.audio.transcriptions.create(file=CALL, model="whisper-1", response_format="vtt", **named)
    assert "<v customer>zero um dois três" in str(vtt)
    verbose = client.audio.transcriptions.create(
        file=CALL, model="whisper-1", response_format="verbose_json", **named
    )
    assert [each.to_dict()["speaker"] for each in verbose.segments or ()] == ["agent", "customer", "agent"]


def test_channels_that_nobody_tells_apart_are_heard_as_one(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=CALL, model="whisper-1", language="en", response_format="verbose_json"
    )
    (*_,) = segments = heard.segments or []
    assert all("speaker" not in each.to_dict() for each in segments)
    assert segments[0].start == 0
    assert sum(each.end - each.start for each in segments) == pytest.approx(5, abs=1.5)


def test_two_channels_with_the_same_audio_are_heard_once(client: OpenAI) -> None:
    same = wav(tone(1.2, ENGLISH_HZ), tone(1.2, ENGLISH_HZ))
    apart: dict[str, Any] = {"extra_body": {"channels": ["one", "other"]}}
    for asked in ({}, apart):
        heard = client.audio.transcriptions.create(file=same, model="whisper-1", language="en", **asked)
        assert heard.text == "zero one two"


def test_a_stream_tells_each_stretch_of_speech_and_then_the_whole(client: OpenAI) -> None:
    with client.audio.transcriptions.create(
        file=TURNS, model="gpt-4o-mini-transcribe", language="en", stream=True
    ) as stream:
        *deltas, done = list(stream)
    texts = [each.delta for each in deltas if isinstance(each, TranscriptionTextDeltaEvent)]
    assert texts == ["zero one two", " zero one two"]
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert done.text == "".join(texts)


def test_a_diarized_stream_has_segments_too(client: OpenAI) -> None:
    with client.audio.transcriptions.create(
        file=CALL, model="gpt-4o-transcribe-diarize", response_format="diarized_json", stream=True
    ) as stream:
        events = list(stream)
    segments = [each for each in events if isinstance(each, TranscriptionTextSegmentEvent)]
    deltas = [each for each in events if isinstance(each, TranscriptionTextDeltaEvent)]
    assert [each.speaker for each in segments] == ["A", "B", "A"]
    assert [each.segment_id for each in deltas] == [each.id for each in segments]


async def test_all_of_this_works_asynchronously_too(gateway: House) -> None:
    async with gateway.async_client as client:
        heard = await client.audio.transcriptions.create(file=SHORT, model="whisper-1", language="en")
        assert heard.text == "zero one two"
        stream = await client.audio.transcriptions.create(
            file=TURNS, model="whisper-1", language="en", stream=True
        )
        assert [event.type async for event in stream] == [
            "transcript.text.delta",
            "transcript.text.delta",
            "transcript.text.done",
        ]
        with pytest.raises(openai.NotFoundError):
            await client.audio.transcriptions.create(file=SHORT, model="gpt-5")


def test_confidences_come_as_logarithms_for_each_word(client: OpenAI) -> None:
    asked: dict[str, Any] = {"file": SHORT, "model": "gpt-4o-transcribe", "language": "en"}
    sure = client.audio.transcriptions.create(**asked, include=["logprobs"]).logprobs
    assert sure is not None
    assert [each.token for each in sure] == ["zero", "one", "two"]
    assert sure[0].logprob == pytest.approx(math.log(0.9))
    assert bytes(int(each) for each in sure[1].bytes or ()) == b"one"
    with client.audio.transcriptions.create(**asked, include=["logprobs"], stream=True) as stream:
        assert [len(event.to_dict()["logprobs"]) for event in stream] == [3, 3]


def test_into_english_the_recogniser_translates(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=PORTUGUESE,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word"],
        extra_body={"target_language": "en-US"},
    )
    assert (heard.text, heard.language) == ("zero one two", "english")
    assert [word.word for word in heard.words or ()] == ["zero", "one", "two"]


def test_into_other_languages_the_translation_service_does(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=SHORT,
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        extra_body={"target_language": "pt-BR"},
    )
    assert heard.text == "012"  # digits said one by one are no words to translate
    assert (heard.language, heard.to_dict()["task"]) == ("portuguese", "translate")
    assert heard.words == []  # they are no words of this text
    assert [each.text for each in heard.segments or ()] == [heard.text]


def test_what_is_in_the_target_language_already_stays_as_it_is(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=PORTUGUESE, model="whisper-1", extra_body={"target_language": "pt-PT"}
    )
    assert heard.text == "zero um dois"


def test_a_translation_is_english(client: OpenAI) -> None:
    asked: dict[str, Any] = {"file": PORTUGUESE, "model": "whisper-1"}
    assert client.audio.translations.create(**asked).text == "zero one two"
    verbose = client.audio.translations.create(**asked, response_format="verbose_json")
    assert (verbose.language, verbose.duration) == ("english", 1.2)
    assert "zero one two" in str(client.audio.translations.create(**asked, response_format="srt"))


def test_silence_is_an_empty_text(client: OpenAI) -> None:
    quiet = wav(silence(2))
    assert client.audio.transcriptions.create(file=quiet, model="whisper-1").text == ""
    assert client.audio.transcriptions.create(file=quiet, model="whisper-1", language="en").text == ""
    verbose = client.audio.transcriptions.create(
        file=quiet, model="whisper-1", response_format="verbose_json"
    )
    assert (verbose.segments, verbose.language) == ([], "unknown")
    with client.audio.transcriptions.create(file=quiet, model="whisper-1", stream=True) as stream:
        (done,) = stream
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert done.text == ""


def test_all_that_an_sdk_may_send_is_taken(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        file=SHORT,
        model="gpt-transcribe",
        language="en",
        languages=["en", "pt"],
        keywords=["Dragoman"],
        prompt="Counting.",
        temperature=0,
        chunking_strategy={"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 200},
        known_speaker_names=["agent"],
        known_speaker_references=["data:audio/wav;base64," + "A" * 400_000],
    )
    assert heard.text == "zero one two"


def test_the_models_are_listed_and_found(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert {"fake-counter", "fake-tone", "fake-marks", "whisper-1", "gpt-4o-transcribe", "tts-1"} <= {*listed}
    assert len(listed) == len(set(listed))
    found = client.models.retrieve("gpt-4o-mini-tts")
    assert (found.id, found.object, found.owned_by) == ("gpt-4o-mini-tts", "model", "dragoman")
    for unknown in ("gpt-5", "folder/gpt-5"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve(unknown)
        assert caught.value.code == "model_not_found"


def test_the_description_names_every_format(gateway: House) -> None:
    headers = {"authorization": f"Bearer {gateway.key}"}
    described = httpx.get(f"{gateway.url}/v1/openapi.json", headers=headers, trust_env=False).json()
    route = described["paths"]["/v1/audio/transcriptions"]["post"]
    form = route["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"file", "timestamp_granularities[]", "channels[]", "target_language"} <= form["properties"].keys()
    assert form["required"] == ["file", "model"]
    assert route["responses"]["200"]["content"].keys() == {
        "application/json",
        "text/plain",
        "application/x-subrip",
        "text/vtt",
        "text/event-stream",
    }
    assert {"4XX", "5XX"} <= route["responses"].keys()
    assert "$defs" not in json.dumps(described["paths"])
