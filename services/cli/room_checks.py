"""What `dragoman doctor` says of the model services: their threads, engines, models and language pairs.

The rooms are named, not imported, as where their processes are started: no service depends on another one.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protos.v1 import common_pb2, translation_pb2, translation_pb2_grpc
from services.cli.findings import Check, Health
from services.cli.settings import CliSettings
from services.shared import threads
from services.shared.config import Settings, load
from services.shared.engines import EngineSpec, Reference, references
from services.shared.errors import DragomanError, Misconfigured
from services.shared.models.places import find
from services.shared.rpc import client
from services.shared.rpc.client import Channels
from services.shared.tasks import SERVICES

_PATIENCE_S: Final = 3.0


def all_rooms(settings: CliSettings) -> Iterator[Check]:
    """Yield what each model service would do on this machine, by its own settings."""
    for service in SERVICES:
        try:
            room = load(_settings_of(service))
            wanted = references(getattr(room, f"{service}_engines"))
        except Misconfigured as error:
            yield Check(service, Health.BAD, error.code, error.detail)
            continue
        yield use_of_cores(service, room)
        engines: Mapping[str, EngineSpec] = _import(service, "engines.registry").ENGINES
        for reference in wanted:
            yield engine(service, engines, reference, settings)


def use_of_cores(service: str, room: Settings) -> Check:
    """Say how many slots and threads a service takes of how many cores, and whether that was asked for."""
    cores = threads.cores()
    slots, of_each = _chosen(room, f"{service}_slots"), _chosen(room, f"{service}_threads")
    names = (f"{service}_slots", f"{service}_threads")
    asked = [name for name in names if name in room.model_fields_set and getattr(room, name)]
    why = "chosen from the cores" if any(getattr(room, name, 1) == 0 for name in names) else "the default"
    if asked:
        why = "by " + " and ".join(f"DRAGOMAN_{name.upper()}" for name in asked)
    shares = f"{_counted(slots, 'slot')} x {_counted(of_each, 'thread')} of {_counted(cores, 'core')}"
    crowded = slots * of_each > cores and getattr(room, f"{service}_device", "cpu") == "cpu"
    remedy = "More threads than cores: they take turns, and each call takes longer." if crowded else ""
    return Check(f"{service} threads", Health.OK, f"{shares}, {why}", remedy)


def engine(
    service: str, engines: Mapping[str, EngineSpec], reference: Reference, settings: CliSettings
) -> Check:
    """Say whether an engine's packages are installed, in which versions, and whether its model is here."""
    component, spec = f"{service} engine", engines.get(reference.engine)
    if spec is None:
        remedy = f"DRAGOMAN_{service.upper()}_ENGINES takes {', '.join(sorted(engines))}."
        return Check(component, Health.BAD, str(reference), remedy)
    if spec.missing:
        return Check(component, Health.BAD, str(reference), f"It needs {spec.remedy}")
    found = [str(reference), *_versions(spec.packages)]
    if reference.model and spec.weights:
        try:
            model = find(settings.models_dir, reference.model).model
        except Misconfigured as error:
            return Check(component, Health.BAD, str(reference), error.detail)
        found.append(f"sha256 {model.sha256[:12]}")
    return Check(component, Health.OK, ", ".join(found))


def pairs(settings: CliSettings) -> Check:
    """Say which language pairs the running translation server has, and those that go by way of a third."""
    request = common_pb2.CapabilitiesRequest()
    try:
        with contextlib.closing(Channels.of(settings)) as channels:
            stub = translation_pb2_grpc.TranslationStub(channels.to("translation"))
            found = client.call(lambda: stub.GetCapabilities(request, timeout=_PATIENCE_S))
    except DragomanError as error:
        return Check("translation pairs", Health.IDLE, error.code, "Run `dragoman up`; then they are known.")
    return Check("translation pairs", Health.OK, _told(found.pairs))


def _told(pairs: Any) -> str:
    """Return "de>en pt>en; by en: de>pt"; of very many, how many."""
    direct = [_arrow(pair) for pair in pairs if not pair.pivot_language]
    by_way: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.pivot_language:
            by_way.setdefault(pair.pivot_language, []).append(_arrow(pair))
    parts = [_listed(direct), *(f"by {pivot}: {_listed(some)}" for pivot, some in by_way.items())]
    return "; ".join(part for part in parts if part)


def _arrow(pair: translation_pb2.LanguagePair) -> str:
    return f"{pair.source_language}>{pair.target_language}"


def _listed(pairs: list[str], most: int = 24) -> str:
    return " ".join(pairs) if len(pairs) <= most else f"{len(pairs)} pairs, see `dragoman stages`"


def _settings_of(service: str) -> type[Settings]:
    kind: type[Settings] = getattr(_import(service, "settings"), f"{service.capitalize()}Settings")
    return kind


def _import(service: str, name: str) -> Any:
    return importlib.import_module(f"services.{service}.{name}")


def _chosen(room: Settings, name: str) -> int:
    """Return a setting, or what the room makes of it; a room without it takes one."""
    chosen: int | None = getattr(room, f"{name}_chosen", None)
    return chosen or int(getattr(room, name, 1))


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _versions(packages: tuple[str, ...]) -> Iterator[str]:
    owners = importlib.metadata.packages_distributions()
    for package in packages:
        for name in owners.get(package, ())[:1]:
            yield f"{name} {importlib.metadata.version(name)}"
