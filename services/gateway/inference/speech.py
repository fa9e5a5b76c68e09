"""The use case of /v1/audio/speech: a text in, its audio out, as soon as it is spoken."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from protos.v1 import tts_pb2
from services.gateway.inference import stages
from services.gateway.inference.in_order import in_order
from services.gateway.inference.servers import Errand
from services.gateway.inference.splitting import PAUSE_MS, split
from services.gateway.inference.stages import Spoken

# What the speech service takes; a client may ask for more, and gets the nearest.
MIN_RATE: Final = 0.5
MAX_RATE: Final = 2.0
# Of silence in place of a text in which nothing can be said.
_NOTHING_MS: Final = 100
_RATE_HZ: Final = 24_000
# Parts of a text that is sent when all is said.
_AT_ONCE: Final = 2
# Sizes in a WAV header that is sent before the end is known.
_UNKNOWN_BYTES: Final = 0xFFFFFFFF
# Of the header, what the first of its sizes counts.
_AFTER_SIZE_BYTES: Final = 36


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be said.

    Attributes:
        text: What is not said of it, such as a smiley, is left out.
        language: BCP-47.
        voice: Name; empty for the language's default.
        rate: Of speaking, MIN_RATE to MAX_RATE.
    """

    text: str
    language: str
    voice: str
    rate: float = 1.0


async def pcm(errand: Errand, line: Line) -> AsyncGenerator[bytes, None]:
    """Yield the samples, each clause as soon as it is spoken. To be closed by whoever leaves early."""
    async with aclosing(_streamed(errand, line)) as speech:
        async for spoken in speech:
            yield spoken.audio


async def wav(errand: Errand, line: Line) -> AsyncGenerator[bytes, None]:
    """Yield a WAV file; of a text in several parts it comes as it is spoken, and its header says no length.

    To be closed by whoever leaves early.
    """
    several = len(split(line.text)) > 1
    first = True
    async with aclosing(_streamed(errand, line) if several else _in_parts(errand, line)) as speech:
        async for spoken in speech:
            size_bytes = _UNKNOWN_BYTES if several else len(spoken.audio)
            yield (wav_header(spoken.sample_rate_hz, size_bytes) if first else b"") + spoken.audio
            first = False


async def encoded(errand: Errand, line: Line, codec: str) -> AsyncGenerator[bytes, None]:
    """Yield a compressed file, which is made when all is said. To be closed by whoever leaves early."""
    async with aclosing(_in_parts(errand, line)) as speech:
        whole = [spoken async for spoken in speech]
    async with aclosing(stages.encode(errand, whole, codec)) as file:
        async for part in file:
            yield part


async def _streamed(errand: Errand, line: Line) -> AsyncGenerator[Spoken, None]:
    """Yield the speech as the server speaks it: nobody else is sooner with its beginning."""
    request = _request(line, line.text)
    request.streaming = True
    silent = True
    async with aclosing(stages.spoken(errand, request)) as parts:
        async for part in parts:
            silent = False
            yield part
    if silent:
        yield _silence(_NOTHING_MS)


async def _in_parts(errand: Errand, line: Line) -> AsyncGenerator[Spoken, None]:
    """Yield the speech part by part, several being spoken at once: nobody else is sooner with its end.

    There is always a part, of silence when nothing can be said.
    """
    parts = split(line.text) or [""]
    pauses_ms = [round(PAUSE_MS / line.rate)] * (len(parts) - 1) + [0]
    work = (partial(_spoken, errand, line, *part) for part in zip(parts, pauses_ms, strict=True))
    async with aclosing(in_order(work, _AT_ONCE)) as speech:
        async for spoken in speech:
            yield spoken


async def _spoken(errand: Errand, line: Line, text: str, pause_ms: int) -> Spoken:
    """Return a part with the pause after it."""
    if not text:
        return _silence(_NOTHING_MS)
    spoken = await stages.synthesize(errand, _request(line, text))
    if not spoken.audio:
        return _silence(pause_ms or _NOTHING_MS)
    silence = _silence(pause_ms, spoken.sample_rate_hz)
    return Spoken(spoken.audio + silence.audio, spoken.sample_rate_hz)


def _request(line: Line, text: str) -> tts_pb2.SynthesizeRequest:
    return tts_pb2.SynthesizeRequest(text=text, language_code=line.language, voice=line.voice, rate=line.rate)


def _silence(duration_ms: int, sample_rate_hz: int = _RATE_HZ) -> Spoken:
    return Spoken(bytes(sample_rate_hz * duration_ms // 1000 * 2), sample_rate_hz)


def wav_header(sample_rate_hz: int, size_bytes: int) -> bytes:
    """Return the header of a mono 16 bit WAV file with so many bytes of samples."""
    layout = (1, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(size_bytes + _AFTER_SIZE_BYTES, _UNKNOWN_BYTES), b"WAVE", b"fmt ", 16),
        *layout,
        *(b"data", size_bytes),
    )
