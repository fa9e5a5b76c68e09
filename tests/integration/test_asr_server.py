"""The ASR server over real gRPC."""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.asr.core import AsrCore, Samples
from services.asr.engines.faster_whisper import DEFAULT_MODEL
from services.asr.server import spec
from services.asr.settings import AsrSettings
from services.shared.models.catalogue import Catalogue
from services.shared.rpc.client import chunks
from services.shared.rpc.server import RunningServer, start
from tests.support.speech import PROMPTS, prompt, silence, tone, wrong_words

Stub: TypeAlias = "asr_pb2_grpc.AsrAsyncStub"  # known to the type checker only
FAKE = AsrSettings(asr_engines="fake,fake:second", asr_slots=3, asr_max_region_s=10, asr_max_recording_s=60)
WIDE = common_pb2.PcmFormat(sample_rate_hertz=16_000, channel_count=1)
INVALID, TOO_LARGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE


@pytest.fixture
async def server() -> AsyncIterator[RunningServer[AsrCore]]:
    running = await start(spec(FAKE), FAKE)
    yield running
    await running.stop()


@pytest.fixture
async def channel(server: RunningServer[AsrCore]) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    made: Stub = asr_pb2_grpc.AsrStub(channel)
    return made


def segmenting(
    samples: Samples, language: str = "en", layout: common_pb2.PcmFormat = WIDE, max_region_ms: int = 0
) -> Iterator[asr_pb2.SegmentRequest]:
    config = asr_pb2.SegmentConfig(format=layout, language_code=language, max_region_ms=max_region_ms)
    yield asr_pb2.SegmentRequest(config=config)
    for chunk in chunks(samples.tobytes()):
        yield asr_pb2.SegmentRequest(audio=chunk)


def transcribing(
    samples: Samples,
    language: str = "en",
    task: asr_pb2.TranscribeTask.ValueType = asr_pb2.TRANSCRIBE_TASK_UNSPECIFIED,
    guided: asr_pb2.TranscribeConfig | None = None,
) -> Iterator[asr_pb2.TranscribeRequest]:
    config = asr_pb2.TranscribeConfig(format=WIDE, language_code=language, task=task)
    config.MergeFrom(guided or asr_pb2.TranscribeConfig())
    yield asr_pb2.TranscribeRequest(config=config)
    for chunk in chunks(samples.tobytes()):
        yield asr_pb2.TranscribeRequest(audio=chunk)


async def test_a_channel_is_segmented(stub: Stub) -> None:
    samples = np.concatenate([silence(1), tone(2), silence(2), tone(14), silence(1)])
    found = await stub.Segment(segmenting(samples, "en-US"))
    assert (found.regions[0].start_ms, found.regions[0].end_ms) == (700, 3300)
    assert max(region.end_ms - region.start_ms for region in found.regions) <= 10_000
    assert (found.language_code, found.language_confidence) == ("en-US", 1)
    assert found.duration_ms == 20_000
    assert (found.model.name, found.model.revision) == ("fake-counter", "1")


async def test_a_caller_may_ask_for_shorter_regions(stub: Stub) -> None:
    found = await stub.Segment(segmenting(tone(12), max_region_ms=3_000))
    assert max(region.end_ms - region.start_ms for region in found.regions) <= 3_000


async def test_a_language_is_detected(stub: Stub) -> None:
    found = await stub.Segment(segmenting(tone(5, 200), "auto"))
    assert found.language_code == "pt"
    assert found.language_confidence == pytest.approx(0.9)


@pytest.mark.parametrize("seconds", [0, 3])
async def test_silence_and_no_audio_at_all_have_no_regions(stub: Stub, seconds: float) -> None:
    found = await stub.Segment(segmenting(silence(seconds), "auto"))
    assert list(found.regions) == []
    assert (found.language_code, found.duration_ms) == ("", seconds * 1000)


async def test_a_region_is_transcribed(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(tone(1.3), "pt-BR"))
    assert (heard.text, heard.language_code) == ("zero um dois", "pt-BR")
    assert heard.confidence == pytest.approx(0.9)
    assert [(word.text, word.start_ms, word.end_ms) for word in heard.words][1:] == [
        ("um", 400, 800),
        ("dois", 800, 1200),
    ]
    assert heard.model.name == "fake-counter"


