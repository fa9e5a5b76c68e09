"""Each overlay is built, fits the schemas of Kubernetes and of its extensions, and keeps every rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
from kubernetes_validate import utils

from tests.deploy import pods, wiring
from tests.deploy.cluster import OVERLAYS, Cluster, Object, extended_by, overlay

Rule = Callable[[Cluster], Iterator[str]]

RULES: Final[tuple[Rule, ...]] = (
    *(pods.confined, pods.bounded, pods.tagged, pods.probed, pods.configured),
    *(pods.runnable, pods.drained, pods.outlasted, pods.replaced, pods.repeatable),
    *(pods.evictable, pods.spread),
    *(wiring.selected, wiring.budgeted, wiring.served, wiring.reached),
    *(wiring.mounted, wiring.reserved, wiring.complete, wiring.certified),
    *(wiring.told, wiring.enough, wiring.scaled),
)
# The oldest that has all that is used (README), and the newest whose schemas are installed.
VERSIONS: Final = ("1.30", utils.latest_version())
_SCHEMAS: Final = Path(__file__).parent / "schemas"
_EXTENSIONS: Final = ("keda.sh/", "cert-manager.io/", "monitoring.coreos.com/")


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once() -> Iterator[None]:
    """Keep the library from reading the same file of 2 MB for every object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


def of_extension(item: Object) -> bool:
    return str(item["apiVersion"]).startswith(_EXTENSIONS)


def schema_of(item: Object) -> Any:
    group, _, version = str(item["apiVersion"]).partition("/")
    return json.loads((_SCHEMAS / f"{item['kind'].lower()}.{group}.{version}.json").read_text())


def test_there_are_overlays() -> None:
    assert OVERLAYS == ["cpu-small", "gpu-production"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_each_object_fits_the_schema_of_kubernetes(name: str, version: str) -> None:
    plain = [item for item in overlay(name).objects if not of_extension(item)]
    assert len(plain) > 40
    for item in plain:
        kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_object_of_an_extension_fits_its_definition(name: str) -> None:
    for item in filter(of_extension, overlay(name).objects):
        jsonschema.validate(item, schema_of(item))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", OVERLAYS)
def test_each_overlay_keeps_the_rule(name: str, rule: Rule) -> None:
    assert list(rule(overlay(name))) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_object_is_there_twice(name: str) -> None:
    known = [(item["kind"], item["metadata"]["name"]) for item in overlay(name).objects]
    assert sorted(known) == sorted(set(known))


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_is_in_the_repository(name: str) -> None:
    assert overlay(name).of("Secret") == []


@pytest.mark.parametrize(
    "component",
    ["single-node", "model-traces", "outbound", "chat", "tls", "autoscaling", "gpu", "observability"],
)
def test_a_component_fits_an_overlay_that_does_not_use_it(component: str, tmp_path: Path) -> None:
    cluster = extended_by(component, tmp_path)
    assert len(cluster.objects) >= len(overlay("cpu-small").objects)
    assert cluster != overlay("cpu-small")
    assert [problem for rule in RULES for problem in rule(cluster)] == []
    for item in cluster.objects:
        if not of_extension(item):
            kubernetes_validate.validate(item, VERSIONS[0], strict=True)
