"""The desired sizes as a client, and an autoscaler, reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.core import GaugeMetricFamily

from services.gateway.scaling.publication import ServiceScale
from services.shared import telemetry
from tests.unit.gateway.conftest import app, client, components, stranger, world

__all__ = ["app", "client", "components", "stranger", "world"]

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Decided:
    """Decisions that a test sets."""

    def __init__(self, *scales: ServiceScale) -> None:
        self._scales = scales

    def __call__(self) -> Sequence[ServiceScale]:
        return self._scales

    def collect(self) -> Iterator[GaugeMetricFamily]:
        gauge = telemetry.family("dragoman_desired_replicas")
        for each in self._scales:
            gauge.add_metric([each.service], each.desired_replicas or 0)
        yield gauge


FRESH = ServiceScale("asr", 61_000, 5.25, 2, 3, 2, "backlog", AT)
STALE = replace(FRESH, service="tts", desired_replicas=None, desired_workers=None, reason="stale")


@pytest.fixture
def decided(app: FastAPI) -> None:
    """Let the app know two decisions, one of them too old."""
    app.state.context = replace(app.state.context, scaling=Decided(FRESH, STALE))


@pytest.mark.usefixtures("decided")
async def test_stages_list_the_size_of_every_service(client: httpx.AsyncClient) -> None:
    asr, tts = (await client.get("/v1/stages")).json()["scaling"]
    assert asr == {
        "service": "asr", "backlog_ms": 61_000, "speed": 5.25, "slots": 2, "desired_replicas": 3,
        "desired_workers": 2, "reason": "backlog", "measured_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    assert (tts["desired_replicas"], tts["desired_workers"], tts["reason"]) == (None, None, "stale")


async def test_before_the_first_decision_no_service_is_listed(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/stages")).json()["scaling"] == []


@pytest.mark.usefixtures("decided")
async def test_sizes_need_a_key_and_metrics_do_not(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/v1/stages")).status_code == 401
    assert 'dragoman_desired_replicas{service="asr"} 3.0' in (await stranger.get("/metrics")).text
