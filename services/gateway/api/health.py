"""The routes that need no key: liveness, readiness, metrics."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily

from services.gateway.api.context import Context, Wired
from services.gateway.api.errors import RETRY_AFTER_S
from services.gateway.api.schemas import ComponentView, ReadyView
from services.gateway.jobs.ports import Component, JobStore
from services.shared import telemetry
from services.shared.config import Settings
from services.shared.errors import DragomanError

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that this process answers; nothing else is asked, and no thread that may be waiting for Redis."""
    return {"status": "ok"}


@router.get("/readyz", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": ReadyView}})
def ready(context: Wired, response: Response, of: Literal["all", "gateway"] = "all") -> ReadyView:
    """Say whether jobs can be taken and worked on: 200, or 503 with the component that is missing.

    Of the gateway alone, model services are not asked: while they are away, or scaled to zero, jobs are still
    taken and results given out.
    """
    asked = context.health.own() if of == "gateway" else context.health.components()
    components = [*asked, *_ending(context)]
    all_ready = all(component.ready for component in components)
    if not all_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["retry-after"] = str(RETRY_AFTER_S)
    return ReadyView(ready=all_ready, components=[ComponentView(**asdict(each)) for each in components])


def _ending(context: Context) -> list[Component]:
    return [Component("gateway", ready=False, detail="ending")] if context.ending.is_set() else []


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(context: Wired) -> Response:
    """Return the metrics of this process, and what is looked up for them, for Prometheus."""
    registry = telemetry.shown("gateway", Lookups(context.store, context.settings), context.scaling)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Lookups:
    """What the gateway looks up when it is scraped.

    Args:
        store: Of the depths of the stages.
        settings: For the disk with the artifacts.
    """

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what can be found out now."""
        yield from self._ledger()
        if self._settings.artifacts_url is None:
            yield from self._disk()

    def _ledger(self) -> Iterator[GaugeMetricFamily]:
        reached, units = telemetry.family("dragoman_redis_up"), telemetry.family("dragoman_stage_units")
        try:
            depths = self._store.depths()
        except DragomanError:
            yield _single(reached, 0)
            return
        for stage, depth in depths.items():
            units.add_metric([stage, "queued"], depth.queued)
            units.add_metric([stage, "running"], depth.running)
        yield _single(reached, 1)
        yield units

    def _disk(self) -> Iterator[GaugeMetricFamily]:
        yield _single(
            telemetry.family("dragoman_artifacts_reserve_bytes"), self._settings.artifacts_reserve_bytes
        )
        with suppress(OSError):
            free_bytes = shutil.disk_usage(self._settings.artifacts_dir).free
            yield _single(telemetry.family("dragoman_artifacts_free_bytes"), free_bytes)


def _single(gauge: GaugeMetricFamily, value: float) -> GaugeMetricFamily:
    gauge.add_metric([], value)
    return gauge
