"""The ASR server writes down speech of any usual sampling rate; it segments only its own."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Iterator

import grpc
import numpy as np
import pytest

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.asr.core import Samples
from services.asr.resampling import resampled
from services.asr.server import spec
from services.asr.settings import AsrSettings
from services.shared.rpc.client import chunks
from services.shared.rpc.server import start
from tests.support.speech import FOLDER, PROMPTS, wrong_words

FAKE = AsrSettings(asr_engines="fake", asr_max_region_s=10)


def sine(rate_hz: int, seconds: float, pitch_hz: float = 440) -> Samples:
    moments = np.arange(round(rate_hz * seconds)) / rate_hz
    return (9000 * np.sin(2 * np.pi * pitch_hz * moments)).astype(np.int16)


def requests(samples: Samples, rate_hz: int, channels: int = 1) -> Iterator[asr_pb2.TranscribeRequest]:
    layout = common_pb2.PcmFormat(sample_rate_hertz=rate_hz, channel_count=channels)
    config = asr_pb2.TranscribeConfig(format=layout, language_code="en")
    yield asr_pb2.TranscribeRequest(config=config)
    for chunk in chunks(samples.tobytes()):
        yield asr_pb2.TranscribeRequest(audio=chunk)


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    running = await start(spec(FAKE), FAKE)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as opened:
        yield opened
    await running.stop()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_tone_stays_the_tone_that_it_was(rate_hz: int) -> None:
    heard = resampled(sine(rate_hz, 2.0), rate_hz)
    assert len(heard) == 32_000
    assert np.abs(heard - sine(16_000, 2.0).astype(np.int64))[200:-200].max() < 10


def test_what_the_lower_rate_cannot_hold_is_left_out() -> None:
    assert np.abs(resampled(sine(48_000, 1.0, 10_000), 48_000)[200:-200]).max() < 10


@pytest.mark.parametrize("samples", [0, 1, 7])
def test_a_few_samples_are_no_failure(samples: int) -> None:
    assert len(resampled(sine(48_000, 1.0)[:samples], 48_000)) <= samples


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
async def test_the_same_is_heard_at_every_rate(channel: grpc.aio.Channel, rate_hz: int) -> None:
    transcribe = asr_pb2_grpc.AsrStub(channel).Transcribe
    heard = await transcribe(requests(sine(rate_hz, 1.25), rate_hz))
    assert heard.text == "zero one two"
    assert heard.words[2].end_ms == 1200
    assert (await transcribe(requests(sine(rate_hz, 10.0), rate_hz))).text.endswith("four")


@pytest.mark.parametrize(
    ("samples", "rate_hz", "channels", "code"),
    [
        (sine(8_000, 1.0), 7_999, 1, "unsupported_format"),
        (sine(8_000, 1.0), 48_001, 1, "unsupported_format"),
        (sine(8_000, 1.0), 8_000, 2, "unsupported_format"),
        (sine(8_000, 1.0), 0, 1, "unsupported_format"),
        (sine(8_000, 10.5), 8_000, 1, "region_too_long"),
        (sine(8_000, 11.1), 8_000, 1, "audio_too_long"),
        (sine(48_000, 12.0), 48_000, 1, "audio_too_long"),
    ],
)
async def test_other_rates_and_longer_regions_are_refused(
    channel: grpc.aio.Channel, samples: Samples, rate_hz: int, channels: int, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asr_pb2_grpc.AsrStub(channel).Transcribe(requests(samples, rate_hz, channels))
    assert dict(refused.value.trailing_metadata())["dragoman-code"] == code


@pytest.mark.models
async def test_recorded_speech_is_understood_at_every_rate() -> None:
    with wave.open(str(FOLDER / "en-press-9.wav")) as file:
        narrow = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    settings = AsrSettings(asr_slots=1)
    running = await start(spec(settings), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as opened:
        transcribe = asr_pb2_grpc.AsrStub(opened).Transcribe
        texts = []
        for factor in (1, 3, 6):
            wide = np.fft.irfft(np.fft.rfft(narrow), factor * len(narrow)) * factor
            samples = wide.round().clip(-32768, 32767).astype(np.int16)
            texts.append((await transcribe(requests(samples, 8_000 * factor))).text)
    await running.stop()
    assert [wrong_words(PROMPTS["en-press-9"], text) <= 2 for text in texts] == [True] * 3
