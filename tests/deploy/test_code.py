"""What the manifests ask of the code is there: paths, parameters, fields and names."""

from __future__ import annotations

import inspect
import json
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.gateway.api import health, stages
from services.gateway.api.schemas import ScalingView, StagesView
from tests.deploy.cluster import overlay, select
from tests.deploy.pods import PROBES
from tests.deploy.test_network import named


def answers(router: APIRouter, path: str) -> set[str]:
    """Return the names of the parameters that a path takes; a path that nobody serves is an error."""
    (route,) = (each for each in router.routes if isinstance(each, APIRoute) and each.path == path)
    return set(inspect.signature(route.endpoint).parameters)


def test_the_gateway_knows_what_its_probes_ask() -> None:
    gateway = named(overlay("cpu-small"), "gateway")
    for probe in PROBES:
        asked = urlsplit(gateway.app[probe]["httpGet"]["path"])
        assert parse_qs(asked.query).keys() <= answers(health.router, asked.path), probe


def test_the_number_that_keda_asks_for_is_in_the_answer() -> None:
    for item in overlay("gpu-production").of("ScaledObject"):
        (trigger,) = item["spec"]["triggers"]
        answers(stages.router, urlsplit(trigger["metadata"]["url"]).path)
        listed, _, field = str(trigger["metadata"]["valueLocation"]).partition(".#(")
        assert listed in StagesView.model_fields
        assert {"service", field.rpartition(".")[2]} <= ScalingView.model_fields.keys()


def test_the_operator_finds_metrics_dashboards_and_rules() -> None:
    cluster = overlay("gpu-production")
    monitor, dashboards = (
        cluster.find("PodMonitor", "dragoman"),
        cluster.find("ConfigMap", "dragoman-dashboards"),
    )
    assert monitor is not None
    assert dashboards is not None
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    watched = [each for each in cluster.lasting if select(monitor["spec"]["selector"], each.labels)]
    assert watched == cluster.lasting
    assert all(endpoint["port"] in {port["name"] for port in each.app["ports"]} for each in watched)
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert all(json.loads(text)["panels"] for text in dashboards["data"].values())
    assert cluster.find("PrometheusRule", "dragoman") is not None
