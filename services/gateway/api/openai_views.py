"""The JSON of the OpenAI-compatible routes, as the official SDK reads it. Times are seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class LogprobView(BaseModel):
    """How sure the recogniser is of a word: the natural logarithm of its confidence."""

    token: str
    logprob: float
    bytes: list[int]


class DurationView(BaseModel):
    """How much audio was heard."""

    type: Literal["duration"] = "duration"
    seconds: float


class TranscriptionView(BaseModel):
    """The format json."""

    text: str
    usage: DurationView
    logprobs: list[LogprobView] | None = None


class SegmentView(BaseModel):
    """A stretch of speech."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int] = []
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    speaker: str | None = None


class WordView(BaseModel):
    """A word."""

    word: str
    start: float
    end: float


class VerboseView(BaseModel):
    """The format verbose_json."""

    task: Literal["transcribe", "translate"]
    language: str
    duration: float
    text: str
    usage: DurationView
    segments: list[SegmentView] | None = None
    words: list[WordView] | None = None


class SpeakerView(BaseModel):
    """What one speaker said in one stretch of speech."""

    type: Literal["transcript.text.segment"] = "transcript.text.segment"
    id: str
    start: float
    end: float
    speaker: str
    text: str


class DiarizedView(BaseModel):
    """The format diarized_json."""

    task: Literal["transcribe"] = "transcribe"
    duration: float
    text: str
    segments: list[SpeakerView]
    usage: DurationView


class ModelView(BaseModel):
    """A model that can be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "dragoman"


class ModelsView(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelView]
