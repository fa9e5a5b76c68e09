"""The TTS model server: proto to dataclass and back, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
import numpy as np

from protos.v1 import common_pb2, tts_pb2, tts_pb2_grpc
from services.shared.config import load as load_settings
from services.shared.engines import Model
from services.shared.glossary import Pronunciation
from services.shared.rpc.admission import Admission
from services.shared.rpc.client import chunks
from services.shared.rpc.server import Lazy, ServerSpec, run
from services.tts.core import TtsCore
from services.tts.engines.base import SAMPLE_RATE_HZ, Audio
from services.tts.engines.trade import residents
from services.tts.request import Closing, Opening, Speech, SpeechRequest
from services.tts.settings import TtsSettings
from services.tts.voices import Offer

GRPC_NAME = "dragoman.v1.Tts"

# What is known of a speech, or heard of it, at one moment.
Part = Opening | Audio | Closing


class TtsServicer(tts_pb2_grpc.TtsServicer):
    """Serves one core."""

    def __init__(self, core: Lazy[TtsCore], admission: Admission) -> None:
        self._core = core
        self._admission = admission

    async def Synthesize(  # noqa: N802 - the proto's name
        self, request: tts_pb2.SynthesizeRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        """Speak; answer with the info, then the audio, at last the summary."""
        core = self._core()
        if request.streaming:
            async with aclosing(self._parts(core, _request(request))) as parts:
                async for part in parts:
                    for message in _messages(part):
                        yield message
            return
        speech = await self._admission.run(partial(core.synthesize, _request(request)))
        for message in _whole(speech):
            yield message

    async def _parts(self, core: TtsCore, request: SpeechRequest) -> AsyncGenerator[Part, None]:
        """Yield what a thread speaks, while it goes on speaking."""
        loop, parts = asyncio.get_running_loop(), asyncio.Queue[Part | None]()

        def speak(cancelled: Callable[[], bool]) -> None:
            for part in core.stream(request, cancelled):
                loop.call_soon_threadsafe(parts.put_nowait, part)

        spoken = asyncio.ensure_future(self._admission.run(speak))
        spoken.add_done_callback(lambda _spoken: parts.put_nowait(None))
        try:
            while (part := await parts.get()) is not None:
                yield part
            await spoken
        finally:
            # Of a caller who left, the thread ends before its next piece.
            spoken.cancel()

    async def GetCapabilities(  # noqa: N802 - the proto's name
        self, _request: common_pb2.CapabilitiesRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> tts_pb2.TtsCapabilities:
        """List the voices."""
        core = self._core()
        models = [_model(status.model) for status in core.residents.statuses]
        return tts_pb2.TtsCapabilities(
            model=models[0],
            voices=[_voice(offer) for offer in core.offers],
            slots=self._admission.slots,
            batch=self._admission.batch,
            models=models,
        )


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


def _whole(speech: Speech) -> Iterator[tts_pb2.SynthesizeResponse]:
    known = Opening(speech.voice, speech.model, speech.stretch, speech.duration_ms, speech.warnings)
    yield from _messages(known)
    yield from _messages(speech.audio)
    yield from _messages(Closing(speech.duration_ms, speech.warnings))


def _messages(part: Part) -> Iterator[tts_pb2.SynthesizeResponse]:
    if isinstance(part, Opening):
        yield tts_pb2.SynthesizeResponse(info=_info(part))
    elif isinstance(part, Closing):
        summary = tts_pb2.SpeechSummary(duration_ms=part.duration_ms, warnings=part.warnings)
        yield tts_pb2.SynthesizeResponse(summary=summary)
    else:
        for chunk in chunks(pcm_s16le(part)):
            yield tts_pb2.SynthesizeResponse(audio=chunk)


def _info(opening: Opening) -> tts_pb2.SpeechInfo:
    return tts_pb2.SpeechInfo(
        format=common_pb2.PcmFormat(sample_rate_hertz=SAMPLE_RATE_HZ, channel_count=1),
        voice=opening.voice,
        duration_ms=opening.expected_ms,
        stretch=opening.stretch,
        model=_model(opening.model),
        warnings=opening.warnings,
    )


def _voice(offer: Offer) -> tts_pb2.Voice:
    voice = offer.voice
    return tts_pb2.Voice(
        name=voice.name,
        language_code=voice.language_code,
        gender=voice.gender,
        default=voice.default,
        model=_model(offer.model),
        cloned=voice.cloned,
        last_resort=voice.last_resort,
    )


def _model(model: Model) -> common_pb2.ModelInfo:
    return common_pb2.ModelInfo(name=model.name, revision=model.revision, sha256=model.sha256)


def load_core(settings: TtsSettings) -> TtsCore:
    """Load the engines and hear each of them once."""
    return TtsCore(
        residents(settings),
        settings.tts_max_stretch,
        settings.tts_max_characters,
        settings.tts_min_stretch,
    )


def spec(settings: TtsSettings) -> ServerSpec[TtsCore]:
    """Describe the server."""

    def register(server: grpc.aio.Server, core: Lazy[TtsCore], admission: Admission) -> None:
        tts_pb2_grpc.add_TtsServicer_to_server(TtsServicer(core, admission), server)

    return ServerSpec(
        service="tts",
        grpc_name=GRPC_NAME,
        load=partial(load_core, settings),
        register=register,
        slots=settings.tts_slots_chosen,
        queue=settings.tts_queue,
        residents=lambda core: core.residents,
    )


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(TtsSettings)
    run(spec(settings), settings)


if __name__ == "__main__":
    main()
