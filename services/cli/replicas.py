"""Every server of a service by itself: which models it holds, and another one in the place of one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from protos.v1 import models_pb2, models_pb2_grpc
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Stack
from services.cli.stack.table import WAVES, spares
from services.shared.errors import Unavailable
from services.shared.rpc import client
from services.shared.rpc.tls import Identities

R = TypeVar("R")
_LIST_S: Final = 5.0
# For a model of some gigabytes on a slow disk.
_SWITCH_S: Final = 600.0
_ADDRESSES: Final = ("ipv4:", "ipv6:")


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of a service.

    Attributes:
        target: Its own, as gRPC writes it.
        host: What its certificate names.
    """

    target: str
    host: str


def of(settings: CliSettings, service: str) -> tuple[Replica, ...]:
    """Return all servers of a service: those that its target stands for, or those that run on this machine.

    Raises:
        Unavailable: the target's name is not known (name_unknown).
    """
    target: str | None = getattr(settings, f"{service}_target")
    if target is None:
        return tuple(Replica(each, settings.host) for each in _of_this_machine(settings, service))
    if target.startswith(_ADDRESSES):
        scheme, _, addresses = target.partition(":")
        return tuple(Replica(f"{scheme}:{each}", each.rpartition(":")[0]) for each in addresses.split(","))
    host, _, port = target.rpartition("/")[2].rpartition(":")
    try:
        found = socket.getaddrinfo(host, int(port), family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"No server of {service} is known by its name.", code="name_unknown") from error
    return tuple(Replica(f"ipv4:{each[4][0]}:{port}", host) for each in found)


def held(settings: CliSettings, replica: Replica) -> list[models_pb2.ServedModel]:
    """Return the models that a server holds, in order of preference.

    Raises:
        DragomanError: it cannot be reached, or still loads.
    """
    request = models_pb2.ListModelsRequest()
    return list(_ask(settings, replica, lambda stub: stub.ListModels(request, timeout=_LIST_S)).models)


def switch(
    settings: CliSettings, replica: Replica, reference: str, replacement: str
) -> models_pb2.ServedModel:
    """Have a server load a model in the place of one that it holds; waits until it serves.

    Raises:
        DragomanError: what the server says; nothing has changed there then.
    """
    request = models_pb2.SwitchModelRequest(reference=reference, replacement=replacement)
    return _ask(settings, replica, lambda stub: stub.SwitchModel(request, timeout=_SWITCH_S)).model


def _ask(settings: CliSettings, replica: Replica, call: Callable[[models_pb2_grpc.ModelsStub], R]) -> R:
    identities = Identities.of(settings)
    options = client.OPTIONS
    if identities is not None:
        options = (*options, ("grpc.ssl_target_name_override", replica.host))
    identity = None if identities is None else identities.now()
    with client.channel(replica.target, identity, options) as channel:
        stub = models_pb2_grpc.ModelsStub(channel)
        return client.call(lambda: call(stub))


def _of_this_machine(settings: CliSettings, service: str) -> Iterator[str]:
    (first,) = (each for wave in WAVES for each in wave if each.service == service)
    yield settings.target_of(service)
    stack = Stack(settings)
    for each in spares(first, settings.autoscale_replicas):
        if stack.find(each):
            yield each.seen_by(settings).target_of(service)
