"""The routes of /v1/audio/transcriptions and /v1/audio/translations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from services.gateway.api import openai_formats as formats
from services.gateway.api.context import Context, Speaker, Wired
from services.gateway.api.openai_fields import TranscriptionForm, TranslationForm
from services.gateway.api.openai_formats import Transcript
from services.gateway.api.openai_requests import Sent, errand_of, received
from services.gateway.api.openai_streams import Streamed, started, told, unless_gone
from services.gateway.api.openai_views import DiarizedView, TranscriptionView, VerboseView
from services.gateway.inference import models
from services.gateway.inference.transcription import Limits, Segment, Transcriber
from services.gateway.jobs.abilities import Chosen
from services.shared.errors import Unsupported

router = APIRouter(prefix="/v1/audio")

_TEXT: Final = {"schema": {"type": "string"}}
_SUBTITLES: Final = {"srt": "application/x-subrip", "vtt": "text/vtt"}
_TEXTS: Final = {"text/plain": _TEXT, **dict.fromkeys(_SUBTITLES.values(), _TEXT)}


def _body(kind: type[TranscriptionForm | TranslationForm]) -> dict[str, Any]:
    """Describe a form that the route reads by itself."""
    schema = kind.model_json_schema(by_alias=True)
    schema["properties"]["file"] = {"type": "string", "format": "binary"}
    schema["required"] = ["file", *schema["required"]]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@dataclass(frozen=True, slots=True)
class _Work:
    """One request: its form, and who writes the file down."""

    sent: Sent[Any]
    transcriber: Transcriber
    target: str | None

    async def segments(self) -> AsyncGenerator[Segment, None]:
        async with aclosing(self.transcriber.segments(self.sent.chunks())) as segments:
            async for segment in segments:
                if segment.text:
                    yield segment

    async def transcript(self) -> Transcript:
        await self.transcriber.check()
        async with aclosing(self.segments()) as said:
            segments = [segment async for segment in said]
        fields = self.sent.fields
        duration_ms = self.transcriber.duration_ms
        return Transcript(segments, duration_ms, fields.language, self.target, fields.temperature)

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what the SDKs expect of a stream: a delta for each segment, and the whole at the end."""
        await self.transcriber.check()
        diarized = self.sent.fields.response_format == "diarized_json"
        timed = diarized or self.sent.fields.response_format == "verbose_json"
        texts, sure = list[str](), list[dict[str, Any]]()
        async with aclosing(self.segments()) as said:
            async for segment in said:
                view = formats.spoken_by(len(texts), segment).model_dump()
                logprobs = self._logprobs(segment)
                delta = {
                    "type": "transcript.text.delta",
                    "delta": f" {segment.text}" if texts else segment.text,
                }
                yield delta | logprobs | ({"segment_id": view["id"]} if diarized else {})
                if timed:
                    yield view
                texts.append(segment.text)
                sure += logprobs.get("logprobs", [])
        yield {"type": "transcript.text.done", "text": " ".join(texts)} | ({"logprobs": sure} if sure else {})

    def _logprobs(self, segment: Segment) -> dict[str, list[dict[str, Any]]]:
        asked = "logprobs" in self.sent.fields.include
        return {"logprobs": [each.model_dump() for each in formats.confidences(segment)]} if asked else {}


async def _work(request: Request, context: Context, tenant: str, sent: Sent[Any]) -> _Work:
    named = await run_in_threadpool(models.chosen, sent.fields.model, "asr", context.capabilities)
    limits = Limits(context.settings.gateway_max_direct_s, context.settings.gateway_direct_parallel)
    errand = errand_of(request, context, tenant)
    wish = replace(sent.fields.wish(), model=named.get("asr", ""))
    transcriber = Transcriber(errand, Chosen(context.capabilities, named), limits, wish)
    return _Work(sent, transcriber, wish.direction.target)


@router.post(
    "/transcriptions",
    response_model=None,
    openapi_extra=_body(TranscriptionForm),
    responses={
        200: {
            "model": TranscriptionView | VerboseView | DiarizedView,
            "content": _TEXTS | {"text/event-stream": {}},
        }
    },
)
async def transcribe(request: Request, context: Wired, tenant: Speaker) -> Response:
    """Write down what is said in a file, or its translation."""
    async with received(request, TranscriptionForm, context.settings.gateway_max_direct_bytes) as sent:
        form, work = sent.fields, await _work(request, context, tenant, sent)
        if not form.stream:
            return _answer(await unless_gone(request, work.transcript()), form)
        if form.response_format in _SUBTITLES:
            raise Unsupported("Subtitles are not streamed: leave stream out.", code="stream_not_supported")
        events = await unless_gone(request, started(work.events()))
        return Streamed(told(events), "text/event-stream")


@router.post(
    "/translations",
    response_model=None,
    openapi_extra=_body(TranslationForm),
    responses={200: {"model": TranscriptionView | VerboseView, "content": _TEXTS}},
)
async def translate(request: Request, context: Wired, tenant: Speaker) -> Response:
    """Write down in English what is said in a file in any language."""
    async with received(request, TranslationForm, context.settings.gateway_max_direct_bytes) as sent:
        work = await _work(request, context, tenant, sent)
        return _answer(await unless_gone(request, work.transcript()), sent.fields)


def _answer(transcript: Transcript, form: TranscriptionForm | TranslationForm) -> Response:
    asked = form if isinstance(form, TranscriptionForm) else None
    match form.response_format:
        case "text":
            return PlainTextResponse(f"{transcript.text}\n")
        case "srt" | "vtt" as kind:
            return PlainTextResponse(formats.subtitles(transcript, kind), media_type=_SUBTITLES[kind])
        case "verbose_json":
            granularities = asked.timestamp_granularities if asked else ("segment",)
            view: Any = formats.verbose_json(transcript, granularities)
        case "diarized_json":
            view = formats.diarized_json(transcript)
        case _:
            view = formats.json(transcript, logprobs=bool(asked and asked.include))
    return JSONResponse(view.model_dump(exclude_none=True))
