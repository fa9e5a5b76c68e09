"""A job's events, resumed where they broke off."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, TypeVar

import httpx

from dragoman import errors
from dragoman.effects import Effect, Emit, Flow, Read, Request, Sleep, Stream, Tell
from dragoman.exchange import answered, model, path
from dragoman.models import Job, id_of
from dragoman.sse import EventParser

E = TypeVar("E", bound=Effect | Emit[Job])

# A gateway, or its Redis, is started again within this many seconds.
_RECONNECTS: Final = 30
_RECONNECT_S: Final = 1.0
# Gateways send a comment every 15 s.
_SILENCE_S: Final = 30.0
# How late a deadline may be noticed; in its last seconds a stream is opened anew at most once in that time.
_PRECISION_S: Final = 1.0


def events(job: Job | str) -> Stream[Job]:
    """Iterate over a job at every change, until it is over; after a lost connection, goes on where it was.

    Args:
        job: The job or its id.

    Raises:
        DragomanError: it will not pass, or has not in thirty attempts.
    """
    yield from _followed(id_of(job), Emit, None)


def wait(
    job: Job | str, *, on_progress: Callable[[Job], Any] | None = None, timeout_s: float | None = None
) -> Flow[Job]:
    """Wait until a job is over, and return it however it ended; see its `state` and `error`.

    Args:
        job: The job or its id.
        on_progress: Called with the job at every change.
        timeout_s: Most seconds to wait; None for as long as it takes.

    Raises:
        WaitedTooLong: it was not over in time.
        DragomanError: the gateway stayed away.
    """
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    tell = on_progress or _nobody
    return (yield from _followed(id_of(job), lambda seen: Tell(tell, seen), deadline_s))


def _followed(
    job_id: str, told: Callable[[Job], E], deadline_s: float | None
) -> Generator[Effect | E, Any, Job]:
    """Follow a job to its end; `told` makes the effect by which each change is passed on."""
    following, failures = _Following(job_id, deadline_s), 0
    while True:
        request = following.request()
        failure: errors.DragomanError | None = None
        try:
            answer = yield from answered(request, opened=True, max_retries=0)
            if answer.status_code == httpx.codes.NO_CONTENT:
                # Nothing comes after the last event that was seen, so the job is over.
                return (yield from model(Job, Request("GET", path("jobs", job_id))))
            while following.patient and (chunk := (yield Read())) is not None:
                failures = 0
                for job in following.feed(chunk):
                    yield told(job)
                    if job.final:
                        return job
        except httpx.TransportError:
            failure = errors.Unreachable("The connection to the gateway breaks again and again.")
        except errors.DragomanError as error:
            failure = error
        if failure is not None:
            failures += 1
            if not failure.retryable or failures > _RECONNECTS:
                raise failure
        yield Sleep(following.pause_s)


class _Following:
    """Where a job is followed to, over all connections.

    Args:
        job_id: Of the job.
        deadline_s: When to give up, by the monotonic clock; None for never.
    """

    def __init__(self, job_id: str, deadline_s: float | None) -> None:
        self._job_id = job_id
        self._deadline_s = deadline_s
        self._last_id = ""
        self._silence_s = _SILENCE_S
        self._parser = EventParser()
        self._retry_s = _RECONNECT_S

    @property
    def pause_s(self) -> float:
        """Seconds until the next connection."""
        return self._retry_s if self.patient else 0.0

    @property
    def patient(self) -> bool:
        """Whether this connection may be silent for as long as was said when it was opened."""
        return self._deadline_s is None or self._left_s() > self._silence_s - _PRECISION_S

    def request(self) -> Request:
        """Return what to open next.

        Raises:
            WaitedTooLong: the deadline has passed.
        """
        left_s = self._left_s()
        if left_s <= 0:
            raise errors.WaitedTooLong(f"{self._job_id} is not over yet; wait on, or cancel it.")
        self._silence_s, self._parser = min(_SILENCE_S, left_s), EventParser()
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        return Request(
            "GET", path("jobs", self._job_id, "events"), headers=headers, silence_s=self._silence_s
        )

    def feed(self, chunk: bytes) -> Iterator[Job]:
        """Yield the job at every change that a chunk tells of."""
        for event in self._parser.feed(chunk):
            self._last_id = event.id or self._last_id
            yield Job.model_validate_json(event.data)
        self._retry_s = self._parser.retry_s or self._retry_s

    def _left_s(self) -> float:
        return math.inf if self._deadline_s is None else self._deadline_s - time.monotonic()


def _nobody(_job: Job) -> None:
    """Hear nothing."""
