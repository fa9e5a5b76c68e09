"""Short telephone clips, all at once through a real server, next to the library one after another."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import jiwer
import numpy as np
from faster_whisper import WhisperModel
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.asr.core import Samples
from services.asr.engines.base import SAMPLE_RATE_HZ
from services.asr.engines.faster_whisper import DEFAULT_MODEL
from services.asr.settings import AsrSettings
from services.shared.models.catalogue import Catalogue
from services.shared.rpc.client import chunks
from tests.bench import asr_quality
from tests.bench.report import Bars, Result, Row, spread
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.waiting import until

_LANGUAGES: Final = ("en", "es")
_CLIPS: Final = 64
_LONGEST_S: Final = 6.0
_CALLERS: Final = 16
_PASSES: Final = 3
# What the library gets, which works on one clip at a time: both cores of the machine that this is for.
_LIBRARY_THREADS: Final = 2
_START_S: Final = 120.0
_CALL_S: Final = 120.0

Recognise = Callable[["Clip"], str]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A recording and what is said in it."""

    samples: Samples
    language: str
    text: str


@dataclass(slots=True)
class Way:
    """How one way of recognising did.

    Attributes:
        per_s: Clips in a second, pass by pass.
        texts: Of the last pass, clip by clip.
    """

    per_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def wer(self, clips: list[Clip], language: str = "") -> float:
        """Return the word error rate in percent, of all clips or those of one language."""
        plain = asr_quality.plain
        pairs = [
            # An empty hypothesis is all deletions, but jiwer takes no empty strings.
            (plain(clip.text, clip.language), plain(text, clip.language) or "-")
            for clip, text in zip(clips, self.texts, strict=True)
            if language in ("", clip.language)
        ]
        return 100 * jiwer.wer([said for said, _ in pairs], [heard for _, heard in pairs])


def run() -> Result:
    """Recognise the clips by both ways in turn."""
    if not asr_quality.PROMPTS.is_dir():
        return Result("asr_clips", skipped=f"no telephone recordings in {asr_quality.PROMPTS}")
    clips = [clip for language in _LANGUAGES for clip in _clips(language, _CLIPS // len(_LANGUAGES))]
    settings = AsrSettings(asr_port=free_port())
    service, library = Way(), Way()
    by_library = _library(settings)
    with process(settings, "services.asr.server"), _open(settings) as channel:
        through = _through(asr_pb2_grpc.AsrStub(channel))
        for number in range(_PASSES + 1):
            _measured(service, clips, through, _CALLERS)
            _measured(library, clips, by_library, 1)
            if not number:
                # To warm up.
                service.per_s.clear()
                library.per_s.clear()
    return _result(clips, service, library)


def _result(clips: list[Clip], service: Way, library: Way) -> Result:
    gains = [ours / theirs for ours, theirs in zip(service.per_s, library.per_s, strict=True)]
    rates = {
        f"{name}, {language or 'all'}": way.wer(clips, language)
        for name, way in (("service", service), ("library", library))
        for language in ("", *_LANGUAGES)
    }
    added = rates["service, all"] - rates["library, all"]
    return Result(
        "asr_clips",
        (
            Row("clips per second, service", "clips/s", spread(service.per_s)),
            Row("clips per second, library", "clips/s", spread(library.per_s)),
            Row("service over library", "ratio", spread(gains), ">= 2.5"),
            *(Row(f"word error rate: {name}", "%", spread([rate])) for name, rate in rates.items()),
            Row("added by the service", "points", spread([added]), "<= 0.5"),
        ),
        (
            Bars(
                "64 short telephone clips",
                "clips/s",
                {"service": spread(service.per_s).median, "library": spread(library.per_s).median},
            ),
            Bars("Word error rate on them", "%", rates),
        ),
        {
            "clips": len(clips),
            "audio_s": round(sum(len(clip.samples) for clip in clips) / SAMPLE_RATE_HZ, 1),
            "callers": _CALLERS,
            "library_threads": _LIBRARY_THREADS,
            "library_processor": "sequential, its own defaults, the language given",
        },
    )


def _clips(language: str, most: int) -> Iterator[Clip]:
    """Yield the first short recordings of a language."""
    found = 0
    for line in (asr_quality.PROMPTS / f"{language}.tsv").read_text(encoding="utf-8").splitlines():
        file, _, text = line.partition("\t")
        with wave.open(str(asr_quality.PROMPTS / file)) as recording:
            length_s = recording.getnframes() / recording.getframerate()
        if length_s <= _LONGEST_S and found < most:
            found += 1
            yield Clip(asr_quality.samples_of(asr_quality.PROMPTS / file), language, text)


def _measured(way: Way, clips: list[Clip], recognise: Recognise, callers: int) -> None:
    began_s = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        way.texts = list(pool.map(recognise, clips))
    way.per_s.append(len(clips) / (time.perf_counter() - began_s))


def _open(settings: AsrSettings) -> grpc.Channel:
    """Return a channel to the server, once it serves."""
    channel = grpc.insecure_channel(f"127.0.0.1:{settings.asr_port}")
    health: Any = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="dragoman.v1.Asr")

    def serves() -> bool:
        try:
            return bool(health.Check(request).status == health_pb2.HealthCheckResponse.SERVING)
        except grpc.RpcError:
            return False

    until(serves, _START_S)
    return channel


def _through(stub: asr_pb2_grpc.AsrStub) -> Recognise:
    """Return how a clip goes through the server: whole, as one region, without words as by the library."""

    def requests(clip: Clip) -> Iterator[asr_pb2.TranscribeRequest]:
        config = asr_pb2.TranscribeConfig(
            format=common_pb2.PcmFormat(sample_rate_hertz=SAMPLE_RATE_HZ, channel_count=1),
            language_code=clip.language,
            text_only=True,
        )
        yield asr_pb2.TranscribeRequest(config=config)
        for chunk in chunks(clip.samples.tobytes()):
            yield asr_pb2.TranscribeRequest(audio=chunk)

    return lambda clip: str(stub.Transcribe(requests(clip), timeout=_CALL_S).text)


def _library(settings: AsrSettings) -> Recognise:
    """Return the library's own call, with nothing but its defaults."""
    model = WhisperModel(
        str(Catalogue(settings.models_dir).folder(DEFAULT_MODEL)),
        device="cpu",
        compute_type=settings.asr_compute_type,
        cpu_threads=_LIBRARY_THREADS,
    )

    def recognise(clip: Clip) -> str:
        audio = clip.samples.astype(np.float32) / np.float32(32768)
        return " ".join(segment.text for segment in model.transcribe(audio, language=clip.language)[0])

    return recognise