async def test_a_region_is_translated(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(tone(1.3), "pt", asr_pb2.TRANSCRIBE_TASK_TRANSLATE))
    assert (heard.text, heard.language_code) == ("zero one two", "en")


async def test_numbers_are_checked_if_that_is_asked_for(stub: Stub) -> None:
    for asked, warnings in ((True, ["uncertain_number"]), (False, [])):
        guided = asr_pb2.TranscribeConfig(hints=["one 1"], check_numbers=asked)
        heard = await stub.Transcribe(transcribing(tone(1.3), guided=guided))
        assert (heard.text, list(heard.warnings)) == ("zero one 1 two", warnings)


async def test_hints_and_a_prompt_shape_the_text(stub: Stub) -> None:
    for guided in ({"hints": ["Twofold", "Zeroed"]}, {"prompt": "Twofold or Zeroed"}):
        heard = await stub.Transcribe(transcribing(tone(1.3), guided=asr_pb2.TranscribeConfig(**guided)))
        assert heard.text == "Zeroed one Twofold"


async def test_a_text_says_how_likely_it_is(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(tone(1.3)))
    assert heard.average_log_probability == pytest.approx(math.log(0.9))
    assert heard.no_speech_probability == pytest.approx(0.1)
    quiet = await stub.Transcribe(transcribing(silence(1)))
    assert (quiet.average_log_probability, quiet.no_speech_probability) == (0, 1)


async def test_the_language_of_a_region_is_detected(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(tone(1.3, 200), "auto"))
    assert (heard.text, heard.language_code, heard.source_language) == ("zero um dois", "pt", "pt")
    assert heard.language_confidence == pytest.approx(0.9)
    given = await stub.Transcribe(transcribing(tone(1.3, 200), "en-GB"))
    assert (given.source_language, given.language_confidence) == ("en-GB", 1)


async def test_a_text_may_come_without_its_words(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(tone(1.3), guided=asr_pb2.TranscribeConfig(text_only=True)))
    assert (heard.text, list(heard.words)) == ("zero one two", [])


async def test_a_temperature_makes_a_text_less_certain(stub: Stub) -> None:
    warm = await stub.Transcribe(transcribing(tone(1), guided=asr_pb2.TranscribeConfig(temperature=0.5)))
    assert warm.confidence < (await stub.Transcribe(transcribing(tone(1)))).confidence


async def test_a_silent_region_is_empty_and_says_so(stub: Stub) -> None:
    heard = await stub.Transcribe(transcribing(silence(2)))
    assert (heard.text, heard.confidence, list(heard.words)) == ("", 0, [])
    assert list(heard.warnings) == ["no_speech"]


async def test_it_tells_what_it_can_do(stub: Stub) -> None:
    able = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
    assert list(able.languages) == ["en", "es", "pt"]
    assert able.translates_to_english
    assert able.max_region_ms == 10_000
    assert able.slots == 3
    assert able.model.name == "fake-counter"
    assert [each.model.name for each in able.models] == ["fake-counter", "second"]
    assert list(able.models[1].languages) == ["en", "es", "pt"]
    assert able.models[1].translates_to_english


async def test_a_caller_may_name_the_model(stub: Stub) -> None:
    named = asr_pb2.TranscribeConfig(model="second")
    assert (await stub.Transcribe(transcribing(tone(1), guided=named))).model.name == "second"
    config = asr_pb2.SegmentConfig(format=WIDE, language_code="en", model="second")
    assert (await stub.Segment(iter([asr_pb2.SegmentRequest(config=config)]))).model.name == "second"


