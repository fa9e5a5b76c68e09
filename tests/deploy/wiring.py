"""Rules between objects: who selects whom, which ports meet, what is mounted, what there must be."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from services.asr.sizing import sizing
from services.gateway.scaling.policy import Load, Past, Terms, decide
from services.gateway.scaling.settings import ScalingSettings
from services.shared.config import Settings
from services.shared.tasks import SERVICES
from tests.deploy.cluster import KUBERNETES, Cluster, Object, Workload, select
from tests.deploy.pods import settings_of

_DEFAULTS: Final = Settings()
# Who may write to which volume; every other volume is mounted read-only, or is the pod's own.
WRITERS: Final = {
    "artifacts": {"gateway", "reconciler", "worker"},
    "models": {"models"},
    "data": {"redis"},
}
_OWN: Final = {"emptyDir"}
_HOW_MANY: Final = {"server": "slots", "worker": "workers"}


def selected(cluster: Cluster) -> Iterator[str]:
    """Each selector takes the pods of exactly one workload, and of its own."""
    for each in cluster.lasting:
        taken = [other.name for other in cluster.workloads if select(each.spec["selector"], other.labels)]
        if taken != [each.name]:
            yield f"{each.object['kind']} {each.name} selects {taken}"
    for kind, selector in (("Service", _service_selector), ("PodDisruptionBudget", _budget_selector)):
        for item in cluster.of(kind):
            taken = [other.name for other in cluster.workloads if select(selector(item), other.labels)]
            if len(taken) != 1:
                yield f"{kind} {item['metadata']['name']} selects {taken}"


def _service_selector(service: Object) -> Object:
    return {"matchLabels": service["spec"]["selector"]}


def _budget_selector(budget: Object) -> Object:
    return dict(budget["spec"]["selector"])


def budgeted(cluster: Cluster) -> Iterator[str]:
    """Each lasting workload has one disruption budget, which lets a node be drained whatever its state."""
    for each in cluster.lasting:
        budgets = cluster.of("PodDisruptionBudget")
        found = [item["spec"] for item in budgets if select(_budget_selector(item), each.labels)]
        terms = [(spec.get("maxUnavailable"), spec.get("unhealthyPodEvictionPolicy")) for spec in found]
        if terms != [(1, "AlwaysAllow")]:
            yield f"{each.name}: its disruption budgets are {found}"


def served(cluster: Cluster) -> Iterator[str]:
    """Each service leads to a named port that the code listens on."""
    for service in cluster.of("Service"):
        name = service["metadata"]["name"]
        for each in _behind(cluster, service):
            ports = {port["name"]: port["containerPort"] for port in each.app.get("ports", [])}
            for port in service["spec"]["ports"]:
                number = ports.get(port["targetPort"])
                if number != _listens(cluster, each, port["name"]) or number != port["port"]:
                    yield f"service {name}: {port['port']} leads to {number}"
    for each in cluster.lasting:
        yield from _declared(cluster, each)


def _behind(cluster: Cluster, service: Object) -> list[Workload]:
    return [each for each in cluster.workloads if select(_service_selector(service), each.labels)]


def _listens(cluster: Cluster, each: Workload, port: str) -> int | None:
    """Return the port that the code listens on: from the environment, else its default."""
    if port == "redis":
        return 6379
    setting = f"{each.name}_port" if port == "grpc" else f"{port}_port"
    default = getattr(_DEFAULTS, setting)
    value = cluster.environment(each.app).get(f"DRAGOMAN_{setting.upper()}", default)
    return None if value is None else int(value)


def _declared(cluster: Cluster, each: Workload) -> Iterator[str]:
    for port in each.app.get("ports", []):
        if port["containerPort"] != _listens(cluster, each, port["name"]):
            yield f"{each.name}: nobody listens on {port['name']} {port['containerPort']}"


def reached(cluster: Cluster) -> Iterator[str]:
    """Each gRPC target, and each address in this cluster, is a service that there is, with that port."""
    for each in cluster.lasting:
        if each.module is None:
            continue
        variables = cluster.environment(each.app)
        for room in SERVICES:
            target = variables.get(f"DRAGOMAN_{room.upper()}_TARGET") or ""
            if not _headless(cluster, target.removeprefix("dns:///")):
                yield f"{each.name}: {target or room} is no headless service here"
    for trigger in (trigger for item in cluster.of("ScaledObject") for trigger in item["spec"]["triggers"]):
        host, _, port = urlsplit(trigger["metadata"]["url"]).netloc.partition(":")
        name, _, rest = host.partition(".")
        (namespace,) = cluster.of("Namespace")
        if rest != f"{namespace['metadata']['name']}.svc" or int(port) not in _ports(cluster, name):
            yield f"{trigger['metadata']['url']} leads to no service here"


def _headless(cluster: Cluster, target: str) -> bool:
    name, _, port = target.partition(":")
    service = cluster.find("Service", name)
    headless = service is not None and service["spec"].get("clusterIP") == "None"
    return headless and int(port) in _ports(cluster, name)


def _ports(cluster: Cluster, name: str) -> set[int]:
    service = cluster.find("Service", name)
    return {port["port"] for port in service["spec"]["ports"]} if service else set()


def mounted(cluster: Cluster) -> Iterator[str]:
    """Each mount has its volume, each volume is mounted, and only those write who must."""
    for each in cluster.workloads:
        volumes = {volume["name"]: volume for volume in each.pod.get("volumes", [])}
        claimed = {claim["metadata"]["name"] for claim in each.spec.get("volumeClaimTemplates", [])}
        mounts = [(box["name"], mount) for box in each.containers for mount in box.get("volumeMounts", [])]
        used = {mount["name"] for _, mount in mounts}
        for name in sorted(used ^ (volumes.keys() | claimed)):
            yield f"{each.name}: volume {name} is not both given and mounted"
        for box, mount in mounts:
            name = mount["name"]
            own = bool(volumes.get(name, {}).keys() & _OWN)
            if not own and not mount.get("readOnly") and each.role not in WRITERS.get(name, set()):
                yield f"{each.name}/{box}: may write to {name}"


def reserved(cluster: Cluster) -> Iterator[str]:
    """Who writes to a volume of artifacts leaves some of it free: alerts warn at a multiple of that."""
    for each in cluster.lasting:
        mounts = {mount["name"] for mount in each.app.get("volumeMounts", [])}
        if "artifacts" in mounts and _number(cluster, each, "artifacts_reserve_bytes") <= 0:
            yield f"{each.name}: fills the volume to the last byte"


def complete(cluster: Cluster) -> Iterator[str]:
    """What pods refer to is here, or is a secret that the README says how to make, or cert-manager makes."""
    readme = (KUBERNETES / "README.md").read_text()
    made = {item["spec"]["secretName"] for item in cluster.of("Certificate")}
    namespace = {item["metadata"]["name"] for item in cluster.of("Namespace")}
    for each in cluster.workloads:
        for kind, name in _references(each):
            told = kind == "Secret" and (name in made or f"secret generic {name} " in readme)
            if not told and cluster.find(kind, name) is None:
                yield f"{each.name}: there is no {kind} {name}"
    for item in cluster.objects:
        if item["metadata"].get("namespace", "") not in namespace and item["kind"] != "Namespace":
            yield f"{item['kind']} {item['metadata']['name']} is in no namespace of ours"


def _references(each: Workload) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", each.pod.get("serviceAccountName", "default")
    for container in each.containers:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]
    for volume in each.pod.get("volumes", []):
        yield from _of_volume(volume)


def _of_volume(volume: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "secret" in volume:
        yield "Secret", volume["secret"]["secretName"]
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"]
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]


def certified(cluster: Cluster) -> Iterator[str]:
    """With TLS, each process shows a certificate of its own, for the name by which it is called."""
    for each in cluster.lasting:
        folder = cluster.environment(each.app).get("DRAGOMAN_TLS_DIR") if each.module else None
        if folder is None:
            continue
        mounts = {mount["mountPath"]: mount["name"] for mount in each.app["volumeMounts"]}
        secrets = {v["name"]: v["secret"]["secretName"] for v in each.pod["volumes"] if "secret" in v}
        secret = secrets.get(mounts.get(folder, ""))
        found = [item["spec"] for item in cluster.of("Certificate") if item["spec"]["secretName"] == secret]
        usage = "server auth" if each.role == "server" else "client auth"
        if len(found) != 1 or each.name not in found[0]["dnsNames"] or usage not in found[0]["usages"]:
            yield f"{each.name}: {secret} is no certificate for it"


def told(cluster: Cluster) -> Iterator[str]:
    """The reconciler plans with the slots of servers and the units of workers as these have them."""
    (reconciler,) = (each for each in cluster.lasting if each.role == "reconciler")
    for each in (each for each in cluster.lasting if each.role in _HOW_MANY):
        field = f"{each.name.removesuffix('-worker')}_{_HOW_MANY[each.role]}"
        has, planned = _number(cluster, each, field), _number(cluster, reconciler, field)
        if has != planned:
            yield f"{each.name}: has {has} {_HOW_MANY[each.role]}, the reconciler takes it for {planned}"


def _number(cluster: Cluster, each: Workload, field: str) -> int:
    default = settings_of(each).model_fields[field].default
    return int(cluster.environment(each.app).get(f"DRAGOMAN_{field.upper()}") or default)


def _slots(cluster: Cluster, each: Workload) -> tuple[int, int]:
    """Return a server's slots, and calls that share one, as it chooses them from what it is given."""
    cores = int(each.app["resources"]["limits"]["cpu"])
    slots = _number(cluster, each, f"{each.name}_slots")
    if each.name != "asr":
        return slots or cores, 1
    device = cluster.environment(each.app).get("DRAGOMAN_ASR_DEVICE") or "cpu"
    chosen = sizing(cores, device, slots, batch=_number(cluster, each, "asr_batch"))
    return chosen.slots, chosen.batch


