"""One job is one trace through every process, and no span holds what a client said, wrote or hides."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry import trace

from services.shared import telemetry
from services.shared.artifacts.local import LocalArtifacts
from services.shared.broker import Origin
from services.shared.config import Settings
from services.shared.errors import InternalError
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Output
from services.shared.stage import StageRunner, Work
from services.shared.tasks import DECODE, MODEL_STAGES, SERVICES, service_of
from services.shared.telemetry.table import SPANS, SpanRow, emits
from tests.support.calls import instant, new_job
from tests.support.collector import Collector, Seen, collecting
from tests.support.observed import CLIENT_SPAN, CLIENT_TRACE, FILE_NAME, SPOKEN, WORDS, WRONG_KEY, Observed
from tests.support.redis_server import free_port
from tests.support.waiting import until

PROCESSES = (
    "gateway",
    "reconciler",
    *(f"{service}-worker" for service in SERVICES),
    *(f"{service}-server" for service in SERVICES),
)
# What each stage's worker calls on its way.
CALLS = {
    "codec.decode": "dragoman.v1.Codec/Decode",
    "asr.segment": "dragoman.v1.Asr/Segment",
    "asr.transcribe": "dragoman.v1.Asr/Transcribe",
    "translation.translate": "dragoman.v1.Translation/Translate",
    "tts.synthesize": "dragoman.v1.Tts/Synthesize",
    "codec.encode": "dragoman.v1.Codec/Encode",
}
# A worker reads what the stage before stored; codec.encode reads the regions while it sends them.
READERS = tuple(stage for stage in MODEL_STAGES if stage != "codec.encode")
REQUEST = ("gateway", "POST /v1/jobs")
SAMPLED = 1


def row_of(span: Seen) -> SpanRow:
    """Return the row of the table that a span belongs to."""
    name = {
        ("server", True): "<method> <route>",
        ("consumer", False): "<stage>",
        ("client", True): "<rpc> (client)",
        ("client", False): "<rpc> (client)",
        ("server", False): "<rpc> (server)",
    }.get((span.kind, span.service == "gateway"), span.name)
    return next(row for row in SPANS if row.name == name)


@pytest.fixture(scope="session")
def call(observed: Observed) -> dict[str, Seen]:
    """The spans of the translated call, by their ids."""
    return {span.id: span for span in observed.collector.of_trace(CLIENT_TRACE)}


def edges(call: dict[str, Seen]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Return who called whom: process and name of both spans."""
    pairs = ((call[span.parent], span) for span in call.values() if span.parent in call)
    return {((above.service, above.name), (below.service, below.name)) for above, below in pairs}


def expected() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    yield REQUEST, ("gateway", "artifact write")
    yield REQUEST, ("gateway", "dragoman.v1.Codec/Probe")
    yield ("gateway", "dragoman.v1.Codec/Probe"), ("codec-server", "dragoman.v1.Codec/Probe")
    yield REQUEST, ("gateway", "send hints")
    for stage, rpc in CALLS.items():
        service = service_of(stage)
        worker, server = f"{service}-worker", f"{service}-server"
        yield REQUEST, (worker, stage)
        yield (worker, stage), (worker, rpc)
        yield (worker, rpc), (server, rpc)
        yield (server, rpc), (server, "slot")
        if stage != "asr.segment":
            yield (worker, stage), (worker, "artifact write")
        if stage in READERS:
            yield (worker, stage), (worker, "artifact read")
        if stage != "codec.encode":
            yield (worker, stage), (worker, "send hints")
    yield REQUEST, ("reconciler", "finish job")
    yield ("reconciler", "finish job"), ("reconciler", "artifact read")
    yield ("reconciler", "finish job"), ("reconciler", "artifact write")


def test_every_edge_of_a_call_is_in_its_one_trace(call: dict[str, Seen]) -> None:
    assert set(expected()) - edges(call) == set()


def test_every_process_takes_part_in_it(call: dict[str, Seen]) -> None:
    assert {span.service for span in call.values()} == set(PROCESSES)


def test_no_span_is_an_orphan_and_the_client_is_the_only_one_above(call: dict[str, Seen]) -> None:
    above = {span.parent for span in call.values()} - call.keys()
    assert above == {CLIENT_SPAN}
    assert [span.name for span in call.values() if span.parent == CLIENT_SPAN] == ["POST /v1/jobs"]


