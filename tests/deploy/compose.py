"""Rules for docker-compose.yml: the same ones as for pods, as far as compose knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from services.cli.stack.table import REDIS, WAVES
from services.shared.config import Settings
from services.shared.tasks import SERVICES
from tests.architecture.tree import ROOT
from tests.deploy.pods import MARGIN_S, SETTINGS, script_variables, variables_of

FILE: Final = ROOT / "docker-compose.yml"
Stack = dict[str, Any]
_DEFAULTS: Final = Settings()
_NAMED: Final = "DRAGOMAN_OUTBOUND_"
_HELD: Final = ("DRAGOMAN_MODELS_IDLE_S", "DRAGOMAN_MODELS_MEMORY_BYTES")
_DECIDED: Final = {
    "gateway": (_NAMED, "DRAGOMAN_FETCH_", "DRAGOMAN_WEBHOOKS_", "DRAGOMAN_GATEWAY_"),
    "reconciler": (_NAMED, "DRAGOMAN_WEBHOOKS_"),
    "codec-worker": (_NAMED, "DRAGOMAN_FETCH_"),
    "translation-worker": ("DRAGOMAN_TRANSLATION_ENGINES", "DRAGOMAN_TRANSLATION_TURNS"),
    **{room: (f"DRAGOMAN_{room.upper()}_", *_HELD) for room in SERVICES},
    "asr-gpu": ("DRAGOMAN_ASR_", *_HELD),
}
_NEEDS_A_VOLUME: Final = {"DRAGOMAN_OUTBOUND_CA_FILE", "DRAGOMAN_TTS_VOICES_DIR"}
# Where a room is found is decided here; how many units there are concerns its worker.
_NOT_THE_SERVERS: Final = ("_PORT", "_TARGET", "_WORKERS")
_UNITS: Final = {"s": 1, "m": 60}
_OF_THE_HOST: Final = ("network_mode", "pid", "ipc", "devices")
_BUILT: Final = r"[\w-]+:\$\{\w+:-\w+\}"
_PINNED: Final = r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}"


def load() -> Stack:
    """Read the file, with its anchors merged."""
    return dict(yaml.safe_load(FILE.read_text()))


def services(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each service."""
    yield from stack["services"].items()


def module_of(service: Mapping[str, Any]) -> str | None:
    """Return the module of ours that a service runs."""
    command = service.get("command", [])
    return next((word for word in command if str(word).startswith("services.")), None)


def ours(stack: Stack) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield each service that runs a process of ours, with its module."""
    for name, service in services(stack):
        if module := module_of(service):
            yield name, service, module


def variables(service: Mapping[str, Any]) -> set[str]:
    """Return the names of a service's variables that are ours."""
    return {name for name in service.get("environment", {}) if name.startswith("DRAGOMAN_")}


def whole(stack: Stack) -> Iterator[str]:
    """Each process of the stack on one machine is a service here, under the name that pods have."""
    wanted = {each.name.removesuffix("-server"): each.module for wave in WAVES for each in wave}
    for name, module in wanted.items():
        service = stack["services"].get(name)
        if service is None or (name != REDIS.name and module_of(service) != module):
            yield f"{name}: does not run {module}"


def confined(stack: Stack) -> Iterator[str]:
    """No service has rights, is root, or writes to its image."""
    for name, service in services(stack):
        if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"] or "cap_add" in service:
            yield f"{name}: not confined"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges"
        if str(service.get("user", "")).partition(":")[0] in {"0", "root"} or service.get("privileged"):
            yield f"{name}: is root"
        yield from (f"{name}: {key}" for key in _OF_THE_HOST if key in service)


def bounded(stack: Stack) -> Iterator[str]:
    """Each service has limits of memory, processor and processes, and of its log."""
    for name, service in services(stack):
        missing = [limit for limit in ("mem_limit", "cpus", "pids_limit") if limit not in service]
        yield from (f"{name}: no {limit}" for limit in missing)
        if "max-size" not in service.get("logging", {}).get("options", {}):
            yield f"{name}: its log has no end"


def versioned(stack: Stack) -> Iterator[str]:
    """What is built here has a tag, what comes from elsewhere a digest."""
    for name, service in services(stack):
        form = _BUILT if "build" in service else _PINNED
        if not re.fullmatch(form, service["image"]) or ":latest" in service["image"]:
            yield f"{name}: image {service['image']} says no version"


