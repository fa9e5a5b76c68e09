"""Logs as lines of JSON that name the job, the request and the trace, and never hold what was said."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

import structlog

from services.shared.telemetry import traces

# Keys that must never reach a log line, whoever passes them.
_FORBIDDEN: Final = frozenset(
    {
        "api_key",
        "authorization",
        "filename",
        "key",
        "password",
        "query",
        "text",
        "texts",
        "transcript",
        "translation",
        "url",
        "words",
    }
)


def configure(service: str, level: str) -> None:
    """Send JSON lines to standard error, each with the service's name.

    Args:
        service: Name of this process.
        level: Lowest level logged: "debug", "info", "warning" or "error".
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            # Not a context variable: those stay behind in the thread that starts a process.
            lambda _logger, _method, event: {**event, "service": service},
            _add_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_forbidden,
            _place_of_failure,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through logging; only their warnings matter here.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryLine(service))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def logger() -> structlog.typing.FilteringBoundLogger:
    """Return the structured logger."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def named(**ids: str) -> AbstractContextManager[None]:
    """Put these ids, such as job and request_id, on every line that is logged while inside."""
    return structlog.contextvars.bound_contextvars(**ids)


def _add_trace(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Name the trace, so that a line is found from it, and it from a line."""
    if (trace_id := traces.trace_id()) is not None:
        event["trace_id"] = trace_id
    return event


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