def test_all_of_the_job_is_in_the_trace_and_nothing_else(observed: Observed, call: dict[str, Seen]) -> None:
    jobs = {(span.attributes.get("dragoman.job"), span.trace) for span in observed.collector.spans}
    assert {trace for job, trace in jobs if job == observed.job} == {CLIENT_TRACE}
    assert {job for job, trace in jobs if trace == CLIENT_TRACE} == {observed.job, None}


def test_a_trace_begins_with_a_request_and_with_nothing_else(observed: Observed) -> None:
    begun = {row_of(span).name for span in observed.collector.spans if not span.parent}
    assert begun == {"<method> <route>"}


@pytest.mark.parametrize("row", SPANS, ids=lambda row: row.name)
def test_the_table_of_spans_is_what_processes_send(observed: Observed, row: SpanRow) -> None:
    by_id = {span.id: span for span in observed.collector.spans}
    mine = [span for span in observed.collector.spans if row_of(span) == row]
    assert {span.service for span in mine} == {name for name in PROCESSES if emits(row.emitted_by, name)}
    if row.name != "<method> <route>":
        assert {row_of(by_id[span.parent]).name for span in mine} == set(row.parents)


def test_each_process_says_who_it_is(observed: Observed) -> None:
    assert observed.collector.paths == {"/v1/traces"}
    assert observed.collector.resources.keys() == set(PROCESSES)
    assert all(who["service.version"] for who in observed.collector.resources.values())


def test_a_unit_is_linked_to_the_span_that_sent_its_hint(observed: Observed, call: dict[str, Seen]) -> None:
    units = [span for span in call.values() if span.kind == "consumer"]
    for unit in units:
        ((trace_id, sender),) = unit.links
        assert trace_id == CLIENT_TRACE
        assert call[sender].name == "send hints"
    alone = [span.name for span in observed.collector.spans if span.kind == "consumer" and not span.links]
    assert alone == ["translation.translate"], "the reconciler sent its hint, for no job of its own"


def test_a_unit_says_which_attempt_it_was_and_how_it_went(call: dict[str, Seen]) -> None:
    units = [span for span in call.values() if span.kind == "consumer"]
    assert len({(span.name, span.attributes["dragoman.index"]) for span in units}) == len(units)
    for unit in units:
        assert (unit.attributes["dragoman.attempt"], unit.attributes["dragoman.outcome"]) == (1, "done")
        assert isinstance(unit.attributes["dragoman.hint_wait_ms"], int)
        assert isinstance(unit.attributes["dragoman.waited_ms"], int)
        assert int(unit.attributes["dragoman.audio_ms"]) > 0
        assert not unit.failed


def test_a_unit_that_failed_says_by_which_code(observed: Observed) -> None:
    (failed,) = [span for span in observed.collector.spans if span.kind == "consumer" and span.failed]
    code = failed.attributes["dragoman.outcome"]
    assert code == failed.attributes["error.type"] == "channel_count_mismatch"


def test_no_span_holds_what_was_said_or_written_or_is_secret(observed: Observed) -> None:
    everything = "\n".join(span.whole for span in observed.collector.spans)
    for secret in (*SPOKEN, *WORDS.split(), FILE_NAME, observed.key, WRONG_KEY, "api_key", "default/"):
        assert secret not in everything, secret


def test_a_request_is_named_by_its_template(observed: Observed) -> None:
    requests = {span.name for span in observed.collector.spans if row_of(span).name == "<method> <route>"}
    assert requests == {"POST /v1/jobs", "GET /v1/jobs", "GET /v1/jobs/{job_id}"}


class Bench:
    """One worker in this process, which traces."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.artifacts = LocalArtifacts(folder)

    def run(self, fails: int, origin: Origin) -> None:
        """Run a unit that fails so many times before it is done."""

        def handle(work: Work) -> Output:
            if work.claim.attempt <= fails:
                raise InternalError("It failed.", code="odd")
            return Output({})

        runner = StageRunner({DECODE: handle}, self.ledger, self.artifacts, lambda _hints: None, Settings())
        for _ in range(fails + 1):
            runner.run("codec", origin)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that this process sends to."""
    with collecting() as running:
        telemetry.configure("codec-worker", Settings(otlp_endpoint=running.endpoint))
        yield running
        telemetry.flush()


