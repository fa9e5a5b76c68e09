"""The ASR server: protos to core and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import grpc
import numpy as np
from typing_extensions import override

from protos.v1 import asr_pb2, asr_pb2_grpc, common_pb2
from services.asr.core import AsrCore, Region, Samples
from services.asr.engines.base import SAMPLE_RATE_HZ, Guidance, Task
from services.asr.engines.trade import residents
from services.asr.resampling import HIGHEST_HZ, LOWEST_HZ, resampled
from services.asr.segmentation import Shape
from services.asr.settings import AsrSettings
from services.shared.config import load
from services.shared.engines import Model
from services.shared.errors import InvalidRequest, TooLarge, Unsupported
from services.shared.rpc.admission import Admission
from services.shared.rpc.server import Lazy, ServerSpec, collect, run

_BYTES_PER_SAMPLE: Final = 2


class AsrServicer(asr_pb2_grpc.AsrServicer):
    """Serves one core.

    Args:
        core: The loaded core.
        admission: Lets a bounded number of calls reach it.
        settings: Of the room.
    """

    def __init__(self, core: Lazy[AsrCore], admission: Admission, settings: AsrSettings) -> None:
        self._core = core
        self._admission = admission
        self._settings = settings
        self._max_recording_bytes = settings.asr_max_recording_s * SAMPLE_RATE_HZ * _BYTES_PER_SAMPLE

    @override
    async def Segment(self, request_iterator: AsyncIterator[Any], context: Any) -> asr_pb2.SegmentResponse:
        """Find the speech regions of one channel."""
        core = self._core()
        config, audio = await collect(request_iterator, "config", "audio", self._max_recording_bytes)
        samples = _samples(config.format, audio)
        found = await self._admission.run(
            lambda cancelled: core.segment(
                samples, config.language_code, cancelled, config.max_region_ms, config.model
            )
        )
        return asr_pb2.SegmentResponse(
            regions=[_region(region) for region in found.regions],
            language_code=found.language,
            language_confidence=found.language_confidence,
            duration_ms=found.duration_ms,
            model=_model(found.model),
            sounds=[
                asr_pb2.Sound(kind=sound.kind, region=_region(sound.region), digits=sound.digits)
                for sound in found.sounds
            ],
        )

    @override
    async def Transcribe(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> asr_pb2.TranscribeResponse:
        """Recognise one region."""
        core = self._core()
        # A sample more than a region may have, so that core says what is wrong with one that is too long.
        most_s = core.max_region_ms / 1000 + 1
        config, audio = await collect(
            request_iterator, "config", "audio", int(most_s * HIGHEST_HZ) * _BYTES_PER_SAMPLE
        )
        samples = _samples(config.format, audio, LOWEST_HZ, HIGHEST_HZ)
        rate_hz, task, guidance = config.format.sample_rate_hertz, _task(config.task), _guidance(config)
        if len(samples) > most_s * rate_hz:
            raise TooLarge(f"More than {most_s:g} s of audio in one call.", code="audio_too_long")
        heard = await self._admission.run(
            lambda cancelled: core.transcribe(
                resampled(samples, rate_hz),
                config.language_code,
                task,
                cancelled,
                guidance,
                config.model,
            )
        )
        return asr_pb2.TranscribeResponse(
            text=heard.text,
            language_code=heard.language,
            confidence=heard.confidence,
            words=[
                asr_pb2.Word(
                    text=word.text, start_ms=word.start_ms, end_ms=word.end_ms, confidence=word.confidence
                )
                for word in heard.words
            ],
            warnings=heard.warnings,
            model=_model(heard.model),
            average_log_probability=heard.log_probability,
            no_speech_probability=heard.no_speech,
            language_confidence=heard.spoken_confidence,
            source_language=heard.spoken,
        )

    @override
    async def GetCapabilities(
        self, request: common_pb2.CapabilitiesRequest, context: Any
    ) -> asr_pb2.AsrCapabilities:
        """Say what this server can do."""
        core = self._core()
        models = [
            asr_pb2.AsrModel(
                model=_model(each.model),
                languages=each.description.languages,
                translates_to_english=each.description.translates_to_english,
            )
            for each in core.models
        ]
        return asr_pb2.AsrCapabilities(
            model=models[0].model,
            languages=models[0].languages,
            translates_to_english=models[0].translates_to_english,
            max_region_ms=core.max_region_ms,
            slots=self._settings.asr_slots_chosen,
            batch=self._settings.asr_batch_chosen,
            models=models,
        )


def _samples(
    layout: common_pb2.PcmFormat,
    audio: bytearray,
    lowest_hz: int = SAMPLE_RATE_HZ,
    highest_hz: int = SAMPLE_RATE_HZ,
) -> Samples:
    if layout.channel_count != 1 or not lowest_hz <= layout.sample_rate_hertz <= highest_hz:
        rates = " to ".join(str(each) for each in dict.fromkeys((lowest_hz, highest_hz)))
        raise Unsupported(f"Audio must be mono at {rates} Hz.", code="unsupported_format")
    if len(audio) % _BYTES_PER_SAMPLE:
        raise InvalidRequest("The audio ends inside a sample of 16 bits.", code="broken_audio")
    return np.frombuffer(audio, "<i2")


def _region(region: Region) -> common_pb2.Region:
    return common_pb2.Region(start_ms=region.start_ms, end_ms=region.end_ms)


def _guidance(config: asr_pb2.TranscribeConfig) -> Guidance:
    return Guidance(
        tuple(config.hints), config.prompt, config.temperature, config.text_only, config.check_numbers
    )


def _task(task: int) -> Task:
    return Task.TRANSLATE if task == asr_pb2.TRANSCRIBE_TASK_TRANSLATE else Task.TRANSCRIBE


def _model(model: Model) -> common_pb2.ModelInfo:
    return common_pb2.ModelInfo(name=model.name, revision=model.revision, sha256=model.sha256)


def build(settings: AsrSettings) -> AsrCore:
    """Load the engines and see them work.

    Raises:
        Misconfigured: an engine or its model is not there.
        InternalError: one does not work (self_test_failed).
    """
    return AsrCore(residents(settings), Shape(longest=int(settings.asr_max_region_s * SAMPLE_RATE_HZ)))


def spec(settings: AsrSettings) -> ServerSpec[AsrCore]:
    """Describe the server to services.shared.rpc."""

    def register(server: grpc.aio.Server, core: Lazy[AsrCore], admission: Admission) -> None:
        servicer = AsrServicer(core, admission, settings)
        asr_pb2_grpc.add_AsrServicer_to_server(servicer, server)

    return ServerSpec(
        service="asr",
        grpc_name="dragoman.v1.Asr",
        load=partial(build, settings),
        register=register,
        slots=settings.asr_slots_chosen,
        queue=settings.asr_queue,
        batch=settings.asr_batch_chosen,
        residents=lambda core: core.residents,
    )


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(AsrSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
