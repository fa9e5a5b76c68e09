"""What a gateway answers, typed; fields that a newer gateway adds are passed over."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

FINAL_STATES: Final = frozenset({"succeeded", "partially_succeeded", "failed", "cancelled"})
GOOD_STATES: Final = frozenset({"succeeded", "partially_succeeded"})


class Model(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class HasId(Protocol):
    """What the gateway knows by an id."""

    @property
    def id(self) -> str:
        """Its id."""


class Progress(Model):
    """How many units of a stage are over, of those known so far."""

    done: int
    total: int


class BusyTime(Model):
    """Time that workers spent on a stage."""

    busy_ms: int = 0


class JobError(Model):
    """Why a job failed."""

    code: str
    detail: str


class Hole(Model):
    """A unit that failed for good while the rest of the job went on."""

    stage: str
    index: str
    code: str


class Artifact(Model):
    """A file that can be fetched."""

    name: str
    media_type: str = ""
    size_bytes: int = 0


class Queue(Model):
    """How long a job waits: its place from 1, and the time until it begins; None where unknown."""

    position: int | None = None
    eta_ms: int | None = None


class Job(Model):
    """A job as it stood when the gateway was asked."""

    id: str
    kind: str
    state: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    priority: str = ""
    metadata: dict[str, str] = Field(default_factory=dict)
    progress: dict[str, Progress] = Field(default_factory=dict)
    usage: dict[str, BusyTime] = Field(default_factory=dict)
    audio_ms: int | None = None
    error: JobError | None = None
    holes: list[Hole] = Field(default_factory=list)
    files: list[Artifact] = Field(default_factory=list)
    needs_review: bool | None = None
    queue: Queue | None = None
    version: int = 0

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.state in FINAL_STATES

    @property
    def good(self) -> bool:
        """Whether it is over and there is a result, perhaps with holes."""
        return self.state in GOOD_STATES

    @property
    def wall_s(self) -> float | None:
        """Seconds from acceptance to end; None while it runs."""
        return (self.finished_at - self.created_at).total_seconds() if self.finished_at else None


def id_of(named: HasId | str) -> str:
    """Return the id of an object, or the id itself."""
    return named if isinstance(named, str) else named.id


class Erasure(Model):
    """The receipt of a job that is gone."""

    id: str
    job: str
    erased_at: datetime


class Link(Model):
    """A token that reads one job without a key."""

    token: str
    job: str
    expires_at: datetime


class Term(Model):
    """An entry of a glossary; see the gateway's README for what each field does."""

    source: str
    target: dict[str, str] = Field(default_factory=dict)
    keep: bool = False
    source_language: str | None = None
    case_sensitive: bool = False
    spoken: dict[str, str] = Field(default_factory=dict)
    hint: bool = True


class Glossary(Model):
    """A tenant's words."""

    id: str
    name: str
    terms: list[Term] = Field(default_factory=list)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Webhook(Model):
    """An endpoint that hears of jobs; its secret is shown when it is made or rotated, and never again."""

    id: str
    url: str
    description: str | None = None
    events: list[str] = Field(default_factory=list)
    all_jobs: bool = True
    enabled: bool = True
    disabled_reason: str | None = None
    created_at: datetime
    secret: str | None = Field(None, repr=False)


class Attempt(Model):
    """One request of a delivery; `error` is the code of what went wrong."""

    at: datetime
    duration_ms: int = 0
    status_code: int | None = None
    error: str | None = None


class Delivery(Model):
    """One message to an endpoint, and how it went; its id is the webhook-id of the requests."""

    id: str
    state: str
    type: str = ""
    job: str | None = None
    created_at: datetime | None = None
    next_attempt_at: datetime | None = None
    attempts: list[Attempt] = Field(default_factory=list)


class WebhookEvent(Model):
    """What an endpoint is told."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


class Key(Model):
    """An API key; the key itself is shown when it is made, and never again."""

    id: str
    tenant: str
    name: str | None = None
    scopes: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    key: str | None = Field(None, repr=False)


class Limits(Model):
    """What a tenant may use; None is the installation's default."""

    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    unfinished_jobs: int | None = None
    storage_bytes: int | None = None
    audio_minutes_per_month: int | None = None


class ReviewPolicy(Model):
    """When a tenant's results need a review; None is the installation's default."""

    min_confidence: float | None = None
    min_entity_confidence: float | None = None
    max_delay_ms: int | None = None
    max_word_error_rate: float | None = None
    ignored: list[str] | None = None


class Tenant(Model):
    """A tenant, its limits, and when its results need a review."""

    name: str
    limits: Limits = Limits()
    review: ReviewPolicy = ReviewPolicy()


class StageUsage(Model):
    """What a stage did for a tenant."""

    stage: str
    units: int = 0
    audio_ms: int = 0
    served_ms: int = 0


class Usage(Model):
    """What a tenant used between two dates."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    tenant: str
    start: date = Field(alias="from")
    end: date = Field(alias="to")
    storage_bytes: int = 0
    stages: list[StageUsage] = Field(default_factory=list)
    days: list[dict[str, Any]] = Field(default_factory=list)


class StageDepth(Model):
    """How much work a stage has."""

    name: str
    queued: int = 0
    running: int = 0
    done: int = 0


class Scale(Model):
    """What a service should have, as the gateway says; None when nobody decides any more."""

    service: str
    slots: int = 1
    desired_replicas: int | None = None
    desired_workers: int | None = None


class ServedModel(Model):
    """A model that answers; revision and sha256 of its weights are empty where it has none."""

    name: str
    revision: str = ""
    sha256: str = ""


class AsrModel(ServedModel):
    """A model of speech recognition, and what it can do."""

    languages: list[str] = Field(default_factory=list)
    translates_to_english: bool = False


class ServedModels(Model):
    """The models of each service, the default first; None where it has not answered yet."""

    asr: list[AsrModel] | None = None
    translation: list[ServedModel] | None = None
    tts: list[ServedModel] | None = None


class Pair(Model):
    """A way of translation, by which models; pivot_language is what it goes through, None of a direct one."""

    source_language: str
    target_language: str
    models: list[str] = Field(default_factory=list)
    pivot_language: str | None = None


class Voice(Model):
    """A voice; gender is "female", "male" or None where it is not known."""

    name: str
    language: str
    gender: str | None = None
    default: bool = False
    model: str | None = None
    cloned: bool = False
    last_resort: bool = False


class Codec(Model):
    """A codec; bitrates are lowest and highest, more than two all there are; None is not adjustable."""

    name: str
    bitrates_kbps: list[float] | None = None
    default_bitrate_kbps: float = 0
    packet_ms: int = 0
    model: ServedModel | None = None


class Capabilities(Model):
    """What an installation can do; None where a service has not answered yet."""

    languages: list[str] | None = None
    translates_to_english: bool | None = None
    pairs: list[Pair] | None = None
    voices: list[Voice] | None = None
    codecs: list[Codec] | None = None
    containers: list[str] | None = None
    models: ServedModels = ServedModels()


class Stages(Model):
    """How deep the stages are, how large their services should be, and what they can do."""

    stages: list[StageDepth] = Field(default_factory=list)
    scaling: list[Scale] = Field(default_factory=list)
    capabilities: Capabilities = Capabilities()
