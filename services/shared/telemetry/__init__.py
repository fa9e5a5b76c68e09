"""Telemetry of every process: logs that never hold what was said, metrics and traces declared as data."""

from __future__ import annotations

from services.shared.config import Settings
from services.shared.telemetry import logs, metrics, traces
from services.shared.telemetry.logs import logger, named
from services.shared.telemetry.metrics import (
    AUDIO_SECONDS,
    BATCH_SIZE,
    BUSY_SLOTS,
    CANCEL_NOTICE_SECONDS,
    CANCEL_SECONDS,
    DEAD_UNITS,
    EXPIRED_LEASES,
    HINT_WAIT_SECONDS,
    HTTP_SECONDS,
    IDLE_HINTS,
    JOB_SECONDS,
    LAST_STEP,
    REAL_TIME_FACTOR,
    REFUSED_SUBMISSIONS,
    REGISTRY,
    RESENT_HINTS,
    RPC_SECONDS,
    SCRAPED,
    SENT_HINTS,
    SLOTS,
    STAGE_SECONDS,
    SWEPT_ARTIFACTS,
    UNIT_WAIT_SECONDS,
    WAITING_CALLS,
    WEBHOOK_DELIVERIES,
    family,
    shown,
)
from services.shared.telemetry.traces import (
    SpanKind,
    become,
    begin,
    end,
    flush,
    mark,
    span,
    traceparent,
    tracing,
)

__all__ = [
    "AUDIO_SECONDS",
    "BATCH_SIZE",
    "BUSY_SLOTS",
    "CANCEL_NOTICE_SECONDS",
    "CANCEL_SECONDS",
    "DEAD_UNITS",
    "EXPIRED_LEASES",
    "HINT_WAIT_SECONDS",
    "HTTP_SECONDS",
    "IDLE_HINTS",
    "JOB_SECONDS",
    "LAST_STEP",
    "REAL_TIME_FACTOR",
    "REFUSED_SUBMISSIONS",
    "REGISTRY",
    "RESENT_HINTS",
    "RPC_SECONDS",
    "SCRAPED",
    "SENT_HINTS",
    "SLOTS",
    "STAGE_SECONDS",
    "SWEPT_ARTIFACTS",
    "UNIT_WAIT_SECONDS",
    "WAITING_CALLS",
    "WEBHOOK_DELIVERIES",
    "SpanKind",
    "become",
    "begin",
    "configure",
    "end",
    "family",
    "flush",
    "logger",
    "mark",
    "named",
    "shown",
    "span",
    "traceparent",
    "tracing",
]


def configure(service: str, settings: Settings) -> None:
    """Log to standard error; serve metrics and send traces if the settings say where.

    Args:
        service: Name of this process, such as "asr-server".
        settings: For the lowest level logged, the port of the metrics, and where traces go.
    """
    logs.configure(service, settings.log_level)
    traces.configure(service, settings.otlp_endpoint, settings.trace_ratio)
    if settings.metrics_port is not None:
        metrics.serve(service, settings.host, settings.metrics_port)
