"""What the code needs to reach is allowed, and nothing else, by the rendered network policies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from services.shared.config import Settings
from services.shared.tasks import SERVICES
from tests.deploy import needs
from tests.deploy.cluster import OVERLAYS, Cluster, Workload, extended_by, overlay
from tests.deploy.network import (
    COLLECTOR,
    DNS,
    INTERNET,
    METADATA,
    PROMETHEUS,
    STRANGER,
    Peer,
    allowed,
    peer,
)

PORTS = {room: Settings().port_of(room) for room in SERVICES} | {"redis": 6379}
# A Redis and a bucket that are no pods of ours.
OUTSIDE_REDIS, BUCKET = Peer(address="10.1.2.3"), INTERNET
PRIVATE = ["10.1.2.3", "127.0.0.1", "169.254.169.254", "172.20.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1"]
PRIVATE += ["fd00::1", "fe80::1", "::1"]
WAYS_OUT = [
    (DNS, 53),
    (COLLECTOR, 4318),
    (INTERNET, 443),
    (METADATA, 80),
    (OUTSIDE_REDIS, 6379),
    (STRANGER, 80),
]


def needed(each: Workload) -> set[str]:
    """Return the workloads that a process talks to."""
    if each.module is None:
        return set()
    return needs.calls(each.module) | ({"redis"} if needs.knows_jobs(each.module) else set())


def pairs(cluster: Cluster) -> Iterator[tuple[Workload, Workload, int]]:
    """Yield every two workloads, with every port that the second one serves others on."""
    for source, target in product(cluster.workloads, cluster.workloads):
        if source.name != target.name and target.name in PORTS:
            yield source, target, PORTS[target.name]


def named(cluster: Cluster, name: str) -> Workload:
    return next(each for each in cluster.workloads if each.name == name)


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_process_reaches_those_that_its_code_calls_and_no_other(name: str) -> None:
    cluster = overlay(name)
    open_ways = {
        (source.name, target.name)
        for source, target, port in pairs(cluster)
        if allowed(cluster, peer(source), peer(target), port)
    }
    assert open_ways == {(s.name, t.name) for s, t, _ in pairs(cluster) if t.name in needed(s)}
    assert ("gateway", "asr") in open_ways


@pytest.mark.parametrize("port", [22, 50050, 9100, 50055])
def test_no_other_port_is_open_among_them(port: int) -> None:
    cluster = overlay("cpu-small")
    ways = product(cluster.workloads, cluster.workloads)
    assert [(s.name, t.name) for s, t in ways if allowed(cluster, peer(s), peer(t), port)] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_model_servers_and_redis_have_no_way_out(name: str) -> None:
    cluster = overlay(name)
    closed = [each for each in cluster.workloads if each.role in {"server", "redis"}]
    assert len(closed) >= len(SERVICES)
    for each, (target, port) in product(closed, WAYS_OUT):
        for protocol in ("TCP", "UDP"):
            assert not allowed(cluster, peer(each), target, port, protocol), (each.name, target)
    for each, other in product(closed, cluster.workloads):
        ports = (*PORTS.values(), 8080, 9100)
        assert not any(allowed(cluster, peer(each), peer(other), port) for port in ports)


def test_model_servers_that_send_traces_reach_the_collector_and_names_alone(tmp_path: Path) -> None:
    cluster = extended_by("model-traces", tmp_path)
    for each in (each for each in cluster.workloads if each.role == "server"):
        assert cluster.environment(each.app)["DRAGOMAN_OTLP_ENDPOINT"]
        reached = [(target, port) for target, port in WAYS_OUT if allowed(cluster, peer(each), target, port)]
        assert reached == [(DNS, 53), (COLLECTOR, 4318)]


def test_addresses_that_clients_name_are_reached_by_those_that_ask_them_and_only_public_ones(
    tmp_path: Path,
) -> None:
    cluster = extended_by("outbound", tmp_path)
    asking = {each.name for each in cluster.lasting if each.module and needs.leaves(each.module)}
    assert asking == {"reconciler", "codec-worker"}
    for each in cluster.lasting:
        for port in (443, 8443):
            assert allowed(cluster, peer(each), INTERNET, port) == (each.name in asking), each.name
        assert not allowed(cluster, peer(each), INTERNET, 80)
        for private in PRIVATE:
            assert not allowed(cluster, peer(each), Peer(address=private), 443), (each.name, private)


@pytest.mark.parametrize("name", OVERLAYS)
def test_those_that_know_jobs_find_names_and_send_traces(name: str) -> None:
    cluster = overlay(name)
    for each in (each for each in cluster.lasting if each.module and needs.knows_jobs(each.module)):
        assert allowed(cluster, peer(each), DNS, 53, "UDP")
        assert allowed(cluster, peer(each), COLLECTOR, 4318)
        assert not allowed(cluster, peer(each), METADATA, 80)
        assert not allowed(cluster, peer(each), STRANGER, 8080)


def test_those_that_know_jobs_reach_an_outside_redis_and_bucket() -> None:
    cluster = overlay("gpu-production")
    for each in (each for each in cluster.lasting if each.module and needs.stores(each.module)):
        assert allowed(cluster, peer(each), OUTSIDE_REDIS, 26379)
        assert allowed(cluster, peer(each), BUCKET, 443)
        assert not allowed(cluster, peer(each), BUCKET, 80)


def test_with_everything_inside_only_the_models_job_leaves_the_cluster() -> None:
    cluster = overlay("cpu-small")
    leaving = [each.name for each in cluster.workloads if allowed(cluster, peer(each), INTERNET, 443)]
    assert leaving == ["models"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_everybody_reaches_the_gateway_and_only_prometheus_the_metrics(name: str) -> None:
    cluster = overlay(name)
    for caller in (STRANGER, PROMETHEUS, INTERNET):
        assert allowed(cluster, caller, peer(named(cluster, "gateway")), 8080)
    for each in (each for each in cluster.lasting if each.module):
        assert allowed(cluster, PROMETHEUS, peer(each), 9100)
        assert not allowed(cluster, STRANGER, peer(each), 9100)
        assert not allowed(cluster, STRANGER, peer(each), 50051)


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_that_no_policy_names_is_cut_off(name: str) -> None:
    cluster, unknown = overlay(name), Peer({"app": "unknown"})
    assert not allowed(cluster, unknown, INTERNET, 443)
    assert not allowed(cluster, unknown, DNS, 53, "UDP")
    assert not allowed(cluster, STRANGER, unknown, 80)
