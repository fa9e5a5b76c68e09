"""The rules can fail: a fault is planted into a sound overlay, and the rule that it breaks finds it."""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.deploy.cluster import Cluster, overlay
from tests.deploy.network import INTERNET, allowed, peer
from tests.deploy.plants import PLANTS, Plant
from tests.deploy.test_network import named
from tests.deploy.test_overlays import RULES, VERSIONS, schema_of


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_fault_is_found(plant: Plant) -> None:
    assert list(plant.rule(plant.into(overlay(plant.overlay)))) != []


def test_every_rule_has_found_one() -> None:
    assert {plant.rule for plant in PLANTS} == set(RULES)


@pytest.mark.parametrize(
    ("path", "value"),
    [("spec.replicas", "two"), ("spec.template.spec.restartPolice", "Always"), ("spec.selector", None)],
)
def test_a_field_that_kubernetes_does_not_know_is_found(path: str, value: Any) -> None:
    planted = Plant(None, "Deployment/gateway", path, value).into(overlay("cpu-small"))
    changed = planted.find("Deployment", "gateway")
    assert changed is not None
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(changed, VERSIONS[0], strict=True)


@pytest.mark.parametrize(
    ("target", "path", "value"),
    [
        ("ScaledObject/asr", "spec.idleReplicas", 0),
        ("ScaledObject/asr", "spec.fallback.behavior", "keep"),
        ("ScaledObject/asr", "spec.triggers.0.metadata.targetValue", 1),
        ("ScaledObject/asr", "spec.triggers.0.metadata.valueLocations", "x"),
        ("TriggerAuthentication/gateway", "spec.secretTargetRef.0.secretName", "x"),
        ("Certificate/asr", "spec.usages", ["server"]),
        ("Certificate/asr", "spec.issuerRef", None),
        ("Issuer/authority", "spec.ca", None),
        ("PodMonitor/dragoman", "spec.endpoints", []),
        ("PrometheusRule/dragoman", "spec.groups.0.rules.0.expression", "up == 0"),
    ],
)
def test_a_field_that_an_extension_does_not_know_is_found(target: str, path: str, value: Any) -> None:
    changed = Plant(None, target, path, value).into(overlay("gpu-production")).find(*target.split("/"))
    assert changed is not None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, schema_of(changed))


def test_a_way_out_that_is_opened_is_found() -> None:
    sound = overlay("cpu-small")
    hole = sound.copy().find("NetworkPolicy", "models")
    assert hole is not None
    hole["spec"]["podSelector"] = {}
    opened = Cluster((*sound.objects, hole))
    assert not allowed(sound, peer(named(sound, "asr")), INTERNET, 443)
    assert allowed(opened, peer(named(opened, "asr")), INTERNET, 443)


def test_without_the_default_everything_not_named_is_open() -> None:
    sound = overlay("cpu-small")
    opened = Cluster(tuple(item for item in sound.objects if item["metadata"]["name"] != "default-deny"))
    assert allowed(opened, peer(named(opened, "asr")), INTERNET, 443)
