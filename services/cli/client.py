"""A small typed client of the gateway's HTTP API."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import BaseModel, Field

from services.cli.settings import CliSettings
from services.shared import errors

FINAL_STATES: Final = frozenset({"succeeded", "partially_succeeded", "failed", "cancelled"})

_BY_STATUS: Final[dict[int, type[errors.DragomanError]]] = {
    401: errors.Unauthorized,
    403: errors.Unauthorized,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.Overloaded,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Timeout,
}
# Uploads and results may be large; a silent connection is still noticed.
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
# Enough for a gateway or its Redis to be started again.
_RECONNECTS: Final = 30
_RECONNECT_S: Final = 1.0
# Answers after which the same submission may be accepted, and the waits before it is sent again: enough for a
# gateway to be started again, or longer where it says so.
_PASSING: Final = frozenset({429, 502, 503, 504})
_SUBMIT_AGAIN_S: Final = (0.5, 1.0, 2.0, 4.0)
_MOST_RETRY_AFTER_S: Final = 60.0


class Progress(BaseModel):
    """How many units of a stage are over, of those known so far."""

    done: int
    total: int


class Usage(BaseModel):
    """Time that workers spent on a stage."""

    busy_ms: int = 0


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class File(BaseModel):
    """A file that can be fetched."""

    name: str
    media_type: str = ""
    size_bytes: int = 0


class Job(BaseModel):
    """A job as the gateway shows it."""

    id: str
    kind: str
    state: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: dict[str, Progress] = Field(default_factory=dict)
    usage: dict[str, Usage] = Field(default_factory=dict)
    audio_ms: int | None = None
    error: JobError | None = None
    files: list[File] = Field(default_factory=list)
    needs_review: bool | None = None

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.state in FINAL_STATES

    @property
    def wall_s(self) -> float | None:
        """Seconds from acceptance to end; None while it runs."""
        return (self.finished_at - self.created_at).total_seconds() if self.finished_at else None


class Scale(BaseModel):
    """What a service should have, as the gateway says; None when nobody decides any more."""

    service: str
    slots: int = 1
    desired_replicas: int | None = None
    desired_workers: int | None = None


class Gateway:
    """The gateway's routes as methods.

    Every method raises a DragomanError with the code and the detail of the gateway's answer.

    Args:
        http: Bound to the gateway, with the key.
        sleep: Waits for some seconds.
    """

    def __init__(self, http: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self._sleep = sleep

    def submit(self, spec: dict[str, Any], file: Path | None = None) -> Job:
        """Create a job, with the recording when its kind needs one; after a passing failure, send it again.

        It is one job however often it is sent: the gateway knows it by its Idempotency-Key.
        """
        key = {"Idempotency-Key": uuid.uuid4().hex}
        waits_s = iter(_SUBMIT_AGAIN_S)
        while True:
            wait_s = next(waits_s, None)
            try:
                answer = self._submit_once(spec, file, key)
            except (errors.Unavailable, errors.Timeout):
                if wait_s is None:
                    raise
            else:
                if wait_s is None or answer.status_code not in _PASSING:
                    return Job.model_validate(_document(answer))
                wait_s = max(wait_s, retry_after_s(answer))
            self._sleep(wait_s)

    def job(self, job_id: str) -> Job:
        """Return a job as it stands."""
        return Job.model_validate(self._json("GET", f"/v1/jobs/{job_id}"))

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs."""
        page = self._json("GET", "/v1/jobs", params={"page_size": limit})
        return [Job.model_validate(each) for each in page["jobs"]]

    def cancel(self, job_id: str) -> Job:
        """Ask for a job to end."""
        return Job.model_validate(self._json("POST", f"/v1/jobs/{job_id}/cancel"))

    def retry(self, job_id: str) -> Job:
        """Run again what failed of a job."""
        return Job.model_validate(self._json("POST", f"/v1/jobs/{job_id}/retry"))

    def scaling(self) -> list[Scale]:
        """Return what every service should have; empty before anybody decided."""
        return [Scale.model_validate(each) for each in self._json("GET", "/v1/stages").get("scaling", [])]

    def result(self, job_id: str) -> dict[str, Any]:
        """Return the result document of a job that is over."""
        document: dict[str, Any] = self._json("GET", f"/v1/jobs/{job_id}/result")
        return document

    def download(self, job_id: str, name: str, folder: Path) -> Path:
        """Fetch one file of a job into a folder."""
        target = folder / Path(name).name
        with self._reach(), self._http.stream("GET", f"/v1/jobs/{job_id}/artifacts/{name}") as answer:
            if answer.is_error:
                answer.read()
                raise problem(answer)
            with target.open("wb") as out:
                out.writelines(answer.iter_bytes())
        return target

    def download_all(self, job: Job, folder: Path) -> list[Path]:
        """Fetch every file of a job into a folder, which is made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        return [self.download(job.id, file.name, folder) for file in job.files]

    def events(self, job_id: str) -> Iterator[Job]:
        """Yield the job at every change, until it is over; after a passing failure, asks again.

        Raises:
            DragomanError: it will not pass, or did not in _RECONNECTS attempts.
        """
        failures = 0
        while True:
            try:
                for job in self._events_once(job_id):
                    failures = 0
                    yield job
                    if job.final:
                        return
            except errors.DragomanError as error:
                failures += 1
                if not error.retryable or failures > _RECONNECTS:
                    raise
            self._sleep(_RECONNECT_S)

    def _submit_once(self, spec: dict[str, Any], file: Path | None, key: dict[str, str]) -> httpx.Response:
        with self._reach(), contextlib.ExitStack() as opened:
            if file is None:
                return self._http.post("/v1/jobs", json=spec, headers=key)
            parts: dict[str, Any] = {
                "file": (file.name, opened.enter_context(file.open("rb")), "application/octet-stream"),
                "spec": (None, json.dumps(spec), "application/json"),
            }
            return self._http.post("/v1/jobs", files=parts, headers=key)

    def _events_once(self, job_id: str) -> Iterator[Job]:
        with self._reach(), self._http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            if answer.is_error:
                answer.read()
                raise problem(answer)
            for data in event_data(answer.iter_lines()):
                yield Job.model_validate_json(data)

    def _json(self, method: str, path: str, **options: Any) -> Any:
        with self._reach():
            return _document(self._http.request(method, path, **options))

    @contextlib.contextmanager
    def _reach(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise errors.Timeout(f"The gateway at {self._http.base_url} took too long to answer.") from None
        except httpx.TransportError:
            raise errors.Unavailable(
                f"The gateway at {self._http.base_url} does not answer; run `dragoman up`.",
                code="gateway_unreachable",
            ) from None


@contextlib.contextmanager
def connect(settings: CliSettings) -> Iterator[Gateway]:
    """Open the gateway that the settings name, with the key that they or the home folder hold."""
    with httpx.Client(
        base_url=settings.base_url,
        headers={"Authorization": f"Bearer {key_of(settings)}"},
        timeout=_TIMEOUT,
        # A proxy of the environment may lie before a gateway elsewhere, never before one's own.
        trust_env=settings.gateway_url is not None,
    ) as http:
        yield Gateway(http)


def key_of(settings: CliSettings) -> str:
    """Return the API key: DRAGOMAN_API_KEY, else the admin key that the first start wrote.

    Raises:
        Unauthorized: there is neither.
    """
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    file = settings.home / "admin.key"
    try:
        return file.read_text().strip()
    except OSError:
        raise errors.Unauthorized(
            f"No API key: {file} cannot be read. Run `dragoman up` first, or set DRAGOMAN_API_KEY.",
            code="no_api_key",
        ) from None


def problem(answer: httpx.Response) -> errors.DragomanError:
    """Return the error that an answer's problem document (RFC 9457) describes."""
    kind = _BY_STATUS.get(
        answer.status_code, errors.InternalError if answer.is_server_error else errors.InvalidRequest
    )
    try:
        body = answer.json()
        return kind(str(body["detail"]), code=str(body["code"]))
    except (ValueError, KeyError, TypeError):
        return kind(f"The gateway answered {answer.status_code} without saying why; see its log.")


def retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds that an answer asks to wait: 0 when it does not say, and one minute at most."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _MOST_RETRY_AFTER_S) if text.isdecimal() else 0.0


def _document(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise problem(answer)
    return answer.json()


def event_data(lines: Iterable[str]) -> Iterator[str]:
    """Yield the data of each server-sent event; comments and other fields are passed over.

    The format is that of the HTML standard, section 9.2.6 (event stream interpretation).
    """
    data: list[str] = []
    for line in lines:
        if not line and data:
            yield "\n".join(data)
            data.clear()
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
