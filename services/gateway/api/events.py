"""A job's changes as server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from threading import Event

from starlette.concurrency import run_in_threadpool

from services.gateway.api.schemas import JobView
from services.gateway.jobs.model import Job
from services.gateway.settings import GatewaySettings
from services.shared.errors import NotFound, Unavailable


async def events(
    look: Callable[[], Job], settings: GatewaySettings, ending: Event, last_version: int = 0
) -> AsyncIterator[str]:
    """Yield an event for every version of a job that is seen, until its final state or the gateway's end.

    Versions may be skipped when they follow each other fast: each event holds the whole job.

    Args:
        look: Returns the job as it stands.
        settings: How often to look, and how long to be silent.
        ending: Set when the gateway ends: the client comes back, and another one or the next goes on.
        last_version: The version that the client has seen already.
    """
    yield "retry: 2000\n\n"
    spoke_s = time.monotonic()
    while not ending.is_set():
        try:
            job = await run_in_threadpool(look)
        except (NotFound, Unavailable):
            return  # erased while we watched, or Redis is away: the client comes back and is told so
        if job.version > last_version:
            last_version, spoke_s = job.version, time.monotonic()
            yield f"id: {job.version}\nevent: job\ndata: {JobView.of(job).model_dump_json()}\n\n"
        if job.state.final:
            return
        if time.monotonic() - spoke_s >= settings.gateway_heartbeat_s:
            spoke_s = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(settings.gateway_events_poll_s)
