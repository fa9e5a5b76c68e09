"""The JSON that clients see."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel

from services.gateway.jobs.erasures import Erasure
from services.gateway.jobs.model import File, Job, JobState
from services.gateway.jobs.spec import plain

Kbps = Annotated[float, AfterValidator(plain)]


class ProgressView(BaseModel):
    """How many units of a stage are over, and how many are known so far."""

    done: int
    total: int


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class HoleView(BaseModel):
    """A unit that failed for good while the rest of the job went on."""

    stage: str
    index: str
    code: str


class UsageView(BaseModel):
    """Time spent in a stage's workers."""

    busy_ms: int = 0


class FileView(BaseModel):
    """A file that can be fetched."""

    name: str
    media_type: str
    size_bytes: int
    url: str

    @classmethod
    def of(cls, job: Job, file: File) -> Self:
        """Show a file of a job."""
        url = f"/v1/jobs/{job.id}/artifacts/{file.name}"
        return cls(name=file.name, media_type=file.media_type, size_bytes=file.size_bytes, url=url)


class QueueView(BaseModel):
    """Where a job waits for a worker.

    `position` counts the jobs of the same tenant and priority that come before it at the service that it
    waits for; null when they are too many to count. Other tenants take turns with them, one unit each.
    `eta_ms` estimates when its turn comes, in ms from now; null when nobody knows how fast the service is.
    """

    position: int | None
    eta_ms: int | None


class ErasureView(BaseModel):
    """The receipt of a job that was erased."""

    id: str
    job: str
    erased_at: datetime

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        """Show a receipt."""
        return cls(id=erasure.id, job=erasure.job, erased_at=erasure.erased_at)


class JobView(BaseModel):
    """A job as its owner sees it.

    `source_url` shows scheme and host only. `queue` is set while the job waits, where one job is asked for.
    """

    id: str
    kind: str
    state: JobState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    priority: str
    metadata: dict[str, str]
    progress: dict[str, ProgressView]
    error: ErrorView | None
    holes: list[HoleView]
    usage: dict[str, UsageView]
    audio_ms: int | None
    files: list[FileView]
    needs_review: bool | None
    version: int
    source_url: str | None
    queue: QueueView | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Show a job."""
        return cls.model_validate(
            {
                **{name: getattr(job, name) for name in cls.model_fields if hasattr(job, name)},
                "files": [FileView.of(job, file) for file in job.files],
                "source_url": job.source or None,
                "queue": None,
            },
            from_attributes=True,
        )


class JobPageView(BaseModel):
    """A page of jobs, newest first; next_page_token is empty at the end."""

    jobs: list[JobView]
    next_page_token: str


class FilesView(BaseModel):
    """The files of a job."""

    artifacts: list[FileView]


class StageView(BaseModel):
    """The depth of a stage."""

    name: str
    queued: int
    running: int
    done: int


class ServedModelView(BaseModel):
    """A model; revision and sha256 of its weights are empty where it has none."""

    name: str
    revision: str
    sha256: str


class AsrModelView(ServedModelView):
    """A model of speech recognition, and what it can do."""

    languages: list[str]
    translates_to_english: bool


class ServedModelsView(BaseModel):
    """The models of each service: the first is that of a job that names none."""

    asr: list[AsrModelView] | None
    translation: list[ServedModelView] | None
    tts: list[ServedModelView] | None


class PairView(BaseModel):
    """The best way of a translation: by which models, and through which language where it is not direct."""

    source_language: str
    target_language: str
    models: list[str]
    pivot_language: str | None


class VoiceView(BaseModel):
    """A voice: female, male or, where that is not known, null.

    `default` speaks the language where no voice is asked for; `cloned` is that of a person, who agreed;
    `last_resort` is understood, but no joy to hear.
    """

    name: str
    language: str
    gender: str | None
    default: bool
    model: str | None
    cloned: bool
    last_resort: bool


class CodecView(BaseModel):
    """A codec.

    `bitrates_kbps` are the lowest and highest, more than two are all there are; null when not adjustable.
    `packet_ms` is the audio in one packet of a stream, 0 where it cannot be streamed; `model` is null where
    none is needed.
    """

    name: str
    bitrates_kbps: list[Kbps] | None
    default_bitrate_kbps: Kbps
    packet_ms: int
    model: ServedModelView | None


class CapabilitiesView(BaseModel):
    """What this installation can do; null where a service has not answered yet."""

    languages: list[str] | None
    translates_to_english: bool | None
    pairs: list[PairView] | None
    voices: list[VoiceView] | None
    codecs: list[CodecView] | None
    containers: list[str] | None
    models: ServedModelsView


class ScalingView(BaseModel):
    """What a service should have; the desired sizes are null when they are too old to count."""

    service: str
    backlog_ms: int
    speed: float
    slots: int
    desired_replicas: int | None
    desired_workers: int | None
    reason: str
    measured_at: datetime


class StagesView(BaseModel):
    """The stages, what they can do, and how large their services should be."""

    stages: list[StageView]
    scaling: list[ScalingView]
    capabilities: CapabilitiesView


class ComponentView(BaseModel):
    """How a component is."""

    name: str
    ready: bool
    detail: str


class ReadyView(BaseModel):
    """Whether the installation can take jobs."""

    ready: bool
    components: list[ComponentView]
