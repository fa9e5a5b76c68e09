"""The routes that need no key: liveness, readiness, metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from services.gateway.api.context import Context, Wired
from services.gateway.api.errors import RETRY_AFTER_S
from services.gateway.api.schemas import ComponentView, ReadyView
from services.gateway.jobs.ports import Component, JobStore
from services.shared import telemetry
from services.shared.errors import DragomanError

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that this process answers; nothing else is asked, and no thread that may be waiting for Redis."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(context: Wired, response: Response) -> ReadyView:
    """Say whether jobs can be taken and worked on: 200, or 503 with the component that is missing."""
    components = [*context.health.components(), *_ending(context)]
    all_ready = all(component.ready for component in components)
    if not all_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["retry-after"] = str(RETRY_AFTER_S)
    return ReadyView(ready=all_ready, components=[ComponentView(**asdict(each)) for each in components])


def _ending(context: Context) -> list[Component]:
    return [Component("gateway", ready=False, detail="ending")] if context.ending.is_set() else []


@router.get("/metrics")
def metrics(context: Wired) -> Response:
    """Return the metrics of this process, and the depth of every stage, for Prometheus."""
    depths = CollectorRegistry(auto_describe=False)
    depths.register(_Depths(context.store))
    body = generate_latest(telemetry.REGISTRY) + generate_latest(depths)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


class _Depths:
    """Reads the depth of the stages when it is scraped."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        gauge = GaugeMetricFamily(
            "dragoman_stage_units", "Units of a stage that wait or run.", labels=["stage", "state"]
        )
        try:
            depths = self._store.depths()
        except DragomanError:
            return
        for stage, depth in depths.items():
            gauge.add_metric([stage, "queued"], depth.queued)
            gauge.add_metric([stage, "running"], depth.running)
        yield gauge
