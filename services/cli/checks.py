"""What `dragoman doctor` looks at: each check says what it found, whether that is well, and what to do."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from typing import Final

from services.cli import room_checks
from services.cli.findings import Check, Health
from services.cli.settings import CliSettings
from services.cli.stack import health, redis_server
from services.cli.stack.embedded import Stack
from services.shared.errors import DragomanError, Misconfigured
from services.shared.models import manifest
from services.shared.models.catalogue import Catalogue

_PYTHON: Final = (3, 11)
_PACKAGES: Final = ("celery", "fastapi", "grpcio", "av", "faster-whisper", "fxtranslate", "kokoro-onnx")
# Room for a day of calls on a small installation; below it work still runs.
_LOW_DISK_BYTES: Final = 2 * 1024**3


def all_checks(settings: CliSettings) -> Iterator[Check]:
    """Yield every check, in an order in which the first bad one is the one to mend first."""
    yield python()
    yield from packages()
    yield redis(settings)
    yield from models(settings)
    yield from room_checks.all_rooms(settings)
    yield disk(settings)
    yield admin_key(settings)
    yield from components(settings)
    yield room_checks.pairs(settings)


def python() -> Check:
    """Check the interpreter's version."""
    well = sys.version_info[:2] == _PYTHON
    remedy = "" if well else "Use Python 3.11: `make clean setup PYTHON=python3.11`."
    return Check("python", Health.OK if well else Health.BAD, platform.python_version(), remedy)


def packages() -> Iterator[Check]:
    """Check that the packages that carry the work are installed."""
    for name in _PACKAGES:
        try:
            yield Check(name, Health.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, Health.BAD, "", "Run `make setup`.")


def redis(settings: CliSettings) -> Check:
    """Check for a redis-server binary, or for the Redis that the user named."""
    if settings.brings_own_redis:
        try:
            version = redis_server.ping(settings.redis_url)
        except Misconfigured as error:
            return Check("redis", Health.BAD, "", error.detail)
        if version is None:
            return Check(
                "redis", Health.BAD, "", "The Redis of DRAGOMAN_REDIS_URL does not answer; start it."
            )
        return Check("redis", Health.OK, f"{version}, by DRAGOMAN_REDIS_URL")
    try:
        binary = redis_server.find_binary()
        return Check("redis-server", Health.OK, f"{redis_server.version_of(binary)}, {binary}")
    except DragomanError as error:
        return Check("redis-server", Health.BAD, "", error.detail)


def models(settings: CliSettings) -> Iterator[Check]:
    """Check every model of the lite set against its hashes."""
    catalogue = Catalogue(settings.models_dir)
    for name in manifest.load().members_of("lite"):
        try:
            catalogue.verify(name)
            yield Check(name, Health.OK, f"{catalogue.revision(name)}, verified")
        except Misconfigured as error:
            yield Check(name, Health.BAD, error.code, error.detail)


def disk(settings: CliSettings) -> Check:
    """Check the space left for state."""
    folder = settings.home.resolve()
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free_bytes = shutil.disk_usage(existing).free
    well = free_bytes >= _LOW_DISK_BYTES
    remedy = "" if well else f"Free some space, or move {folder} with DRAGOMAN_HOME."
    return Check("disk", Health.OK if well else Health.BAD, f"{free_bytes / 1e9:.1f} GB free", remedy)


def admin_key(settings: CliSettings) -> Check:
    """Check that the admin key, once written, is for its owner's eyes only."""
    file = settings.home / "admin.key"
    if not file.exists():
        return Check("admin key", Health.IDLE, "", "The first `dragoman up` writes it.")
    mode = stat.S_IMODE(file.stat().st_mode)
    private = mode & (stat.S_IRWXG | stat.S_IRWXO) == 0
    remedy = "" if private else f"Others can read it: `chmod 600 {file}`."
    return Check("admin key", Health.OK if private else Health.BAD, f"{file}, mode {mode:o}", remedy)


def components(settings: CliSettings) -> Iterator[Check]:
    """Check each process of the stack: running and ready, or stopped with its port free."""
    stack = Stack(settings)
    for component in stack.components:
        address = health.address_of(component, settings)
        at = f"port {address[1]}" if address else ""
        if running := stack.find(component):
            found = f"pid {running.pid}" + (f", {at}" if at else "")
            if health.ready(component, settings):
                yield Check(component.name, Health.OK, found)
            else:
                log = stack.place(component).log_file
                yield Check(component.name, Health.BAD, found, f"Not ready; see {log}.")
        elif address and not health.port_free(*address):
            remedy = f"Another program uses {at}; set {component.port_variable}."
            yield Check(component.name, Health.BAD, at, remedy)
        else:
            yield Check(component.name, Health.IDLE, at, "Run `dragoman up`.")
