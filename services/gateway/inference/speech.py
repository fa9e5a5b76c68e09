"""The use case of /v1/audio/speech: a text in, its audio out, sentence after sentence."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, AsyncIterator
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
# The next part is spoken while this one is sent.
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


async def speak(errand: Errand, line: Line) -> AsyncGenerator[Spoken, None]:
    """Yield the speech part by part, each as soon as it is made, with the pause before the next one.

    There is always a part, of silence when nothing can be said. To be closed by whoever leaves early.
    """
    if not (parts := split(line.text)):
        yield _silence(_NOTHING_MS)
        return
    first, *others = parts
    pauses_ms = [round(PAUSE_MS / line.rate)] * len(others) + [0]
    # By itself: a later part that came in between would keep the client waiting.
    yield await _spoken(errand, line, first, pauses_ms[0])
    work = (partial(_spoken, errand, line, *part) for part in zip(others, pauses_ms[1:], strict=True))
    async with aclosing(in_order(work, _AT_ONCE)) as speech:
        async for spoken in speech:
            yield spoken


async def _spoken(errand: Errand, line: Line, text: str, pause_ms: int) -> Spoken:
    request = tts_pb2.SynthesizeRequest(
        text=text, language_code=line.language, voice=line.voice, rate=line.rate
    )
    spoken = await stages.synthesize(errand, request)
    if not spoken.audio:
        return _silence(pause_ms or _NOTHING_MS)
    silence = _silence(pause_ms, spoken.sample_rate_hz)
    return Spoken(spoken.audio + silence.audio, spoken.sample_rate_hz, spoken.duration_ms + pause_ms)


def _silence(duration_ms: int, sample_rate_hz: int = _RATE_HZ) -> Spoken:
    return Spoken(bytes(sample_rate_hz * duration_ms // 1000 * 2), sample_rate_hz, duration_ms)


async def pcm(speech: AsyncIterator[Spoken]) -> AsyncGenerator[bytes, None]:
    """Yield the samples as they come."""
    async for spoken in speech:
        yield spoken.audio


async def wav(speech: AsyncIterator[Spoken], line: Line) -> AsyncGenerator[bytes, None]:
    """Yield a WAV file as its samples come. Of a text in several parts, its header cannot say the length."""
    first, several = True, len(split(line.text)) > 1
    async for spoken in speech:
        size_bytes = _UNKNOWN_BYTES if several else len(spoken.audio)
        yield (wav_header(spoken.sample_rate_hz, size_bytes) if first else b"") + spoken.audio
        first = False


def wav_header(sample_rate_hz: int, size_bytes: int) -> bytes:
    """Return the header of a mono 16 bit WAV file with so many bytes of samples."""
    layout = (1, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(size_bytes + _AFTER_SIZE_BYTES, _UNKNOWN_BYTES), b"WAVE", b"fmt ", 16),
        *layout,
        *(b"data", size_bytes),
    )


async def encoded(errand: Errand, speech: AsyncIterator[Spoken], codec: str) -> AsyncGenerator[bytes, None]:
    """Yield a compressed file, which is made when all is said."""
    whole = [spoken async for spoken in speech]
    if not whole:
        return
    async with aclosing(stages.encode(errand, whole, codec)) as file:
        async for part in file:
            yield part
