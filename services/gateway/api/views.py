"""Jobs as bytes of JSON, for who asks and for who watches: read when they changed, not each time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from services.gateway.api.schemas import JobView, QueueView
from services.gateway.jobs.ids import JOB_ID
from services.gateway.jobs.model import Job
from services.gateway.jobs.ports import Head, JobStore
from services.gateway.jobs.queue import NoTurns, Turns, eta_ms, waits_at
from services.gateway.scaling.publication import Scales, ServiceScale, Unscaled
from services.shared.errors import NotFound
from services.shared.tasks import service_of

P = ParamSpec("P")
R = TypeVar("R")

_MOST_KEPT: Final = 2_000
# Of a queue that moves all the time nobody needs to know more often.
_QUEUE_FRESH_S: Final = 1.0
_SCALES_FRESH_S: Final = 2.0
_THREADS: Final = 2


@dataclass(slots=True)
class Shown:
    """A job in one version.

    Attributes:
        version: Of the job.
        final: Whether nothing runs any more.
        body: Its JSON; where it waits, as of a moment ago.
        waiting: The job, when it waits for a worker.
    """

    version: int
    final: bool
    body: bytes
    waiting: Job | None
    queued_s: float = float("-inf")


class Views:
    """Shows jobs. To be used from one event loop.

    Args:
        store: Of the jobs.
        turns: Knows what is ahead of them.
        scaling: Knows how fast the services are.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        store: JobStore,
        turns: Turns | None = None,
        scaling: Scales | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._turns = turns or NoTurns()
        self._scaling = scaling or Unscaled()
        self._clock = clock
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._asked: list[tuple[str, asyncio.Future[Head | None]]] = []
        self._asking: asyncio.Task[None] | None = None
        # Of its own: who asks how a job stands must not wait behind uploads. Two, so that one that waits for
        # Redis does not keep the other from finding out that it is back.
        self._threads = ThreadPoolExecutor(_THREADS, "views")
        self._scales: tuple[float, dict[str, ServiceScale]] = (float("-inf"), {})

    async def show(self, tenant: str, job_id: str) -> Shown:
        """Return a tenant's job as it stands.

        Raises:
            NotFound: (job_not_found) there is none, or it is another tenant's.
            Unavailable: Redis is away.
        """
        # What is no id might name a part of a job in Redis, and fail all who ask at the same time.
        head = await self._head(job_id) if JOB_ID.fullmatch(job_id) else None
        if head is None or head.tenant != tenant:
            raise missing()
        shown = self._kept.get(job_id)
        if shown is None or shown.version < head.version:
            shown = (await self.read([job_id]))[0]
            if shown is None:
                raise missing()
        if shown.waiting is not None and self._clock() - shown.queued_s > _QUEUE_FRESH_S:
            await self._in_thread(self._place, shown, shown.waiting)
        return shown

    async def read(self, job_ids: Sequence[str]) -> list[Shown | None]:
        """Read jobs that have changed, all in one go; raises Unavailable when Redis is away."""
        found = await self._in_thread(self._read, job_ids)
        for job_id, shown in zip(job_ids, found, strict=True):
            if shown is not None:
                self._kept[job_id] = shown
                self._kept.move_to_end(job_id)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    async def heads(self, job_ids: Sequence[str]) -> Sequence[Head | None]:
        """Return the versions of jobs, all in one go; raises Unavailable when Redis is away."""
        return await self._in_thread(self._store.heads, job_ids)

    async def _head(self, job_id: str) -> Head | None:
        """Return a job's version; what others ask for meanwhile is asked for together."""
        future: asyncio.Future[Head | None] = asyncio.get_running_loop().create_future()
        self._asked.append((job_id, future))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await future

    async def _ask(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                heads = await self.heads([job_id for job_id, _ in asked])
            except Exception as error:  # noqa: BLE001 - everybody who asked hears of it
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), head in zip(asked, heads, strict=True):
                if not future.done():
                    future.set_result(head)
        self._asking = None

    async def _in_thread(self, work: Callable[P, R], *arguments: P.args, **_: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _read(self, job_ids: Sequence[str]) -> list[Shown | None]:
        return [None if job is None else self._shown(job) for job in self._store.get_all(job_ids)]

    def _shown(self, job: Job) -> Shown:
        waiting = job if waits_at(job) else None
        shown = Shown(job.version, job.state.final, JobView.of(job).model_dump_json().encode(), waiting)
        if waiting:
            self._place(shown, waiting)
        return shown

    def _place(self, shown: Shown, job: Job) -> None:
        """Write into a shown job where it waits."""
        shown.queued_s = self._clock()
        stage = waits_at(job)
        ahead = self._turns.ahead(job, stage) if stage else None
        if stage is None or ahead is None:
            return
        scale = self._scale(service_of(stage))
        eta = None
        if scale is not None:
            audio_ms_per_ms = scale.speed * scale.slots * (scale.desired_replicas or 0)
            eta = eta_ms(ahead, scale.backlog_ms, audio_ms_per_ms)
        queue = QueueView(position=ahead.jobs, eta_ms=eta).model_dump_json().encode()
        start = shown.body.rindex(b'"queue":')
        shown.body = shown.body[:start] + b'"queue":' + queue + b"}"

    def _scale(self, service: str) -> ServiceScale | None:
        read_s, scales = self._scales
        if self._clock() - read_s > _SCALES_FRESH_S:
            scales = {each.service: each for each in self._scaling()}
            self._scales = (self._clock(), scales)
        return scales.get(service)


def missing() -> NotFound:
    """Return the error of a job that is not there, or is somebody else's."""
    return NotFound("There is no such job.", code="job_not_found")