def parent(sampled: bool = True) -> str:
    return f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-0{int(sampled)}"


@pytest.fixture
def bench(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A worker whose units come again at once."""
    monkeypatch.setattr("services.shared.stage._FIRST_DELAY_MS", 0)
    return Bench(instant(ledger), tmp_path)


def submit(bench: Bench, traceparent: str) -> None:
    bench.ledger.submit(replace(new_job(), trace=traceparent))


def test_retries_are_spans_of_their_own_in_the_trace_of_their_job(bench: Bench, collector: Collector) -> None:
    submit(bench, parent())
    bench.run(2, Origin(parent(), 0.5))
    telemetry.flush()
    units = sorted(collector.spans, key=lambda span: int(span.attributes["dragoman.attempt"]))
    assert [(span.attributes["dragoman.outcome"], span.failed) for span in units] == [
        ("odd", True),
        ("odd", True),
        ("done", False),
    ]
    assert {span.parent for span in units} == {CLIENT_SPAN}
    assert {span.links for span in units} == {()}, "the job's own span sent the hint"


def test_a_hint_of_another_job_is_linked_and_not_followed(bench: Bench, collector: Collector) -> None:
    submit(bench, parent())
    bench.run(0, Origin(f"00-{'a' * 32}-{'b' * 16}-01"))
    telemetry.flush()
    (unit,) = collector.spans
    assert (unit.trace, unit.links) == (CLIENT_TRACE, (("a" * 32, "b" * 16),))


def test_a_job_that_was_not_traced_is_not_traced_later(bench: Bench, collector: Collector) -> None:
    submit(bench, parent(sampled=False))
    bench.run(1, Origin())
    telemetry.flush()
    assert collector.spans == []


def test_a_job_of_a_gateway_that_does_not_trace_begins_a_trace_with_each_unit(
    bench: Bench, collector: Collector
) -> None:
    submit(bench, "")
    bench.run(1, Origin("no traceparent at all"))
    telemetry.flush()
    assert len({span.trace for span in collector.spans}) == 2


def test_a_share_of_what_begins_here_is_traced() -> None:
    with collecting() as collector:
        telemetry.configure("gateway", Settings(otlp_endpoint=collector.endpoint, trace_ratio=0))
        with telemetry.span("request", parent=""):
            assert not int(telemetry.traceparent()[-2:], 16) & SAMPLED
        with telemetry.span("request", parent=parent()):
            pass
        telemetry.flush()
    assert [span.trace for span in collector.spans] == [CLIENT_TRACE]


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    telemetry.configure("gateway", Settings(otlp_endpoint=f"http://127.0.0.1:{free_port()}"))
    for _ in range(3000):
        with telemetry.span("request", parent=""):
            pass
    began = time.monotonic()
    telemetry.flush()
    assert time.monotonic() - began < 10
    assert not telemetry.tracing()


def test_a_collector_that_comes_later_gets_what_is_left() -> None:
    port = free_port()
    telemetry.configure("gateway", Settings(otlp_endpoint=f"http://127.0.0.1:{port}"))
    with telemetry.span("request", parent=""):
        pass
    with collecting(port) as collector:
        telemetry.flush()
        until(lambda: collector.spans)
    assert [span.name for span in collector.spans] == ["request"]


def test_what_is_raised_ends_a_span_by_its_class_and_not_its_text(collector: Collector) -> None:
    with pytest.raises(ValueError, match=WORDS), telemetry.span("request", parent=""):
        raise ValueError(WORDS)
    telemetry.flush()
    (span,) = collector.spans
    assert span.failed
    assert span.attributes == {"error.type": "ValueError"}
    assert WORDS not in span.whole


def test_without_a_collector_a_span_is_nothing_and_a_trace_passes_through() -> None:
    telemetry.configure("gateway", Settings())
    with telemetry.span("request", parent="") as span:
        assert not span.is_recording()
        assert telemetry.traceparent() == ""
    with telemetry.span("request", parent=parent()):
        assert telemetry.traceparent() == parent(), "the next process may trace"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_exporter_is_not_even_loaded_where_nobody_traces() -> None:
    look = "import sys, services.shared.stage; sys.exit('opentelemetry.exporter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
