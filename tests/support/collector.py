"""A collector for traces: takes OTLP over HTTP as a real one does, and keeps what came."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A span that came in; ids are in hex.

    Attributes:
        service: The process that sent it.
        parent: Id of the span that it is part of; empty for the first one.
        links: Trace and span ids that it is linked to.
        failed: Whether it ended with an error.
        whole: All that was sent of it, as text.
    """

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: Mapping[str, Value]
    failed: bool
    whole: str


@dataclass(slots=True)
class Collector:
    """What came in so far.

    Attributes:
        endpoint: For DRAGOMAN_OTLP_ENDPOINT.
        resources: Attributes of each process, by its name.
        paths: Where it was sent to.
    """

    endpoint: str
    spans: list[Seen] = field(default_factory=list)
    resources: dict[str, dict[str, Value]] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    def take(self, path: str, body: bytes) -> None:
        """Keep what a process sent."""
        request = ExportTraceServiceRequest.FromString(body)
        self.paths.add(path)
        for group in request.resource_spans:
            who = _values(group.resource.attributes)
            service = str(who["service.name"])
            self.resources[service] = who
            self.spans += [_seen(service, span) for scope in group.scope_spans for span in scope.spans]

    def of_trace(self, trace: str) -> list[Seen]:
        """Return the spans of one trace."""
        return [span for span in self.spans if span.trace == trace]


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Run a collector on this machine; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def _seen(service: str, span: Message) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        kind=Message.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        attributes=_values(span.attributes),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        whole=str(span),
    )


def _values(attributes: Any) -> dict[str, Value]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    held: Value = getattr(value, value.WhichOneof("value") or "string_value")
    return held
