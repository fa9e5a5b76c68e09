"""A job's changes as server-sent events (HTML standard, section 9.2): one look at Redis for all who watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from threading import Event

from services.gateway.api.views import Shown, Views
from services.gateway.settings import GatewaySettings
from services.shared import telemetry
from services.shared.errors import DragomanError


@dataclass(slots=True, eq=False)
class _Watched:
    """A job that somebody watches.

    Attributes:
        shown: As it stands; None once it is erased, or while Redis is away.
        watchers: Who to rouse when it changes.
    """

    shown: Shown | None
    watchers: set[asyncio.Event] = field(default_factory=set)


class Watching:
    """Looks after all jobs that are watched here, at once: a watcher more costs Redis nothing.

    Args:
        views: Shows jobs.
        settings: How often to look, and how long to be silent.
        ending: Set when the gateway ends: clients come back, and another one or the next goes on.
    """

    def __init__(self, views: Views, settings: GatewaySettings, ending: Event) -> None:
        self._views = views
        self._poll_s = settings.gateway_events_poll_s
        self._heartbeat_s = settings.gateway_heartbeat_s
        self._ending = ending
        self._jobs: dict[str, _Watched] = {}
        self._looking: asyncio.Task[None] | None = None

    async def events(self, job_id: str, shown: Shown, last_version: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield an event for every version of a job that is seen, until its final state or the gateway's end.

        Versions may be skipped when they follow each other fast: each event holds the whole job.

        Args:
            job_id: The job.
            shown: As it stands.
            last_version: The version that the client has seen already.
        """
        yield b"retry: 2000\n\n"
        with self._watched(job_id, shown) as (job, changed):
            while (now := job.shown) is not None:
                if now.version > last_version:
                    last_version = now.version
                    yield b"id: %d\nevent: job\ndata: %b\n\n" % (now.version, now.body)
                if now.final or self._ending.is_set():
                    return
                if job.shown is now and not await self._roused(changed):
                    yield b": still here\n\n"

    async def _roused(self, changed: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await changed.wait()
        except TimeoutError:
            return False
        changed.clear()
        return True

    @contextmanager
    def _watched(self, job_id: str, shown: Shown) -> Iterator[tuple[_Watched, asyncio.Event]]:
        job, changed = self._jobs.setdefault(job_id, _Watched(shown)), asyncio.Event()
        if job.shown is None or job.shown.version < shown.version:
            job.shown = shown
        job.watchers.add(changed)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        try:
            yield job, changed
        finally:
            job.watchers.discard(changed)
            if not job.watchers and self._jobs.get(job_id) is job:
                del self._jobs[job_id]

    async def _look(self) -> None:
        """Look at what is watched until nothing is."""
        while self._jobs:
            began_s = time.monotonic()
            try:
                await self._refresh(dict(self._jobs))
            except Exception as error:  # noqa: BLE001 - the watchers come back, and are told why
                telemetry.logger().warning("watchers let go", error=type(error).__name__)
                for job_id in list(self._jobs):
                    self._change(job_id, None)
            if self._ending.is_set():
                for job in self._jobs.values():
                    _rouse(job)
                return
            await asyncio.sleep(max(0.0, self._poll_s - (time.monotonic() - began_s)))

    async def _refresh(self, jobs: dict[str, _Watched]) -> None:
        heads = await self._views.heads(list(jobs))
        changed = []
        for (job_id, job), head in zip(jobs.items(), heads, strict=True):
            if head is None:
                self._change(job_id, None)
            elif job.shown is None or head.version > job.shown.version:
                changed.append(job_id)
        if changed:
            for job_id, shown in zip(changed, await self._views.read(changed), strict=True):
                self._change(job_id, shown)

    def _change(self, job_id: str, shown: Shown | None) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.shown = shown
        if shown is None:
            # Who comes back begins anew.
            del self._jobs[job_id]
        _rouse(job)


async def while_good(
    events: AsyncGenerator[bytes, None], ask: Callable[[], Awaitable[object]]
) -> AsyncIterator[bytes]:
    """Yield events for as long as `ask` does not fail: the key that they were asked with may be revoked."""
    async with aclosing(events):
        async for event in events:
            try:
                await ask()
            except DragomanError:
                return  # who comes back is told why
            yield event


def _rouse(job: _Watched) -> None:
    for changed in job.watchers:
        changed.set()
