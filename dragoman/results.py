"""The result document of a job, typed."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from dragoman.models import Hole, Model, ServedModel
from dragoman.parts import (
    Entity,
    HeardAgain,
    MediaInfo,
    Said,
    Sound,
    Speech,
    Timing,
    Translation,
    Word,
)

__all__ = [
    "Channel",
    "Entity",
    "HeardAgain",
    "MediaInfo",
    "Region",
    "Result",
    "Said",
    "Sound",
    "Speech",
    "Timing",
    "Translation",
    "Word",
]


class Region(Model):
    """A stretch of speech."""

    start_ms: int
    end_ms: int
    source: Said
    translation: Translation | None = None
    speech: Speech | None = None
    entities: list[Entity] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    needs_review: bool = False
    review_reasons: list[str] = Field(default_factory=list)


class Channel(Model):
    """One channel of a call."""

    index: int
    role: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    identical_to: int | None = None
    sounds: list[Sound] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    regions: list[Region] = Field(default_factory=list)


class Result(Model):
    """What a job came to; which fields are set depends on its kind. `review_reasons` are counted by code."""

    job: str
    kind: str
    models: dict[str, list[ServedModel]] = Field(default_factory=dict)
    holes: list[Hole] = Field(default_factory=list)
    needs_review: bool = False
    review_reasons: dict[str, int] = Field(default_factory=dict)
    duration_ms: int | None = None
    channels: list[Channel] = Field(default_factory=list)
    timing: Timing | None = None
    source: Said | None = None
    translation: Translation | None = None
    speech: Speech | None = None
    media: MediaInfo | None = None
    entities: list[Entity] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    glossary: Any = None
