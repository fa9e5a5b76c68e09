"""What a job, a term or a limit may say, for type checkers; the gateway itself judges it."""

from __future__ import annotations

from typing import TypedDict


class ChannelSpec(TypedDict, total=False):
    """Who speaks on a channel, and from which language into which."""

    role: str
    source_language: str
    target_language: str
    voice: str


class AudioSpec(TypedDict, total=False):
    """How made audio is compressed and laid out."""

    codec: str
    bitrate_kbps: float
    layout: str


class InputSpec(TypedDict, total=False):
    """What a file without a header cannot say of itself."""

    encoding: str
    sample_rate_hertz: int
    channel_count: int


class ModelsSpec(TypedDict, total=False):
    """The models that work on a job; what is left out, the installation chooses."""

    asr: str
    translation: str


class JobSpec(TypedDict, total=False):
    """The fields of a job; which of them a kind takes, the gateway's README says."""

    kind: str
    priority: str
    metadata: dict[str, str]
    input: InputSpec
    channels: list[ChannelSpec]
    source_language: str
    target_language: str
    outputs: list[str]
    audio: AudioSpec
    voices: dict[str, str]
    models: ModelsSpec
    max_stretch: float
    quality: str
    allow_overlap: bool
    keep_sounds: bool
    text: str
    language: str
    voice: str
    source_url: str
    upload_id: str
    webhook_url: str
    glossary_id: str


class TermSpec(TypedDict, total=False):
    """An entry of a glossary."""

    source: str
    target: dict[str, str]
    keep: bool
    source_language: str
    case_sensitive: bool
    spoken: dict[str, str]
    hint: bool


class LimitsSpec(TypedDict, total=False):
    """What a tenant may use; None is the installation's default, and so is what is left out."""

    requests_per_minute: int | None
    concurrent_requests: int | None
    unfinished_jobs: int | None
    storage_bytes: int | None
    audio_minutes_per_month: int | None


class ReviewSpec(TypedDict, total=False):
    """When a tenant's results need a review; None is the installation's default, as is what is left out."""

    min_confidence: float | None
    min_entity_confidence: float | None
    max_delay_ms: int | None
    max_word_error_rate: float | None
    ignored: list[str] | None
