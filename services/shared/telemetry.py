"""Logs and metrics: structured lines that never hold what was said, metric names as data."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from types import TracebackType
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from services.shared.config import Settings

REGISTRY: Final = CollectorRegistry()

# Keys that must never reach a log line, whoever passes them.
_FORBIDDEN: Final = frozenset(
    {"text", "texts", "transcript", "translation", "key", "api_key", "authorization", "url"}
)

STAGE_SECONDS: Final = Histogram(
    "dragoman_stage_seconds",
    "Wall time of one unit in its stage worker, from claim to completion.",
    ["stage", "outcome"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
    registry=REGISTRY,
)
RPC_SECONDS: Final = Histogram(
    "dragoman_rpc_seconds",
    "Wall time of one call in a model server.",
    ["method", "code"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
    registry=REGISTRY,
)
SENT_HINTS: Final = Counter(
    "dragoman_sent_hints_total", "Hints that this process sent.", ["service"], registry=REGISTRY
)
IDLE_HINTS: Final = Counter(
    "dragoman_idle_hints_total", "Hints that found no unit ready.", ["service"], registry=REGISTRY
)
CANCEL_SECONDS: Final = Histogram(
    "dragoman_cancel_seconds",
    "From the moment a model server learns that a running call's caller has gone until its slot is free.",
    ["method"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10),
    registry=REGISTRY,
)
RESENT_HINTS: Final = Counter(
    "dragoman_resent_hints_total",
    "Hints that the reconciler sent because some were missing from the queue.",
    ["service"],
    registry=REGISTRY,
)
EXPIRED_LEASES: Final = Counter(
    "dragoman_expired_leases_total", "Leases that the reconciler ended.", registry=REGISTRY
)
SWEPT_ARTIFACTS: Final = Counter(
    "dragoman_swept_artifacts_total", "Stored files that belonged to nothing.", registry=REGISTRY
)
CANCEL_NOTICE_SECONDS: Final = Histogram(
    "dragoman_cancel_notice_seconds",
    "Time from the cancelling of a job until a worker cancels what it runs for it.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10),
    registry=REGISTRY,
)
JOB_SECONDS: Final = Histogram(
    "dragoman_job_seconds",
    "Time from a job's acceptance to its final state.",
    ["kind", "state"],
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
    registry=REGISTRY,
)


def _drop_forbidden(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name in _FORBIDDEN & event.keys():
        event[name] = "[withheld]"
    return event


def _place_of_failure(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Say where an exception was raised, not what it says: its message may quote a call."""
    if event.pop("exc_info", None) and (error := sys.exc_info()[1]) is not None:
        event["raised_at"] = _places(error.__traceback__)
    return event


class _LibraryLine(logging.Formatter):
    """A library's message as one line of JSON: its template alone, for the arguments may quote a call."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {"event": str(record.msg), "logger": record.name, "service": self._service}
        line["level"] = record.levelname.lower()
        if record.exc_info and record.exc_info[0] is not None:
            line |= {"error": record.exc_info[0].__name__, "raised_at": _places(record.exc_info[2])}
        return json.dumps(line)


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-8:]]


def configure(service: str, settings: Settings) -> None:
    """Send JSON lines to standard error, each with the service's name, and serve metrics if asked.

    Args:
        service: Name of this process, such as "asr-server".
        settings: For the lowest level logged and the port for metrics.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            # Not a context variable: those stay behind in the thread that starts a process.
            lambda _logger, _method, event: {**event, "service": service},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_forbidden,
            _place_of_failure,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through logging; only their warnings matter here.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryLine(service))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, settings.host, registry=REGISTRY)


def logger() -> structlog.typing.FilteringBoundLogger:
    """Return the structured logger."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log
