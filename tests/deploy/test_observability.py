"""Alerts and dashboards speak of metrics and labels that there are, and each alert says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.shared.tasks import SERVICES
from services.shared.telemetry.table import METRICS, emits
from tests.support.absent import absent

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/observability"
TABLE = {metric.name: metric for metric in METRICS}
PROCESSES = {"gateway", "reconciler", *SERVICES, *(f"{service}-worker" for service in SERVICES)}
# What Prometheus adds, and what a rule makes itself by label_replace.
GIVEN = {"job", "instance", "le", "service"}
# Of every process, and of Prometheus itself.
COMMON = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
# A cluster's Prometheus has theirs, too.
OTHERS = {"kubelet", "node-exporter", "mail-worker", "asr-proxy", "my-gateway", ""}
WORDS = re.compile(r"\b[a-z][a-z0-9_]*\b")
FUNCTIONS = {
    "sum",
    "max",
    "min",
    "by",
    "on",
    "and",
    "or",
    "unless",
    "rate",
    "increase",
    "deriv",
    "absent",
    "time",
}
FUNCTIONS |= {"histogram_quantile", "label_replace"}
PAIRS = {"(": ")", "[": "]", "{": "}"}


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


ALERTS: list[dict[str, Any]] = [
    rule for group in load("prometheus/alerts.yml")["groups"] for rule in group["rules"]
]
DASHBOARDS = sorted((FOLDER / "grafana/dashboards").glob("*.json"))


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield path.stem, panel


QUERIES = [
    *(pytest.param(rule["expr"], id=rule["alert"]) for rule in ALERTS),
    *(
        pytest.param(target["expr"], id=f"{name}-{panel['id']}{target['refId']}")
        for name, panel in panels()
        for target in panel["targets"]
    ),
]


def bare(query: str) -> str:
    """Return a query without its strings."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)


def metric_of(name: str) -> str:
    """Return the metric that a series belongs to."""
    return name if name in TABLE else re.sub(r"_(bucket|count|sum)$", "", name)


def metrics_in(query: str) -> set[str]:
    """Return the series that a query reads."""
    without_labels = re.sub(r"\{[^}]*\}|\bby \([^)]*\)|\bon \([^)]*\)|\[[^]]*\]", "", bare(query))
    return set(WORDS.findall(without_labels)) - FUNCTIONS


def labels_in(query: str) -> set[str]:
    """Return the labels that a query names."""
    matched = {
        label for part in re.findall(r"\{([^}]*)\}", bare(query)) for label in re.findall(r"(\w+)[=!]", part)
    }
    grouped = {
        label.strip() for part in re.findall(r"\b(?:by|on) \(([^)]*)\)", query) for label in part.split(",")
    }
    return matched | grouped


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_balanced(query: str) -> None:
    still_open: list[str] = []
    for sign in bare(query):
        if sign in PAIRS:
            still_open.append(PAIRS[sign])
        elif sign in PAIRS.values():
            assert still_open, query
            assert still_open.pop() == sign, query
    assert still_open == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_metrics_that_there_are_by_labels_that_they_have(query: str) -> None:
    read = metrics_in(query)
    assert read, query
    known = {name for name in read if metric_of(name) in TABLE}
    assert read - known <= COMMON
    for name in known:
        assert (TABLE[metric_of(name)].kind == "histogram") == (name not in TABLE), name
    has = {label for name in known for label in TABLE[metric_of(name)].labels}
    assert labels_in(query) <= has | GIVEN


@pytest.mark.parametrize("query", QUERIES)
def test_what_others_have_too_is_asked_of_our_processes_alone(query: str) -> None:
    for name in metrics_in(query) & COMMON:
        found = re.findall(rf"\b{name}\b(?:\{{([^}}]*)\}})?", query)
        for matchers in found:
            pattern = re.search(r'\bjob=~?"([^"]+)"', matchers)
            assert pattern, query
            jobs = {job for job in PROCESSES | OTHERS if re.fullmatch(pattern[1], job)}
            assert jobs, query
            assert jobs <= PROCESSES, query


@pytest.mark.parametrize("query", QUERIES)
def test_a_counter_is_only_read_as_a_rate(query: str) -> None:
    for name in metrics_in(query):
        if name.endswith(("_total", "_bucket", "_count", "_sum")):
            assert re.search(rf"(rate|increase)\(\s*{name}(\{{[^}}]*\}})?\[\d+[mh]\]", query), name


def test_no_metric_stays_unseen() -> None:
    shown = {metric_of(name) for query in QUERIES for name in metrics_in(str(query.values[0]))}
    assert TABLE.keys() - shown == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"deploy/OPERATIONS.md#{rule['alert'].lower()}"


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    text = (ROOT / "deploy/OPERATIONS.md").read_text()
    section = text.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", section, re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in ALERTS)
    for part in section.split("\n### ")[1:]:
        assert "- Look at: " in part
        assert "- Do: " in part


def test_a_label_in_a_summary_is_one_that_the_alert_has() -> None:
    for rule in ALERTS:
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert used <= labels_in(rule["expr"]) | {"job", "instance"}, rule["alert"]


def test_the_operators_rules_are_the_same() -> None:
    assert load("prometheus-rule.yaml")["spec"] == load("prometheus/alerts.yml")


def test_prometheus_asks_every_process_at_its_metrics_port() -> None:
    jobs = {
        each["job_name"]: each["dns_sd_configs"][0]
        for each in load("prometheus/prometheus.yml")["scrape_configs"]
    }
    assert jobs.keys() == PROCESSES
    for name, found in jobs.items():
        assert (found["names"], found["type"], found["port"]) == ([name], "A", 9100)


def test_every_process_is_a_service_of_compose() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert composed.keys() >= PROCESSES


def test_a_process_that_is_asked_for_by_name_emits_what_is_asked() -> None:
    """By a matcher such as job=~".*-worker", which Prometheus matches as a whole."""
    for query in (str(each.values[0]) for each in QUERIES):
        for name, pattern in re.findall(r'(dragoman_\w+)\{[^}]*job=~?"([^"]+)"', query):
            asked = {process for process in PROCESSES if re.fullmatch(pattern, process)}
            assert asked, query
            for process in asked:
                emitter = f"{process}-server" if process in SERVICES else process
                assert emits(TABLE[metric_of(name)].emitted_by, emitter), (name, process)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_laid_out_without_overlap(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == f"dragoman-{path.stem}"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_dashboards_ask_the_source_that_is_provisioned() -> None:
    (prometheus, tempo) = load("grafana/provisioning/datasources/datasources.yml")["datasources"]
    assert (prometheus["type"], tempo["type"]) == ("prometheus", "tempo")
    for _, panel in panels():
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {
            prometheus["uid"]
        }


def test_every_dashboard_comes_to_kubernetes() -> None:
    (generated,) = load("kustomization.yaml")["configMapGenerator"]
    assert generated["files"] == [f"grafana/dashboards/{path.name}" for path in DASHBOARDS]


def test_prometheus_itself_accepts_the_files_and_fires_what_must_fire() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        absent("promtool, which Debian's package prometheus brings")
    for command in (
        ("check", "config", str(FOLDER / "prometheus/prometheus.yml")),
        ("test", "rules", str(ROOT / "tests/deploy/alerts_test.yml")),
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
