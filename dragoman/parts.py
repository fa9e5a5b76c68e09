"""What the result document of a job is made of, typed: texts, speech, entities, sounds."""

from __future__ import annotations

from pydantic import Field

from dragoman.models import Model, ServedModel


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


class HeardAgain(Model):
    """How made speech was understood: the share of wrong words, and whether numbers and names are right."""

    word_error_rate: float
    entities_match: bool
    passes: int = 1


class Speech(Model):
    """The translation as it was spoken; the gateway's README has the timing.

    `spoken_text` is what was spoken in place of a translation that was too long, `heard` is None where nobody
    listened.
    """

    voice: str | None = None
    language: str | None = None
    slot_ms: int | None = None
    duration_ms: int
    start_ms: int | None = None
    end_ms: int | None = None
    stretch: float | None = None
    borrowed_ms: int | None = None
    delay_ms: int | None = None
    overlap_ms: int | None = None
    spoken_text: str | None = None
    heard: HeardAgain | None = None


class Entity(Model):
    """A number, code or name of one side and its partner of the other.

    `match` is None where nothing was translated. Times and confidence are those of the words that it was
    heard in, None of a text.
    """

    kind: str
    source: str | None
    target: str | None
    source_text: str | None = None
    target_text: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    match: bool | None = None


class Sound(Model):
    """A stretch of a channel that is no speech; `digits` are keys that were pressed, `of` another channel."""

    kind: str
    start_ms: int
    end_ms: int
    digits: str | None = None
    of: int | None = None


class Timing(Model):
    """How many regions of a call were spoken, and how."""

    regions: int = 0
    within_slot: int = 0
    stretched: int = 0
    slowed: int = 0
    borrowed: int = 0
    delayed: int = 0
    shortened: int = 0
    overlapping: int = 0


class MediaInfo(Model):
    """What a file was that came in."""

    container: str | None = None
    codec: str | None = None
    channel_count: int | None = None
    duration_ms: int | None = None
