"""Faults to plant into a rendered overlay: each breaks one rule, and the rule must say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.deploy import pods, wiring
from tests.deploy.cluster import Cluster

_POD = "spec.template.spec"
_APP = f"{_POD}.containers.0"
_START = f"{_POD}.initContainers.0"
_LEVEL = "pod-security~kubernetes~io/enforce"
_RIGHTS = "securityContext"
_TRIGGER = "spec.triggers.0.metadata"


@dataclass(frozen=True)
class Plant:
    """One fault.

    Attributes:
        rule: That must find it.
        target: The object, such as "Deployment/asr".
        path: Of the field in it, with numbers for positions.
        value: What it becomes; None takes it away.
        overlay: Where it is planted.
    """

    rule: Any
    target: str
    path: str
    value: Any = None
    overlay: str = "cpu-small"

    def __str__(self) -> str:
        """Return what a test report shows."""
        return f"{self.rule.__name__}:{self.target}:{self.path.rpartition('.')[2]}={self.value}"

    def into(self, cluster: Cluster) -> Cluster:
        """Return a copy of the cluster with the fault in it."""
        changed = cluster.copy()
        at: Any = changed.find(*self.target.split("/"))
        steps = (step.replace("~", ".") for step in self.path.split("."))
        *way, last = [int(step) if step.isdigit() else step for step in steps]
        for step in way:
            at = at[step]
        if self.value is None:
            del at[last]
        else:
            at[last] = self.value
        return changed


def _variable(name: str, value: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value}]


def _in_pods() -> Iterator[Plant]:
    for target in ("Deployment/gateway", "Deployment/asr-worker", "StatefulSet/redis", "Job/models"):
        yield Plant(pods.confined, target, f"{_POD}.{_RIGHTS}.runAsNonRoot")
    yield Plant(pods.confined, "Deployment/asr", f"{_POD}.{_RIGHTS}.runAsUser", 0)
    yield Plant(pods.confined, "Deployment/asr", f"{_POD}.automountServiceAccountToken")
    yield Plant(pods.confined, "Deployment/asr", f"{_POD}.hostNetwork", value=True)
    yield Plant(pods.confined, "Deployment/asr", f"{_APP}.{_RIGHTS}.readOnlyRootFilesystem", value=False)
    yield Plant(pods.confined, "Deployment/asr", f"{_APP}.{_RIGHTS}.capabilities.add", ["NET_RAW"])
    yield Plant(pods.confined, "Deployment/asr", f"{_START}.{_RIGHTS}.allowPrivilegeEscalation")
    yield Plant(pods.confined, "Namespace/dragoman", f"metadata.labels.{_LEVEL}", "baseline")
    yield Plant(pods.bounded, "Deployment/tts", f"{_APP}.resources.limits.memory")
    yield Plant(pods.bounded, "Deployment/tts", f"{_APP}.resources.requests.cpu", "3")
    yield Plant(pods.bounded, "Deployment/tts", f"{_START}.resources")
    yield Plant(pods.tagged, "Deployment/codec", f"{_APP}.image", "registry.example.com:5000/dragoman-codec")
    yield Plant(pods.tagged, "Deployment/codec", f"{_APP}.image", "dragoman-codec:latest")
    yield Plant(pods.probed, "Deployment/codec-worker", f"{_APP}.readinessProbe")
    yield Plant(pods.probed, "Deployment/codec", f"{_APP}.livenessProbe.grpc.service", "live")
    yield Plant(pods.probed, "Deployment/codec", f"{_APP}.livenessProbe.grpc.port", 50054)
    yield Plant(pods.probed, "Deployment/gateway", f"{_APP}.livenessProbe.httpGet.path", "/readyz")
    yield Plant(pods.configured, "Deployment/asr", f"{_APP}.env", _variable("DRAGOMAN_ASR_DEVISE", "cpu"))
    yield Plant(pods.configured, "Deployment/asr", f"{_APP}.env", _variable("DRAGOMAN_TTS_SLOTS", "2"))
    yield Plant(pods.configured, "Deployment/asr", f"{_APP}.env", _variable("DRAGOMAN_ASR_DEVICE", "gpu"))
    yield Plant(pods.configured, "StatefulSet/redis", f"{_APP}.env.0.name", "DRAGOMAN_REDIS_URL")
    yield Plant(pods.runnable, "Deployment/asr", f"{_APP}.command.3", "services.asr.serve")
    yield Plant(pods.drained, "Deployment/asr", f"{_POD}.terminationGracePeriodSeconds", 35)
    yield Plant(pods.drained, "Deployment/asr-worker", f"{_POD}.terminationGracePeriodSeconds", 25)
    yield Plant(pods.drained, "Deployment/gateway", f"{_APP}.lifecycle")
    yield Plant(pods.drained, "Deployment/asr-worker", f"{_APP}.lifecycle.preStop.sleep.seconds", 1)
    yield Plant(pods.drained, "StatefulSet/redis", f"{_APP}.lifecycle")
    yield Plant(pods.outlasted, "StatefulSet/redis", f"{_APP}.lifecycle.preStop.sleep.seconds", 10)
    yield Plant(pods.replaced, "Deployment/asr", "spec.minReadySeconds", 10)
    yield Plant(pods.replaced, "StatefulSet/redis", "spec.minReadySeconds")
    yield Plant(pods.replaced, "Deployment/asr", "spec.strategy.rollingUpdate.maxUnavailable", 1)
    yield Plant(pods.repeatable, "Job/models", f"{_APP}.envFrom", [{"configMapRef": {"name": "settings"}}])
    yield Plant(pods.repeatable, "Job/models", "spec.ttlSecondsAfterFinished")
    yield Plant(pods.evictable, "Deployment/asr", "spec.template.metadata.annotations")
    yield Plant(pods.spread, "Deployment/asr", f"{_POD}.topologySpreadConstraints.0.matchLabelKeys")
    yield Plant(pods.spread, "Deployment/asr", f"{_POD}.topologySpreadConstraints", [])


def _between() -> Iterator[Plant]:
    name = "app~kubernetes~io/name"
    yield Plant(wiring.selected, "Deployment/asr", f"spec.selector.matchLabels.{name}", "tts")
    yield Plant(wiring.selected, "Service/asr", f"spec.selector.{name}", "nobody")
    yield Plant(wiring.budgeted, "PodDisruptionBudget/asr", f"spec.selector.matchLabels.{name}", "tts")
    yield Plant(wiring.budgeted, "PodDisruptionBudget/asr", "spec.maxUnavailable", 0)
    yield Plant(wiring.budgeted, "PodDisruptionBudget/redis", "spec.unhealthyPodEvictionPolicy")
    yield Plant(wiring.served, "Service/asr", "spec.ports.0.port", 50052)
    yield Plant(wiring.served, "Deployment/asr", f"{_APP}.ports.2.containerPort", 50061)
    yield Plant(wiring.reached, "Service/asr", "spec.clusterIP")
    yield Plant(wiring.mounted, "Deployment/asr", f"{_APP}.volumeMounts.1.readOnly", value=False)
    yield Plant(wiring.mounted, "Deployment/asr", f"{_POD}.volumes.1.name", "other")
    yield Plant(
        wiring.reserved,
        "Deployment/gateway",
        f"{_APP}.env",
        _variable("DRAGOMAN_ARTIFACTS_RESERVE_BYTES", "0"),
    )
    yield Plant(wiring.told, "Deployment/asr", f"{_APP}.env", _variable("DRAGOMAN_ASR_SLOTS", "8"))
    yield Plant(wiring.told, "Deployment/tts-worker", f"{_APP}.env", _variable("DRAGOMAN_TTS_WORKERS", "9"))
    yield Plant(wiring.complete, "Deployment/asr", f"{_APP}.envFrom.0.configMapRef.name", "settings")
    yield Plant(wiring.complete, "Deployment/gateway", f"{_POD}.volumes.2.secret.secretName", "unheard-of")
    yield Plant(wiring.complete, "Deployment/asr", f"{_POD}.serviceAccountName", "default")
    yield Plant(wiring.complete, "Deployment/asr", "metadata.namespace", "default")


def _in_production() -> Iterator[Plant]:
    here = "gpu-production"
    yield Plant(pods.bounded, "Deployment/asr", f"{_APP}.resources.limits.nvidia~com/gpu", overlay=here)
    yield Plant(wiring.reached, "ScaledObject/asr", f"{_TRIGGER}.url", "http://gateway:8080/", here)
    yield Plant(wiring.certified, "Deployment/asr", f"{_POD}.volumes.2.secret.secretName", "tts-tls", here)
    yield Plant(wiring.certified, "Certificate/asr", "spec.dnsNames", ["asr.dragoman.svc"], here)
    yield Plant(wiring.certified, "Certificate/asr", "spec.usages", ["client auth"], here)
    yield Plant(wiring.told, "Deployment/reconciler", f"{_APP}.env", [], here)
    yield Plant(wiring.enough, "ScaledObject/asr-worker", "spec.maxReplicaCount", 11, here)
    yield Plant(wiring.scaled, "Deployment/asr", "spec.replicas", 1, here)
    yield Plant(wiring.scaled, "ScaledObject/asr", "spec.scaleTargetRef.name", "asr-server", here)
    yield Plant(wiring.scaled, "ScaledObject/asr", "spec.minReplicaCount", 0, here)
    yield Plant(wiring.scaled, "ScaledObject/tts", "spec.maxReplicaCount", 9, here)
    yield Plant(
        wiring.scaled, "ScaledObject/asr", f"{_TRIGGER}.valueLocation", "scaling.asr.desired_replicas", here
    )
    key = "spec.secretTargetRef.0"
    yield Plant(wiring.scaled, "TriggerAuthentication/gateway", f"{key}.name", "admin-key", here)
    yield Plant(wiring.scaled, "TriggerAuthentication/gateway", f"{key}.key", "token", here)


PLANTS = (*_in_pods(), *_between(), *_in_production())
