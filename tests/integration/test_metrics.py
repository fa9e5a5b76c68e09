"""Every process emits what the table says of it and nothing else, and logs nothing of a call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.shared.tasks import MODEL_STAGES, SERVICES
from services.shared.telemetry.table import METRICS, Metric, emits
from tests.support.observed import FILE_NAME, SPOKEN, WORDS, WRONG_KEY, Observed

PROCESSES = (
    "gateway",
    "reconciler",
    *(f"{service}-worker" for service in SERVICES),
    *(f"{service}-server" for service in SERVICES),
)
# Not to be had from a healthy installation in seconds: the file whose tests or helpers read it.
ELSEWHERE = {
    "dragoman_cancel_seconds": "tests/integration/test_rpc_server.py",
    "dragoman_webhook_deliveries_total": "tests/support/webhooks.py",
}
# Of the process itself, on every metrics port.
OF_PYTHON = ("process_", "python_info")
# What a client or a tenant could make grow without end.
ENDLESS = {"tenant", "job", "unit", "request_id", "path", "key", "language", "voice"}


def family(sample: str) -> str:
    """Return the metric that a sample belongs to."""
    names = {metric.name: metric.kind for metric in METRICS}
    bare = sample.removesuffix("_created")
    for name in (bare, f"{bare}_total", *(bare.removesuffix(end) for end in ("_bucket", "_count", "_sum"))):
        if name in names:
            return name
    return sample


def emitted(observed: Observed, process: str) -> set[str]:
    """Return the metrics of which a process shows a sample."""
    return {family(name) for name, _ in observed.samples[process] if not name.startswith(OF_PYTHON)}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_emits_what_the_table_says_and_nothing_else(observed: Observed, process: str) -> None:
    declared = {metric.name for metric in METRICS if emits(metric.emitted_by, process)}
    assert emitted(observed, process) - set(ELSEWHERE) == declared - set(ELSEWHERE)


def test_what_is_provoked_elsewhere_is_read_there(repository: Path) -> None:
    for metric, test in ELSEWHERE.items():
        assert metric in (repository / test).read_text()


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_shows_its_own_memory_and_interpreter(observed: Observed, process: str) -> None:
    assert observed.total(process, "process_resident_memory_bytes") > 0
    assert observed.total(process, "python_info") == 1


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_labels_have_few_values(observed: Observed, metric: Metric) -> None:
    assert not ENDLESS & set(metric.labels)
    for samples in observed.samples.values():
        mine = [dict(labels) for name, labels in samples if family(name) == metric.name]
        for label in metric.labels:
            assert len({labels[label] for labels in mine}) <= 20, label


def test_requests_are_counted_by_template_method_and_status(observed: Observed) -> None:
    def count(method: str, route: str, status: int) -> float:
        labels = {"method": method, "route": route, "status": str(status)}
        return observed.total("gateway", "dragoman_http_seconds_count", **labels)

    assert count("POST", "/v1/jobs", 202) == 5
    assert count("POST", "/v1/jobs", 429) == 1
    assert count("GET", "/v1/jobs", 401) == 1
    assert count("GET", "/v1/jobs/{job_id}", 200) > 0
    assert observed.total("gateway", "dragoman_refused_submissions_total", code="tenant_backlog_full") == 1


def test_calls_and_units_are_counted_where_they_run(observed: Observed) -> None:
    regions = observed.total(
        "asr-worker", "dragoman_stage_seconds_count", stage="asr.transcribe", outcome="done"
    )
    method = "/dragoman.v1.Asr/Transcribe"
    assert (
        observed.total("asr-server", "dragoman_rpc_seconds_count", method=method, code="ok") == regions == 6
    )
    failed = {"stage": "codec.decode", "outcome": "channel_count_mismatch"}
    assert observed.total("codec-worker", "dragoman_stage_seconds_count", **failed) == 1


def test_units_that_failed_for_good_are_counted_with_their_job(observed: Observed) -> None:
    dead = {"stage": "codec.decode", "code": "channel_count_mismatch"}
    assert observed.total("reconciler", "dragoman_dead_units_total", **dead) == 1
    assert observed.total("reconciler", "dragoman_job_seconds_count", state="failed") == 1
    assert observed.total("reconciler", "dragoman_job_seconds_count", state="succeeded") == 4


@pytest.mark.parametrize("stage", MODEL_STAGES)
def test_audio_and_its_real_time_factor_are_counted_per_stage(observed: Observed, stage: str) -> None:
    worker = f"{stage.partition('.')[0]}-worker"
    done = observed.total(worker, "dragoman_stage_seconds_count", stage=stage, outcome="done")
    assert done > 0
    assert observed.total(worker, "dragoman_audio_seconds_total", stage=stage) > 0
    assert 0 < observed.total(worker, "dragoman_real_time_factor_count", stage=stage) <= done


def test_slots_are_as_many_as_were_set_and_free_again(observed: Observed) -> None:
    for process in (name for name in PROCESSES if name.endswith(("-server", "-worker"))):
        assert observed.total(process, "dragoman_slots") >= 1
        assert observed.total(process, "dragoman_busy_slots") == 0
    for service in SERVICES:
        assert observed.total(f"{service}-server", "dragoman_waiting_calls") == 0


def test_hints_are_counted_where_they_are_sent_taken_and_mended(observed: Observed) -> None:
    workers = [f"{service}-worker" for service in SERVICES]
    assert observed.total("gateway", "dragoman_sent_hints_total") == 5
    assert observed.total("reconciler", "dragoman_resent_hints_total", service="translation") == 1
    assert all(observed.total(worker, "dragoman_idle_hints_total") for worker in workers)
    assert all(observed.total(worker, "dragoman_hint_wait_seconds_count") for worker in workers)


@pytest.mark.parametrize("stage", MODEL_STAGES)
def test_the_wait_of_every_claimed_unit_is_counted(observed: Observed, stage: str) -> None:
    worker = f"{stage.partition('.')[0]}-worker"
    claimed = observed.total(worker, "dragoman_stage_seconds_count", stage=stage)
    assert observed.total(worker, "dragoman_unit_wait_seconds_count", stage=stage) == claimed


def test_batches_are_counted_where_texts_are_put_together(observed: Observed) -> None:
    assert observed.total("translation-server", "dragoman_batch_size_count", service="translation") > 0
    assert observed.total("tts-server", "dragoman_batch_size_count", service="tts") > 0


def test_redis_and_the_disk_are_seen_from_the_gateway(observed: Observed) -> None:
    assert observed.total("gateway", "dragoman_redis_up") == 1
    assert observed.total("gateway", "dragoman_artifacts_reserve_bytes") == 256 * 1024**2
    assert observed.total("gateway", "dragoman_artifacts_free_bytes") > 0


def test_the_reconciler_says_when_it_last_looked(observed: Observed) -> None:
    assert observed.total("reconciler", "dragoman_last_step_timestamp_seconds") > 1.7e9


def lines(observed: Observed) -> list[dict[str, object]]:
    """Return every line of JSON that was logged."""
    every = (line for log in observed.logs.values() for line in log)
    return [json.loads(line) for line in every if line.startswith("{")]


def test_every_process_logs_json(observed: Observed) -> None:
    assert observed.logs.keys() == set(PROCESSES)
    for process, log in observed.logs.items():
        assert any(line.startswith("{") and json.loads(line)["service"] == process for line in log), process
        # Celery writes its farewell to the terminal itself, and warns who runs it as root.
        for line in log:
            assert line.startswith("{") or "Warm shutdown" in line or not line.strip() or _of_root(line), line


def _of_root(line: str) -> bool:
    warning = ("SecurityWarning", "absolutely not recommended", "--uid option", "uid=0", "_warn_or_raise")
    return any(part in line for part in warning)


def test_what_is_logged_of_a_job_names_it_its_request_and_its_trace(observed: Observed) -> None:
    mine = [line for line in lines(observed) if line.get("job") == observed.job]
    assert {line["event"] for line in mine} >= {"job accepted", "unit", "call", "request", "job ended"}
    for line in mine:
        if line["event"] in {"job accepted", "unit", "call"}:
            assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
            assert line["request_id"]


def test_no_log_holds_what_was_said_or_written_or_is_secret(observed: Observed) -> None:
    for process, log in observed.logs.items():
        text = "\n".join(log)
        for secret in (*SPOKEN, *WORDS.split(), FILE_NAME, observed.key, WRONG_KEY):
            assert secret not in text, (process, secret)