async def test_a_model_that_nobody_knows_is_not_found(stub: Stub) -> None:
    requests = transcribing(tone(1), guided=asr_pb2.TranscribeConfig(model="enormous"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Transcribe(requests)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert dict(caught.value.trailing_metadata())["dragoman-code"] == "unknown_model"
    assert "fake-counter, second" in (caught.value.details() or "")


NARROW = common_pb2.PcmFormat(sample_rate_hertz=8_000, channel_count=1)
STEREO = common_pb2.PcmFormat(sample_rate_hertz=16_000, channel_count=2)
HOT = asr_pb2.TranscribeConfig(temperature=1.5)
HALF = [
    asr_pb2.SegmentRequest(config=asr_pb2.SegmentConfig(format=WIDE, language_code="en")),
    asr_pb2.SegmentRequest(audio=b"\0\0\0"),
]


@pytest.mark.parametrize(
    ("requests", "status", "code"),
    [
        ([], INVALID, "config_first"),
        ([asr_pb2.SegmentRequest(audio=b"\0\0")], INVALID, "config_first"),
        (list(segmenting(tone(1), "tlh")), INVALID, "unsupported_language"),
        (list(segmenting(tone(1), layout=NARROW)), INVALID, "unsupported_format"),
        (list(segmenting(tone(1), layout=STEREO)), INVALID, "unsupported_format"),
        (list(segmenting(tone(1), max_region_ms=10)), INVALID, "invalid_max_region"),
        (HALF, INVALID, "broken_audio"),
        (list(segmenting(silence(61))), TOO_LARGE, "audio_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_channel_that_cannot_be_segmented_is_refused_with_a_stable_code(
    stub: Stub, requests: list[asr_pb2.SegmentRequest], status: grpc.StatusCode, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Segment(iter(requests))
    assert (caught.value.code(), dict(caught.value.trailing_metadata())["dragoman-code"]) == (status, code)


@pytest.mark.parametrize(
    ("requests", "status", "code"),
    [
        (list(transcribing(tone(1), "tlh")), INVALID, "unsupported_language"),
        (list(transcribing(tone(1), guided=HOT)), INVALID, "invalid_temperature"),
        (list(transcribing(tone(10.5))), TOO_LARGE, "region_too_long"),
        (list(transcribing(tone(15))), TOO_LARGE, "audio_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_region_that_cannot_be_transcribed_is_refused_with_a_stable_code(
    stub: Stub, requests: list[asr_pb2.TranscribeRequest], status: grpc.StatusCode, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Transcribe(iter(requests))
    assert (caught.value.code(), dict(caught.value.trailing_metadata())["dragoman-code"]) == (status, code)


async def test_the_loaded_server_says_that_it_serves(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # its types know no asynchronous channel
    answer = await health.Check(health_pb2.HealthCheckRequest(service="dragoman.v1.Asr"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.models
async def test_a_recorded_call_is_segmented_and_written_down() -> None:
    settings = AsrSettings()
    running = await start(spec(settings), settings)
    samples = np.concatenate(
        [silence(1), prompt("en-press-9"), silence(2), prompt("en-phone-number"), silence(1)]
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Stub = asr_pb2_grpc.AsrStub(channel)
        found = await stub.Segment(segmenting(samples, "auto"))
        heard = [
            await stub.Transcribe(transcribing(samples[region.start_ms * 16 : region.end_ms * 16]))
            for region in found.regions
        ]
    await running.stop()
    assert found.language_code == "en"
    first, second = (each.text for each in heard)
    assert wrong_words(PROMPTS["en-press-9"], first) <= 2
    assert wrong_words(PROMPTS["en-phone-number"], second) <= 2
    assert heard[0].model.name == "whisper-base-int8"
    assert len(heard[0].model.revision) == 12


@pytest.mark.models
async def test_one_server_holds_a_model_of_the_catalogue_and_one_of_a_local_folder(tmp_path: Path) -> None:
    catalogued = Catalogue(AsrSettings().models_dir).folder(DEFAULT_MODEL)
    mine = tmp_path / "mine"
    mine.mkdir()
    for file in catalogued.iterdir():
        (mine / file.name).symlink_to(file)
    settings = AsrSettings(asr_engines=f"faster-whisper,faster-whisper:{mine}", asr_slots=1)
    running = await start(spec(settings), settings)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            stub: Stub = asr_pb2_grpc.AsrStub(channel)
            able = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
            named = asr_pb2.TranscribeConfig(model="mine")
            heard = await stub.Transcribe(transcribing(prompt("en-press-9"), guided=named))
    finally:
        await running.stop()
    assert [each.model.name for each in able.models] == ["whisper-base-int8", "mine"]
    assert wrong_words(PROMPTS["en-press-9"], heard.text) <= 2
    assert heard.model.name == "mine"
    assert heard.model.sha256 == hashlib.sha256((catalogued / "model.bin").read_bytes()).hexdigest()