def enough(cluster: Cluster) -> Iterator[str]:
    """Workers may become as many as the most model servers ask for."""
    for room in SERVICES:
        servers, workers = (cluster.find("ScaledObject", name) for name in (room, f"{room}-worker"))
        if servers and workers:
            most = servers["spec"]["maxReplicaCount"]
            sizes = {each.name: each for each in cluster.lasting}
            slots, batch = _slots(cluster, sizes[room])
            units = _number(cluster, sizes[f"{room}-worker"], f"{room}_workers")
            load, terms = Load(work_s=1e9, slots=slots, batch=batch), Terms(most=most, worker_slots=units)
            if workers["spec"]["maxReplicaCount"] < (asked := decide(load, terms, Past(), 0.0).workers):
                yield f"{room}-worker: {most} servers ask for {asked} workers"


def scaled(cluster: Cluster) -> Iterator[str]:
    """Each ScaledObject sizes one workload that has no size of its own, by the number that belongs to it."""
    targets = [item["spec"]["scaleTargetRef"]["name"] for item in cluster.of("ScaledObject")]
    for item in cluster.of("ScaledObject"):
        spec, name = item["spec"], item["spec"]["scaleTargetRef"]["name"]
        target = cluster.find("Deployment", name)
        if target is None or "replicas" in target["spec"] or targets.count(name) != 1:
            yield f"{name}: a ScaledObject is not alone to size it"
            continue
        least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
        fewest = spec.get("idleReplicaCount", least)
        decided = _decided(cluster, name, otherwise=(fewest, most))
        if not spec.get("idleReplicaCount", -1) < least <= most or decided != (fewest, most):
            yield f"{name}: {fewest} to {most} is no range, or not the reconciler's"
        room, value = name.removesuffix("-worker"), "workers" if name.endswith("-worker") else "replicas"
        wanted = f'scaling.#(service=="{room}").desired_{value}'
        if [trigger["metadata"]["valueLocation"] for trigger in spec["triggers"]] != [wanted]:
            yield f"{name}: its ScaledObject does not ask for {wanted}"
    secrets = {reference for each in cluster.lasting for reference in _references(each)}
    for item in cluster.of("TriggerAuthentication"):
        for ref in item["spec"]["secretTargetRef"]:
            if ("Secret", ref["name"]) in secrets:
                yield f"{ref['name']}: KEDA needs a key of its own, which reads the scaling and nothing else"
            if f"create secret generic {ref['name']} --from-literal={ref['key']}=" not in _guide():
                yield f"{ref['name']}: the installation guide does not make it"


@functools.cache
def _guide() -> str:
    return (KUBERNETES / "README.md").read_text(encoding="utf-8")


def _decided(cluster: Cluster, name: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    """Return within which numbers the reconciler decides on a model service."""
    if name not in SERVICES:
        return otherwise
    (reconciler,) = (each for each in cluster.lasting if each.role == "reconciler")
    field = f"scaling_{name}_replicas"
    default = str(ScalingSettings.model_fields[field].default)
    text = cluster.environment(reconciler.app).get(f"DRAGOMAN_{field.upper()}") or default
    least, _, most = text.partition("-")
    return int(least), int(most)
