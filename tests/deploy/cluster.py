"""What a cluster would get: an overlay rendered by kustomize, and the objects in it as data."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.architecture.tree import ROOT
from tests.support.absent import absent

Object = dict[str, Any]

KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = sorted(path.parent.name for path in KUBERNETES.glob("overlays/*/kustomization.yaml"))
_LASTING: Final = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Workload:
    """A Deployment, a StatefulSet or a Job, and the pod that it makes."""

    object: Object

    @property
    def name(self) -> str:
        """Return its name, such as "asr-worker"."""
        return str(self.object["metadata"]["name"])

    @property
    def spec(self) -> Object:
        """Return its own spec."""
        return dict(self.object["spec"])

    @property
    def pod(self) -> Object:
        """Return the spec of its pods."""
        return dict(self.spec["template"]["spec"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of its pods."""
        return dict(self.spec["template"]["metadata"]["labels"])

    @property
    def role(self) -> str:
        """Return what kind of process it runs: "gateway", "server", "worker", ..."""
        return self.labels["app.kubernetes.io/component"]

    @property
    def lasting(self) -> bool:
        """Whether it runs until it is told to end."""
        return self.object["kind"] in _LASTING

    @property
    def app(self) -> Object:
        """Return its one container."""
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def containers(self) -> list[Object]:
        """Return all its containers, those of the start included."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def module(self) -> str | None:
        """Return the module of ours that it runs, such as "services.asr.server"."""
        found = [word for word in self.app.get("command", []) if word.startswith("services.")]
        return found[0] if found else None


@dataclass(frozen=True)
class Cluster:
    """The objects of one overlay."""

    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of some kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def find(self, kind: str, name: str) -> Object | None:
        """Return one object, None when there is none."""
        return next((each for each in self.of(kind) if each["metadata"]["name"] == name), None)

    @property
    def workloads(self) -> list[Workload]:
        """Return everything that makes pods."""
        return [Workload(each) for each in self.of(*_LASTING, "Job")]

    @property
    def lasting(self) -> list[Workload]:
        """Return the workloads that are no jobs."""
        return [each for each in self.workloads if each.lasting]

    def environment(self, container: Object) -> dict[str, str | None]:
        """Return a container's variables; None for the value of a secret one."""
        found: dict[str, str | None] = {}
        for source in container.get("envFrom", []):
            config = self.find("ConfigMap", source["configMapRef"]["name"])
            found |= config["data"] if config else {}
        return found | {each["name"]: each.get("value") for each in container.get("env", [])}

    def copy(self) -> Cluster:
        """Return a copy that may be changed."""
        return Cluster(tuple(copy.deepcopy(self.objects)))


def select(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector takes these labels; an empty one takes all."""
    selector = selector or {}
    plain = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return plain and all(_expressed(each, labels) for each in selector.get("matchExpressions", []))


def _expressed(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    match operator:
        case "In":
            return labels.get(key) in expression["values"]
        case "NotIn":
            return labels.get(key) not in expression["values"]
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def kustomize(folder: Path) -> Cluster:
    """Render one kustomization with kubectl, which has kustomize built in.

    Raises:
        subprocess.CalledProcessError: it cannot be built; standard error says why.
    """
    kubectl = shutil.which("kubectl") or absent("kubectl, to render deploy/kubernetes")
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True, text=True)
    return Cluster(tuple(_documents(built.stdout)))


def _documents(text: str) -> Iterator[Object]:
    yield from (each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each)


@cache
def overlay(name: str) -> Cluster:
    """Return one of the overlays, rendered once; take a copy to change it."""
    return kustomize(KUBERNETES / "overlays" / name)


def extended_by(component: str, scratch: Path) -> Cluster:
    """Return the small overlay with one more component, as an installation's own overlay would add it.

    Args:
        component: Folder name of the component.
        scratch: An empty folder for that overlay.
    """
    parts = {
        "namespace": "dragoman",
        "resources": [_way(scratch, KUBERNETES / "overlays" / "cpu-small")],
        "components": [_way(scratch, KUBERNETES / "components" / component)],
    }
    (scratch / "kustomization.yaml").write_text(json.dumps(parts))
    return kustomize(scratch)


def _way(here: Path, there: Path) -> str:
    """Return the way from one folder to another: kustomize takes no absolute path."""
    return "/".join([*[".."] * len(here.resolve().parts[1:]), *there.resolve().parts[1:]])
