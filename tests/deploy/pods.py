"""Rules for pods: what they may, what they use, how they are watched, replaced and ended."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.asr.settings import AsrSettings
from services.codec.settings import CodecSettings
from services.gateway.reconciler import ReconcilerSettings
from services.gateway.settings import GatewaySettings
from services.shared.config import Settings
from services.shared.rpc.health import LIVENESS
from services.translation.settings import TranslationSettings
from services.tts.settings import TtsSettings
from tests.architecture.tree import ROOT
from tests.deploy.cluster import Cluster, Object, Workload, select

USER: Final = 10001
# What ending takes beyond the drain: the news of it, the last words, the end of the process.
MARGIN_S: Final = 10
# For how long CoreDNS and gRPC may go by an answer that says nothing of a new replica.
RESOLVED_S: Final = 30
_SCRATCH: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
# Longer names first: the first that begins a module's name counts.
SETTINGS: Final[Mapping[str, type[Settings]]] = {
    "services.asr.": AsrSettings,
    "services.translation.": TranslationSettings,
    "services.tts.": TtsSettings,
    "services.codec.": CodecSettings,
    "services.gateway.app": GatewaySettings,
    "services.gateway.reconciler": ReconcilerSettings,
}
# Fields of the restricted standard, and those that it leaves open and we do not.
_POD: Final = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
}
_POD_CONTEXT: Final = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_CONTEXT: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_FORBIDDEN: Final = ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace")
_UNITS: Final = {"": 1.0, "m": 1e-3, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_SECRET: Final = "never-shown-0"
_PYTHON: Final = ("python", "-P", "-m")


def confined(cluster: Cluster) -> Iterator[str]:
    """No root, no token, no rights, nothing of the node, a root folder that nobody writes to."""
    for each in cluster.workloads:
        pod = each.pod
        yield from _differences(each.name, _POD, pod)
        yield from _differences(each.name, _POD_CONTEXT, pod.get("securityContext", {}))
        yield from (f"{each.name}: {name} is set" for name in _FORBIDDEN if name in pod)
        for container in each.containers:
            place = f"{each.name}/{container['name']}"
            context = container.get("securityContext", {})
            yield from _differences(place, _CONTAINER_CONTEXT, context)
            overridden = sorted(_POD_CONTEXT.keys() & context.keys())
            yield from (f"{place}: {name} overridden" for name in overridden)
            yield from (f"{place}: hostPort" for port in container.get("ports", []) if "hostPort" in port)
    for namespace in cluster.of("Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"namespace {namespace['metadata']['name']} does not enforce the restricted standard"


def bounded(cluster: Cluster) -> Iterator[str]:
    """Each container asks for processor and memory, and has a limit of both that is not below."""
    for each in cluster.workloads:
        for container in each.containers:
            place, resources = f"{each.name}/{container['name']}", container.get("resources", {})
            asked, limits = resources.get("requests", {}), resources.get("limits", {})
            for name in sorted({"cpu", "memory"} | asked.keys() | limits.keys()):
                if name not in asked or name not in limits:
                    yield f"{place}: {name} has no request or no limit"
                elif quantity(asked[name]) > quantity(limits[name]):
                    yield f"{place}: {name} asks for more than its limit"


def tagged(cluster: Cluster) -> Iterator[str]:
    """Each image names a version or a digest."""
    for each in cluster.workloads:
        for container in each.containers:
            image = container["image"]
            tag = image.partition("@")[2] or image.rpartition("/")[2].partition(":")[2]
            if tag in {"", "latest"}:
                yield f"{each.name}/{container['name']}: image {image} says no version"


def probed(cluster: Cluster) -> Iterator[str]:
    """Each lasting process has the three probes, and they ask what the code answers."""
    for each in cluster.lasting:
        yield from (f"{each.name}: no {name}" for name in PROBES if name not in each.app)
        if each.module is not None:
            for name, action in zip(PROBES, _questions(cluster, each), strict=True):
                probe = each.app.get(name, {})
                if not _asks(probe, action):
                    yield f"{each.name}: {name} does not ask {action}"


def _questions(cluster: Cluster, each: Workload) -> tuple[Object, Object, Object]:
    """Return what the three probes should ask: only whether it is alive, but for the last one."""
    alive: Object = {"httpGet": {"path": "/healthz", "port": "http"}}
    if each.role == "gateway":
        # Itself and Redis: without a model server it still takes jobs, and tells KEDA that one is needed.
        return alive, alive, {"httpGet": {"path": "/readyz?of=gateway", "port": "http"}}
    port = int(cluster.environment(each.app).get("DRAGOMAN_HEALTH_PORT") or 0)
    alive = {"grpc": {"port": port, "service": LIVENESS}}
    return alive, alive, {"grpc": {"port": port}}


def _asks(probe: Object, action: Object) -> bool:
    return all(probe.get(name) == value for name, value in action.items())


def configured(cluster: Cluster) -> Iterator[str]:
    """Each variable is a setting of its process, and its value is one that the process accepts."""
    for each in cluster.workloads:
        variables = {
            name: value
            for container in each.containers
            for name, value in cluster.environment(container).items()
            if name.startswith("DRAGOMAN_")
        }
        kind = settings_of(each)
        known = script_variables() if each.role == "redis" else variables_of(kind)
        yield from (f"{each.name}: there is no {name}" for name in sorted(variables.keys() - known))
        if each.module is not None:
            yield from _refused(each.name, kind, variables)


def _refused(name: str, kind: type[Settings], variables: Mapping[str, str | None]) -> Iterator[str]:
    given = {
        key.removeprefix("DRAGOMAN_").lower(): value if value is not None else _stand_in(key)
        for key, value in variables.items()
    }
    try:
        kind.model_validate({key: value for key, value in given.items() if key in kind.model_fields})
    except ValueError as error:
        yield f"{name}: its settings are refused: {error}"


def _stand_in(variable: str) -> str:
    return "redis://redis:6379/0" if variable == "DRAGOMAN_REDIS_URL" else _SECRET


def variables_of(kind: type[Settings]) -> set[str]:
    """Return the names of the environment variables that settings read."""
    return {f"DRAGOMAN_{name.upper()}" for name in kind.model_fields}


def settings_of(each: Workload) -> type[Settings]:
    """Return the settings that a workload's process reads."""
    module = each.module or ""
    return next((kind for begin, kind in SETTINGS.items() if module.startswith(begin)), Settings)


