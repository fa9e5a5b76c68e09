"""Logs are JSON lines that hold nothing of what was said; metrics are those of the table."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from services.shared import telemetry
from services.shared.config import Settings
from services.shared.tasks import SERVICES
from services.shared.telemetry import logs, metrics
from services.shared.telemetry.table import GATEWAY, METRICS, RECONCILER, SERVER, SPANS, WORKER, Metric, emits
from tests.conftest import Logged
from tests.support.redis_server import free_port

SECRET = "my card number is four two seven"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNITS = ("_seconds", "_bytes", "_total", "_factor", "_size", "_slots", "_units", "_calls", "_up")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def test_a_line_names_its_service_level_and_time(logged: Logged) -> None:
    telemetry.logger().warning("lease not renewed", unit="job_1:asr.segment:c0")
    (line,) = logged()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "lease not renewed",
        "level": "warning",
        "service": "test",
        "unit": "job_1:asr.segment:c0",
    }


def test_a_line_names_its_trace_job_and_request(logged: Logged) -> None:
    with telemetry.span("request", parent=TRACEPARENT), telemetry.named(job="job_1", request_id="req_1"):
        telemetry.logger().info("unit")
    telemetry.logger().info("unit")
    inside, outside = logged()
    assert (inside["job"], inside["request_id"]) == ("job_1", "req_1")
    assert inside["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert not {"job", "request_id", "trace_id"} & outside.keys()


@pytest.mark.parametrize("name", sorted(logs._FORBIDDEN))
def test_what_was_said_and_what_is_secret_is_withheld(logged: Logged, name: str) -> None:
    telemetry.logger().info("unit", **{name: SECRET})
    assert logged()[0][name] == "[withheld]"


def test_a_forbidden_name_is_withheld_from_bound_context_too(logged: Logged) -> None:
    with structlog.contextvars.bound_contextvars(text=SECRET):
        telemetry.logger().bind(transcript=SECRET).info("unit")
    assert SECRET not in str(logged())


def test_an_exception_shows_its_places_and_not_its_message(logged: Logged) -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    try:
        fail()
    except ValueError:
        telemetry.logger().exception("unit failed", error="ValueError")
    (line,) = logged()
    assert [place.rpartition(" ")[2] for place in line["raised_at"]][-1] == "fail"
    assert SECRET not in str(line)


def test_lines_below_the_level_are_dropped(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("quiet", Settings(log_level="error"))
    telemetry.logger().warning("nobody reads this")
    assert capsys.readouterr().err == ""


def scrape(service: str) -> str:
    port = free_port()
    telemetry.configure(service, Settings(metrics_port=port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


def test_metrics_are_served_where_they_were_asked_for() -> None:
    text = scrape("reconciler")
    assert "dragoman_expired_leases_total" in text
    assert "process_resident_memory_bytes" in text
    assert 'python_info{implementation="CPython"' in text


def test_a_process_shows_no_metric_of_another_one() -> None:
    assert "dragoman_expired_leases_total" not in scrape("asr-worker")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_has_a_name_with_its_unit_and_says_what_it_is(metric: Metric) -> None:
    assert re.fullmatch(r"dragoman(_[a-z]+)+", metric.name)
    assert metric.name.endswith((*UNITS, "_speed", "_replicas", "_workers"))
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.help.endswith(".")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(metric.buckets)


def test_every_metric_is_in_the_table_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    counted = {found.name for found in telemetry.REGISTRY.collect()}
    assert counted <= {name.removesuffix("_total") for name in names}


def test_every_row_names_processes_that_there_are() -> None:
    processes = [GATEWAY, RECONCILER, *(f"{name}-{kind}" for name in SERVICES for kind in (WORKER, SERVER))]
    named = {name for rows in (METRICS, SPANS) for row in rows for name in row.emitted_by}
    assert [name for name in named if not any(emits((name,), process) for process in processes)] == []


def test_a_gauge_for_a_collector_is_one_of_the_table() -> None:
    family = metrics.family("dragoman_stage_units")
    family.add_metric(["asr.segment", "queued"], 3)
    (sample,) = family.samples
    assert sample.labels == {"stage": "asr.segment", "state": "queued"}
    with pytest.raises(KeyError):
        metrics.family("dragoman_unheard_of")


def test_the_readme_shows_the_table(repository: Path) -> None:
    readme = (repository / "services/shared/telemetry/README.md").read_text()
    for metric in METRICS:
        labels = ", ".join(metric.labels) or "-"
        row = (
            f"| `{metric.name}` | {metric.kind} | {labels} | {', '.join(metric.emitted_by)} | {metric.help} |"
        )
        assert row in readme
    for span in SPANS:
        parents = ", ".join(f"`{name}`" if name[0] != "t" else name for name in span.parents)
        assert f"| `{span.name}` | {', '.join(span.emitted_by)} | {parents} | {span.help} |" in readme
    rows = [line for line in readme.splitlines() if line.startswith("| `dragoman_")]
    assert len(rows) == len(METRICS)
