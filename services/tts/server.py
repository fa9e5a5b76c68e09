"""The TTS model server: proto to dataclass and back, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
import numpy as np

from protos.v1 import common_pb2, tts_pb2, tts_pb2_grpc
from services.shared.config import load as load_settings
from services.shared.errors import InternalError
from services.shared.glossary import Pronunciation
from services.shared.rpc.admission import Admission
from services.shared.rpc.client import chunks
from services.shared.rpc.server import Lazy, ServerSpec, run
from services.tts.core import Speech, SpeechRequest, TtsCore
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio, TtsEngine
from services.tts.engines.registry import create
from services.tts.settings import TtsSettings

GRPC_NAME = "dragoman.v1.Tts"


class TtsServicer(tts_pb2_grpc.TtsServicer):
    """Serves one core."""

    def __init__(self, core: Lazy[TtsCore], admission: Admission) -> None:
        self._core = core
        self._admission = admission

    async def Synthesize(  # noqa: N802 - the proto's name
        self, request: tts_pb2.SynthesizeRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        """Speak; answer with the info, then the audio."""
        core = self._core()
        speech = await self._admission.run(partial(core.synthesize, _request(request)))
        yield tts_pb2.SynthesizeResponse(info=_info(speech, core.engine))
        for chunk in chunks(pcm_s16le(speech.audio)):
            yield tts_pb2.SynthesizeResponse(audio=chunk)

    async def GetCapabilities(  # noqa: N802 - the proto's name
        self, _request: common_pb2.CapabilitiesRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> tts_pb2.TtsCapabilities:
        """List the voices."""
        engine = self._core().engine
        spoken = [
            tts_pb2.Voice(
                name=voice.name,
                language_code=voice.language_code,
                gender=voice.gender,
                default=voice.default,
            )
            for voice in engine.voices
        ]
        return tts_pb2.TtsCapabilities(model=_model(engine), voices=spoken, slots=self._admission.slots)


def pcm_s16le(audio: Audio) -> bytes:
    """Return samples as signed 16-bit little-endian; what is beyond [-1, 1] is clipped."""
    return np.rint(np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


def _request(request: tts_pb2.SynthesizeRequest) -> SpeechRequest:
    return SpeechRequest(
        text=request.text,
        language=request.language_code,
        voice=request.voice,
        rate=request.rate or 1.0,
        slot_ms=request.slot_ms,
        max_stretch=request.max_stretch or None,
        pronunciations=tuple(
            Pronunciation(each.text, each.spoken, each.case_sensitive) for each in request.pronunciations
        ),
    )


def _info(speech: Speech, engine: TtsEngine) -> tts_pb2.SpeechInfo:
    return tts_pb2.SpeechInfo(
        format=common_pb2.PcmFormat(sample_rate_hertz=SAMPLE_RATE_HZ, channel_count=1),
        voice=speech.voice,
        duration_ms=speech.duration_ms,
        stretch=speech.stretch,
        model=_model(engine),
        warnings=speech.warnings,
    )


def _model(engine: TtsEngine) -> common_pb2.ModelInfo:
    return common_pb2.ModelInfo(name=engine.model.name, revision=engine.model.revision)


def load_core(settings: TtsSettings) -> TtsCore:
    """Load the engine and speak one word with it, so that a broken model never serves."""
    core = TtsCore(
        create(settings.tts_engine, settings), settings.tts_max_stretch, settings.tts_max_characters
    )
    voice = core.engine.voices[0]
    if not core.synthesize(SpeechRequest("Ok", voice.language_code, voice.name)).audio.any():
        raise InternalError("The TTS engine spoke silence in its self-test.", code="self_test_failed")
    return core


def spec(settings: TtsSettings) -> ServerSpec[TtsCore]:
    """Describe the server."""

    def register(server: grpc.aio.Server, core: Lazy[TtsCore], admission: Admission) -> None:
        tts_pb2_grpc.add_TtsServicer_to_server(TtsServicer(core, admission), server)

    return ServerSpec(
        service="tts",
        grpc_name=GRPC_NAME,
        load=partial(load_core, settings),
        register=register,
        slots=settings.tts_slots,
        queue=settings.tts_queue,
    )


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(TtsSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
