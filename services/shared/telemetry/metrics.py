"""Metrics: made from the table, served for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from services.shared.telemetry.table import METRICS, Metric, emits

# What the code of this process counts.
REGISTRY: Final = CollectorRegistry()

# What is looked up when Prometheus asks: the process itself, and what its composition root registers here.
SCRAPED: Final = CollectorRegistry()
ProcessCollector(registry=SCRAPED)
PlatformCollector(registry=SCRAPED)

_ROWS: Final = {metric.name: metric for metric in METRICS}


class _Counted:
    """What the code of one process counts, without what the table gives to others."""

    def __init__(self, process: str) -> None:
        self._process = process

    def collect(self) -> Iterator[Family]:
        """Yield the metrics of this process."""
        for found in REGISTRY.collect():
            name = f"{found.name}_total" if found.type == "counter" else found.name
            if emits(_ROWS[name].emitted_by, self._process):
                yield found


def shown(process: str, *lookups: Collector) -> CollectorRegistry:
    """Return what a process, such as "gateway", shows of its own and of what is looked up."""
    registry = CollectorRegistry()
    for collector in (_Counted(process), *lookups):
        registry.register(collector)
    return registry


def serve(process: str, host: str, port: int) -> None:
    """Serve /metrics in a thread of its own, until the process ends."""
    start_http_server(port, host, registry=shown(process, SCRAPED))


def family(name: str) -> GaugeMetricFamily:
    """Return a gauge of the table, to be filled by a collector while it is scraped."""
    row = _row(name, "gauge")
    return GaugeMetricFamily(row.name, row.help, labels=row.labels)


def _row(name: str, kind: str) -> Metric:
    row = _ROWS[name]
    assert row.kind == kind, name  # noqa: S101 - the two lie side by side
    return row


def _counter(name: str) -> Counter:
    row = _row(name, "counter")
    return Counter(row.name, row.help, row.labels, registry=REGISTRY)


def _gauge(name: str) -> Gauge:
    row = _row(name, "gauge")
    return Gauge(row.name, row.help, row.labels, registry=REGISTRY)


def _histogram(name: str) -> Histogram:
    row = _row(name, "histogram")
    return Histogram(row.name, row.help, row.labels, buckets=row.buckets, registry=REGISTRY)


HTTP_SECONDS: Final = _histogram("dragoman_http_seconds")
REFUSED_SUBMISSIONS: Final = _counter("dragoman_refused_submissions_total")
RPC_SECONDS: Final = _histogram("dragoman_rpc_seconds")
STAGE_SECONDS: Final = _histogram("dragoman_stage_seconds")
JOB_SECONDS: Final = _histogram("dragoman_job_seconds")
DEAD_UNITS: Final = _counter("dragoman_dead_units_total")
SLOTS: Final = _gauge("dragoman_slots")
BUSY_SLOTS: Final = _gauge("dragoman_busy_slots")
WAITING_CALLS: Final = _gauge("dragoman_waiting_calls")
AUDIO_SECONDS: Final = _counter("dragoman_audio_seconds_total")
REAL_TIME_FACTOR: Final = _histogram("dragoman_real_time_factor")
BATCH_SIZE: Final = _histogram("dragoman_batch_size")
SENT_HINTS: Final = _counter("dragoman_sent_hints_total")
IDLE_HINTS: Final = _counter("dragoman_idle_hints_total")
HINT_WAIT_SECONDS: Final = _histogram("dragoman_hint_wait_seconds")
UNIT_WAIT_SECONDS: Final = _histogram("dragoman_unit_wait_seconds")
RESENT_HINTS: Final = _counter("dragoman_resent_hints_total")
EXPIRED_LEASES: Final = _counter("dragoman_expired_leases_total")
LAST_STEP: Final = _gauge("dragoman_last_step_timestamp_seconds")
SWEPT_ARTIFACTS: Final = _counter("dragoman_swept_artifacts_total")
WEBHOOK_DELIVERIES: Final = _counter("dragoman_webhook_deliveries_total")
CANCEL_NOTICE_SECONDS: Final = _histogram("dragoman_cancel_notice_seconds")
CANCEL_SECONDS: Final = _histogram("dragoman_cancel_seconds")