def script_variables() -> set[str]:
    """Return the variables that the Redis image's start reads."""
    return set(re.findall(r"DRAGOMAN_[A-Z_]+[A-Z]", (ROOT / "deploy/docker/redis-start").read_text()))


def runnable(cluster: Cluster) -> Iterator[str]:
    """Each command starts a module that there is, and no folder of the same name in the way of it."""
    for each in cluster.lasting:
        if each.module is None:
            if each.role != "redis":
                yield f"{each.name}: runs no module of ours"
        elif each.app["command"] != [*_PYTHON, each.module] or importlib.util.find_spec(each.module) is None:
            yield f"{each.name}: cannot run {each.app['command']}"


def drained(cluster: Cluster) -> Iterator[str]:
    """Each waits before it ends, and its grace is longer than that, the drain and what follows it."""
    for each in cluster.lasting:
        if sleep_s(each) < 5:
            yield f"{each.name}: ends before its address is forgotten or its successor starts"
        needed_s = sleep_s(each) + _drain_s(cluster, each) + MARGIN_S
        if each.pod.get("terminationGracePeriodSeconds", 30) < needed_s:
            yield f"{each.name}: its grace is shorter than {needed_s:g} s"


def outlasted(cluster: Cluster) -> Iterator[str]:
    """A Redis that is evicted together with the others is there until they have drained."""
    last_s = max(sleep_s(each) + _drain_s(cluster, each) for each in cluster.lasting if each.module)
    for each in cluster.lasting:
        if each.role == "redis" and sleep_s(each) < last_s:
            yield f"{each.name}: ends while others still settle their units"


def _drain_s(cluster: Cluster, each: Workload) -> float:
    return float(cluster.environment(each.app).get("DRAGOMAN_DRAIN_S") or 0)


def sleep_s(each: Workload) -> float:
    """Return how long a pod waits before it is told to end."""
    pre_stop = each.app.get("lifecycle", {}).get("preStop", {})
    return float(pre_stop.get("sleep", {}).get("seconds", 0))


def replaced(cluster: Cluster) -> Iterator[str]:
    """A rolling update takes no replica away before its successor has been ready for a while."""
    for each in cluster.lasting:
        ready_s = each.spec.get("minReadySeconds", 0)
        if each.object["kind"] != "Deployment":
            if ready_s < 5:
                yield f"{each.name}: minReadySeconds is below 5"
            continue
        if ready_s + sleep_s(each) < RESOLVED_S:
            yield f"{each.name}: an old replica goes before a new one is known"
        strategy = each.spec.get("strategy", {})
        if strategy.get("type") != "RollingUpdate" or strategy["rollingUpdate"].get("maxUnavailable") != 0:
            yield f"{each.name}: an update takes replicas away first"


def repeatable(cluster: Cluster) -> Iterator[str]:
    """A job, whose template is for ever, takes nothing whose name changes, and is gone after a while."""
    for each in (each for each in cluster.workloads if not each.lasting):
        if any(container.get("envFrom") for container in each.containers):
            yield f"{each.name}: other settings make another template"
        if "ttlSecondsAfterFinished" not in each.spec:
            yield f"{each.name}: stays for ever"


def evictable(cluster: Cluster) -> Iterator[str]:
    """What a pod keeps on its node's disk is named as scratch, or the cluster autoscaler keeps the node."""
    for each in (each for each in cluster.lasting if each.module):
        given = each.spec["template"]["metadata"].get("annotations", {}).get(_SCRATCH, "")
        kept = {volume["name"] for volume in each.pod["volumes"] if "emptyDir" in volume}
        if set(given.split(",")) != kept:
            yield f"{each.name}: {sorted(kept)} hold its node"


def spread(cluster: Cluster) -> Iterator[str]:
    """Replicas keep away from one another: a constraint over nodes that counts this workload's pods alone."""
    for each in cluster.lasting:
        others = [other.labels for other in cluster.workloads if other.name != each.name]
        constraints = each.pod.get("topologySpreadConstraints", [])
        if not any(_spreads(constraint, each, others) for constraint in constraints):
            yield f"{each.name}: its replicas may all be on one node"


def _spreads(constraint: Object, each: Workload, others: list[Mapping[str, str]]) -> bool:
    keys = [key for key in constraint.get("matchLabelKeys", []) if key in each.labels]
    own = {key: each.labels[key] for key in keys}

    def counts(labels: Mapping[str, str]) -> bool:
        same = all(labels.get(key) == value for key, value in own.items())
        return same and select(constraint.get("labelSelector"), labels)

    over_nodes = constraint["topologyKey"] == "kubernetes.io/hostname"
    return over_nodes and counts(each.labels) and not any(counts(labels) for labels in others)


def quantity(text: Any) -> float:
    """Return what a Kubernetes quantity such as "250m" or "1Gi" stands for."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]  # else it is a bug
    return float(number) * _UNITS[unit]


def _differences(place: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"{place}: {name} is {found.get(name)}, not {value}"
