"""Who may talk to whom: network policies worked out for one connection."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.deploy.cluster import Cluster, Object, Workload, select

_NAMESPACE: Final = "dragoman"


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod by its labels, or something outside by its address.

    Attributes:
        labels: Of the pod.
        namespace: Name of its namespace.
        address: Of what is no pod of the cluster; None for a pod.
        ports: Number of each named port.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = _NAMESPACE
    address: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)


DNS: Final = Peer({"k8s-app": "kube-dns"}, "kube-system")
PROMETHEUS: Final = Peer({"app": "prometheus"}, "monitoring")
COLLECTOR: Final = Peer({"app": "collector"}, "monitoring")
STRANGER: Final = Peer({"app": "stranger"}, "default")
# Of a documentation range, and the address at which clouds hand out a machine's credentials.
INTERNET: Final = Peer(address="203.0.113.7")
METADATA: Final = Peer(address="169.254.169.254")


def peer(each: Workload) -> Peer:
    """Return a workload's pod as one end of a connection."""
    ports = {port["name"]: port["containerPort"] for port in each.app.get("ports", [])}
    return Peer(each.labels, ports=ports)


def allowed(cluster: Cluster, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Say whether the source may open a connection: its policies let it out, the target's let it in."""
    out = _lets(cluster, source, "Egress", target, (port, protocol, target))
    return out and _lets(cluster, target, "Ingress", source, (port, protocol, target))


def _lets(cluster: Cluster, end: Peer, way: str, other: Peer, port: tuple[int, str, Peer]) -> bool:
    policies = list(_policies_of(cluster, end, way))
    side = "to" if way == "Egress" else "from"
    rules = [rule for policy in policies for rule in policy["spec"].get(way.lower(), [])]
    return not policies or any(_matches(rule.get(side), other) and _opens(rule, port) for rule in rules)


def _policies_of(cluster: Cluster, end: Peer, way: str) -> Iterator[Object]:
    """Yield the policies that isolate a pod in one direction; what is elsewhere has none of ours."""
    if end.address is None and end.namespace == _NAMESPACE:
        for policy in cluster.of("NetworkPolicy"):
            spec = policy["spec"]
            if way in spec["policyTypes"] and select(spec["podSelector"], end.labels):
                yield policy


def _matches(peers: list[Any] | None, other: Peer) -> bool:
    return not peers or any(_is(each, other) for each in peers)


def _is(described: Mapping[str, Any], other: Peer) -> bool:
    if "ipBlock" in described:
        block = described["ipBlock"]
        return other.address is not None and _within(other.address, block["cidr"], block.get("except", []))
    if other.address is not None:
        return False
    names = {"kubernetes.io/metadata.name": other.namespace}
    here = other.namespace == _NAMESPACE
    placed = select(described["namespaceSelector"], names) if "namespaceSelector" in described else here
    return placed and select(described.get("podSelector"), other.labels)


def _within(address: str, cidr: str, without: list[str]) -> bool:
    ip = ipaddress.ip_address(address)
    return ip in ipaddress.ip_network(cidr) and not any(ip in ipaddress.ip_network(each) for each in without)


def _opens(rule: Mapping[str, Any], wanted: tuple[int, str, Peer]) -> bool:
    number, protocol, target = wanted
    ports = rule.get("ports")
    return not ports or any(
        each.get("protocol", "TCP") == protocol and target.ports.get(each["port"], each["port"]) == number
        for each in ports
    )
