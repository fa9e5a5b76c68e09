"""Traces: what happened for one job in every process, sent by OTLP to where the settings say.

Nothing here waits for the collector: spans leave in the background, and those that find no room are dropped.
While no collector is set, a span is an object that does nothing.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

__all__ = [
    "SpanKind",
    "become",
    "begin",
    "configure",
    "end",
    "flush",
    "mark",
    "span",
    "trace_id",
    "traceparent",
    "tracing",
]

Attributes = Mapping[str, str | int | float | bool]

# Of the end of a process that traces may take; the collector may be away.
_FAREWELL_S: Final = 2.0
_EXPORT_TIMEOUT_S: Final = 5.0
_W3C: Final = TraceContextTextMapPropagator()
_HEADER: Final = "traceparent"


@dataclass(slots=True)
class _State:
    """How this process traces."""

    tracer: Tracer
    processor: BatchSpanProcessor | None = None


_STATE: Final = _State(NoOpTracer())


def configure(service: str, endpoint: str | None, ratio: float) -> None:
    """Send spans to a collector, or none.

    Args:
        service: Name of this process.
        endpoint: Where the collector takes OTLP over HTTP; None for no traces.
        ratio: Share of the traces that begin in this process; others are kept or not as they began.
    """
    flush()
    if endpoint is None:
        return
    # An SDK and an HTTP client, for those who trace.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - for that reason
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - for that reason
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - for that reason
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - for that reason
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 - as above

    who = {
        "service.name": service,
        "service.version": _version(),
        "service.instance.id": socket.gethostname(),
    }
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create(who),
        # Its own handler waits half a minute for a collector that is away.
        shutdown_on_exit=False,
    )
    _STATE.processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(_STATE.processor)
    _STATE.tracer = provider.get_tracer("dragoman")
    atexit.register(flush)


def flush() -> None:
    """Send what is left, for two seconds at most, and trace no more; to be called before an `os._exit`."""
    processor, _STATE.processor = _STATE.processor, None
    _STATE.tracer = NoOpTracer()
    if processor is not None:
        # A thread, for it would wait longer than a process has time to end.
        leaving = threading.Thread(target=processor.shutdown, daemon=True, name="traces")
        leaving.start()
        leaving.join(_FAREWELL_S)
        if leaving.is_alive():
            processor.span_exporter.shutdown()


def tracing() -> bool:
    """Say whether spans go anywhere."""
    return _STATE.processor is not None


def begin(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    link: str = "",
) -> Span:
    """Begin a span, which is not the current one; `end` ends it.

    Args:
        name: One of few: no ids, nothing that a client wrote.
        kind: Its part in a call or a message.
        attributes: References and numbers, never what was said, a key or an address.
        parent: W3C traceparent of what it is part of, empty where a trace may begin; None for the current
            span, and where there is none, no span is begun.
        link: W3C traceparent of what led to it, where that is another span.
    """
    if parent is None and not trace.get_current_span().get_span_context().is_valid:
        # Part of nothing that is traced, such as a sweep of the artifacts.
        return INVALID_SPAN
    above = None if parent is None else _context(parent)
    links = _links(link)
    return _STATE.tracer.start_span(name, above, kind, dict(attributes or {}), links)


def end(begun: Span, error: str = "") -> None:
    """End a span, as failed when `error` is a code or the name of a class."""
    if error:
        _fail(begun, error)
    begun.end()


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    link: str = "",
) -> Iterator[Span]:
    """Be in a span while inside, as `begin` says; what is raised ends it as failed, with its class."""
    begun = begin(name, kind, attributes, parent=parent, link=link)
    token = become(begun)
    error = ""
    try:
        yield begun
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        contexts.detach(token)
        end(begun, error)


def become(begun: Span) -> Token[contexts.Context]:
    """Make a span the current one of this thread or task, until it ends or the token is detached."""
    return contexts.attach(trace.set_span_in_context(begun))


def mark(attributes: Attributes, error: str = "") -> None:
    """Add attributes to the current span; `error` says that it failed, as in `end`."""
    current = trace.get_current_span()
    current.set_attributes(dict(attributes))
    if error:
        _fail(current, error)


def traceparent(of: Span | None = None) -> str:
    """Return the W3C traceparent of a span, the current one unless given; empty when there is none."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, None if of is None else trace.set_span_in_context(of))
    return carrier.get(_HEADER, "")


def trace_id() -> str | None:
    """Return the id of the current trace in hex; None outside of one."""
    current = trace.get_current_span().get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else None


def _fail(failed: Span, error: str) -> None:
    # Without a description: the text of an error may quote a call.
    failed.set_status(Status(StatusCode.ERROR))
    failed.set_attribute("error.type", error)


def _context(parent: str) -> contexts.Context:
    # Without tracestate: it is text that a client made up.
    return _W3C.extract({_HEADER: parent}, contexts.Context())


def _links(link: str) -> list[Link]:
    source = trace.get_current_span(_context(link)).get_span_context()
    return [Link(source)] if source.is_valid else []


def _version() -> str:
    try:
        return importlib.metadata.version("dragoman")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
