"""The result document of a job, typed."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from dragoman.models import Hole, Model, ServedModel


class Word(Model):
    """A word that was heard."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


class Said(Model):
    """What was said, or the text that a job was given."""

    text: str
    language: str | None = None
    confidence: float | None = None
    words: list[Word] = Field(default_factory=list)


class Translation(Model):
    """What it means, and who said so: `models`, in their order, where it went through a third language."""

    text: str
    language: str | None = None
    model: str | None = None
    revision: str | None = None
    sha256: str | None = None
    models: list[ServedModel] = Field(default_factory=list)


class Speech(Model):
    """The translation as it was spoken; the gateway's README has the timing."""

    voice: str | None = None
    language: str | None = None
    slot_ms: int | None = None
    duration_ms: int
    start_ms: int | None = None
    end_ms: int | None = None
    stretch: float | None = None
    borrowed_ms: int | None = None
    delay_ms: int | None = None


class Entity(Model):
    """A number of one side and its partner of the other."""

    kind: str
    source: str | None
    target: str | None
    match: bool


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


class Channel(Model):
    """One channel of a call."""

    index: int
    role: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    identical_to: int | None = None
    warnings: list[str] = Field(default_factory=list)
    regions: list[Region] = Field(default_factory=list)


class MediaInfo(Model):
    """What a file was that came in."""

    container: str | None = None
    codec: str | None = None
    channel_count: int | None = None
    duration_ms: int | None = None


class Result(Model):
    """What a job came to; which fields are set depends on its kind."""

    job: str
    kind: str
    models: dict[str, list[ServedModel]] = Field(default_factory=dict)
    holes: list[Hole] = Field(default_factory=list)
    needs_review: bool = False
    duration_ms: int | None = None
    channels: list[Channel] = Field(default_factory=list)
    source: Said | None = None
    translation: Translation | None = None
    speech: Speech | None = None
    media: MediaInfo | None = None
    entities: list[Entity] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    glossary: Any = None