def watched(stack: Stack) -> Iterator[str]:
    """Each process of ours is asked how it is, by the way that it answers, and started again."""
    for name, service, module in ours(stack):
        question = ["services.shared.probe", *(["http"] if module == "services.gateway.app" else [])]
        if service.get("healthcheck", {}).get("test", [])[4:] != question:
            yield f"{name}: is not asked how it is"
        if "DRAGOMAN_HEALTH_PORT" not in service["environment"]:
            yield f"{name}: does not answer"
        if service.get("restart") != "unless-stopped":
            yield f"{name}: is not started again"


def configured(stack: Stack) -> Iterator[str]:
    """Each variable is a setting of its process."""
    for name, service, module in ours(stack):
        kind = next((kind for begin, kind in SETTINGS.items() if module.startswith(begin)), Settings)
        extra = variables(service) - variables_of(kind)
        yield from (f"{name}: there is no {each}" for each in sorted(extra))
    extra = variables(stack["services"]["redis"]) - script_variables()
    yield from (f"redis: there is no {each}" for each in sorted(extra))


def settable(stack: Stack) -> Iterator[str]:
    """What an operator decides of clients, of what they name, and of engines, reaches who needs it."""
    for name, families in _DECIDED.items():
        service = stack["services"][name]
        kind = next(kind for begin, kind in SETTINGS.items() if str(module_of(service)).startswith(begin))
        wanted = {each for each in variables_of(kind) if each.startswith(families)} - _NEEDS_A_VOLUME
        missing = {each for each in wanted - variables(service) if not each.endswith(_NOT_THE_SERVERS)}
        yield from (f"{name}: {each} cannot be set" for each in sorted(missing))


def reached(stack: Stack) -> Iterator[str]:
    """Each target is a service that listens there, on a network that both are in."""
    for name, service, _ in ours(stack):
        for room in SERVICES:
            target = service["environment"].get(f"DRAGOMAN_{room.upper()}_TARGET")
            if target is None:
                continue
            if target != f"dns:///{room}:{_DEFAULTS.port_of(room)}":
                yield f"{name}: nobody listens at {target}"
            elif not set(service["networks"]) & set(stack["services"][room]["networks"]):
                yield f"{name}: is in no network with {room}"


def ordered(stack: Stack) -> Iterator[str]:
    """What a service waits for can come: it is healthy only if asked, and completed only if it ends."""
    for name, service in services(stack):
        for other, how in service.get("depends_on", {}).items():
            awaited = stack["services"].get(other, {})
            asked = how["condition"] != "service_healthy" or "healthcheck" in awaited
            ends = how["condition"] != "service_completed_successfully" or awaited.get("restart") == "no"
            if not awaited or not asked or not ends:
                yield f"{name}: waits for {other} in vain"


def drained(stack: Stack) -> Iterator[str]:
    """A service that is stopped gets longer than its drain takes."""
    for name, service, _ in ours(stack):
        number, unit = re.fullmatch(r"(\d+)([sm])", service.get("stop_grace_period", "10s")).groups()  # type: ignore[union-attr]  # else it is a bug
        if int(number) * _UNITS[unit] < _DEFAULTS.drain_s + MARGIN_S:
            yield f"{name}: is killed while it drains"


def closed(stack: Stack) -> Iterator[str]:
    """Ports open on this machine only; model servers and Redis are in networks without a way out."""
    inside = {name for name, network in stack["networks"].items() if (network or {}).get("internal")}
    for name, service in services(stack):
        ports = [port for port in service.get("ports", []) if "127.0.0.1:" not in port]
        yield from (f"{name}: port {port} is open" for port in ports)
        module = module_of(service) or ""
        if (module.endswith(".server") or name == "redis") and not set(service["networks"]) <= inside:
            yield f"{name}: has a way out"


def stored(stack: Stack) -> Iterator[str]:
    """Each named volume is declared; models are for reading, but for the one that fills them."""
    for name, service in services(stack):
        for volume in service.get("volumes", []):
            source, _, target = str(volume).rpartition("}")[2].partition(":")
            if not source or source.startswith(("/", ".", "$")):
                continue
            if source not in stack["volumes"]:
                yield f"{name}: there is no volume {source}"
            if source == "models" and name != "models" and not target.endswith(":ro"):
                yield f"{name}: may write to the models"


def told(stack: Stack) -> Iterator[str]:
    """The reconciler plans with the slots and workers that the rooms are given."""
    planned = stack["services"]["reconciler"]["environment"]
    for name, service, _ in ours(stack):
        for variable in variables(service):
            size = variable.endswith(("_SLOTS", "_WORKERS"))
            if size and (variable not in planned or planned[variable] != service["environment"][variable]):
                yield f"{name}: the reconciler is not told {variable}"


RULES: Final = (
    *(whole, confined, bounded, versioned, watched, configured, settable),
    *(reached, ordered, drained, closed, stored, told),
)
