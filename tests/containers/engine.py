"""A Docker daemon for the tests: the one that runs, else one of their own that ends with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.absent import absent
from tests.support.waiting import until

_PACKAGES: Final = ("docker.io", "docker-compose", "iptables", "debootstrap", "debian-archive-keyring")
_STOP_S: Final = 60
# The tables that a daemon writes to, as they are before anybody has.
_NO_RULES: Final = {"filter": "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", "nat": "*nat\nCOMMIT\n"}
_FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True, slots=True)
class Engine:
    """A daemon and a client that can build with it.

    Attributes:
        docker: The client.
        environment: Leads clients to the daemon.
    """

    docker: str
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, *arguments: str, most_s: float = 120) -> str:
        """Return what `docker ARGUMENTS` prints; fail with its error."""
        done = self.attempt(*arguments, most_s=most_s)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def attempt(self, *arguments: str, most_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `docker ARGUMENTS`, however it ends."""
        command = (self.docker, *arguments)
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=most_s, check=False
        )

    @property
    def runs(self) -> bool:
        """Whether the daemon answers."""
        return self.attempt("version", "--format", "{{.Server.Version}}").returncode == 0

    @property
    def builds(self) -> bool:
        """Whether this client has BuildKit, which hands secrets to a build."""
        told = Engine(self.docker, self.environment | {"DOCKER_BUILDKIT": "1"})
        return "--secret" in told.attempt("build", "--help").stdout


@contextmanager
def running() -> Iterator[Engine]:
    """Yield a daemon; skip where none runs and none may be started."""
    engine = _client() or _installed()
    if engine.runs:
        yield engine
        return
    if os.geteuid() != 0:
        absent("a Docker daemon: none runs, and only root may start one")
    if shutil.which("dockerd") is None:
        engine = _installed()
    with _own(engine) as own:
        yield own


def _client() -> Engine | None:
    paths = (shutil.which("docker"), "/usr/bin/docker", "/usr/local/bin/docker")
    engines = (Engine(path) for path in dict.fromkeys(paths) if path and Path(path).exists())
    return next((engine for engine in engines if engine.builds), None)


def _installed() -> Engine:
    """Install Debian's Docker, as root only."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        absent("a Docker client that has BuildKit, and a daemon; only root may install them, with apt-get")
    apt = ("apt-get", "-qq", "--yes", "--no-install-recommends")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", *_PACKAGES)):
        done = subprocess.run(
            (*apt, *arguments), env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            absent(f"Docker, which apt-get could not install: {done.stderr.strip()[-300:]}")
    engine = _client()
    assert engine is not None, "the docker.io that was installed has no BuildKit"
    return engine


@contextmanager
def _own(engine: Engine) -> Iterator[Engine]:
    """Run a daemon with a socket and a folder of its own, without touching the default bridge."""
    folder = Path(tempfile.mkdtemp(prefix="dragoman-docker-"))
    socket = f"unix://{folder}/socket"
    command = [
        *("dockerd", "--host", socket, "--bridge", "none", "--log-level", "warn"),
        *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/run", "--pidfile", f"{folder}/pid"),
    ]
    own = Engine(engine.docker, engine.environment | {"DOCKER_HOST": socket})
    with _network_as_it_was(), (folder / "log").open("w") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            until(lambda: daemon.poll() is not None or own.runs)
            if daemon.poll() is not None:
                absent(f"a Docker daemon; dockerd ended: {(folder / 'log').read_text()[-300:]}")
            yield own
        finally:
            daemon.terminate()
            daemon.wait(_STOP_S)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _network_as_it_was() -> Iterator[None]:
    """Take back what a daemon changes for good: rules of the firewall, and whether packets are forwarded."""
    forwarding = _FORWARDING.read_text()
    rules = subprocess.run(("iptables-save",), capture_output=True, text=True, check=True).stdout
    rules += "".join(empty for table, empty in _NO_RULES.items() if f"*{table}\n" not in rules)
    try:
        yield
    finally:
        _FORWARDING.write_text(forwarding)
        subprocess.run(("iptables-restore",), input=rules, text=True, check=True)
