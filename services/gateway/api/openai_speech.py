"""The route of /v1/audio/speech."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from services.gateway.api.context import Context, Speaker, Wired
from services.gateway.api.openai_fields import SpeechBody
from services.gateway.api.openai_requests import errand_of, json_body
from services.gateway.api.openai_streams import Streamed, started, told, unless_gone
from services.gateway.inference import models, speech, voices
from services.gateway.inference.servers import Errand
from services.gateway.inference.speech import Line
from services.gateway.jobs.abilities import Chosen

router = APIRouter(prefix="/v1/audio")

# What the codec service says of its files; pcm is 24 kHz, 16 bit, mono, little-endian.
_MEDIA_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/mp4",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_AUDIO: Final[dict[str, Any]] = dict.fromkeys(_MEDIA_TYPES.values(), _BINARY)
_EVENTS: Final[dict[str, Any]] = {"text/event-stream": {}}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": SpeechBody.model_json_schema()}},
    }
}


@router.post(
    "/speech",
    response_class=Response,
    openapi_extra=_BODY,
    responses={200: {"description": "The audio", "content": _AUDIO | _EVENTS}},
)
async def speak(request: Request, context: Wired, tenant: Speaker) -> Response:
    """Say a text."""
    body = await json_body(request, SpeechBody)
    line = await run_in_threadpool(_line, body, context)
    made = _made(errand_of(request, context, tenant), line, body.response_format)
    audio = await unless_gone(request, started(made))
    if body.stream_format == "sse":
        return Streamed(told(_events(audio)), "text/event-stream")
    return Streamed(audio, _MEDIA_TYPES[body.response_format])


def _line(body: SpeechBody, context: Context) -> Line:
    named = models.chosen(body.model, "tts", context.capabilities)
    tts = Chosen(context.capabilities, named).tts()
    # The server knows the model by its voice.
    language, voice = voices.choose(body.voice, body.language, tts, of_model=bool(named))
    return Line(body.input, language, voice, body.rate)


def _made(errand: Errand, line: Line, codec: str) -> AsyncGenerator[bytes, None]:
    match codec:
        case "pcm":
            return speech.pcm(errand, line)
        case "wav":
            return speech.wav(errand, line)
        case _:
            return speech.encoded(errand, line, codec)


async def _events(audio: AsyncGenerator[bytes, None]) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(audio):
        async for part in audio:
            yield {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}
    # Nobody counts tokens here, but clients expect the numbers.
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield {"type": "speech.audio.done", "usage": usage}
