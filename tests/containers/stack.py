"""The compose stack under test: started, asked, restarted, killed and taken away again."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.architecture.tree import ROOT
from tests.containers.engine import Engine
from tests.containers.images import VERSION, Secrets, tag
from tests.faults.client import Client
from tests.support.redis_server import free_port

SERVERS: Final = ("asr", "translation", "tts", "codec")
WORKERS: Final = tuple(f"{name}-worker" for name in SERVERS)
SERVICES: Final = ("redis", *SERVERS, *WORKERS, "reconciler", "gateway")
READY_S: Final = 300.0
_UP_S: Final = 900.0
_PAUSE_S: Final = 0.5
# Soon enough for a test, and no more than two cores can bear.
_SCALING: Final = {
    "DRAGOMAN_SCALING_DRAIN_TARGET_S": "60",
    "DRAGOMAN_SCALING_COLD_START_S": "20",
    "DRAGOMAN_SCALING_HOLD_S": "20",
    "DRAGOMAN_SCALING_ASR_REPLICAS": "1-2",
    **{f"DRAGOMAN_SCALING_{name}_REPLICAS": "1-1" for name in ("TRANSLATION", "TTS", "CODEC")},
}
_PASSWORD: Final = "only0for0this0test"
_SCRAPE: Final = (
    "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack.

    Attributes:
        engine: Where it runs.
        compose: The command that manages it, with its project.
        environment: Its settings.
        client: Talks to its gateway.
    """

    engine: Engine
    compose: Sequence[str]
    environment: dict[str, str]
    client: Client

    def manage(self, *arguments: str, most_s: float = _UP_S) -> str:
        """Return what a compose command prints; fail with its error."""
        done = subprocess.run(
            (*self.compose, *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=most_s,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        project = self.environment["COMPOSE_PROJECT_NAME"]
        labels = {"project": project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return self.engine.run("ps", "--quiet", "--no-trunc", *filters).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return all that the daemon knows of a container."""
        document: dict[str, Any] = json.loads(self.engine.run("inspect", container))[0]
        return document

    def healthy(self, service: str) -> bool:
        """Say whether all containers of a service passed their last health check."""
        states = [self.inspect(each)["State"]["Health"]["Status"] for each in self.containers(service)]
        return bool(states) and set(states) == {"healthy"}

    def inside(self, container: str, *command: str) -> str:
        """Return what a command prints in a container."""
        return self.engine.run("exec", container, *command)

    def served(self, container: str, method: str) -> int:
        """Return how many calls of a gRPC method a model server has answered well."""
        lines = self.inside(container, "python", "-c", _SCRAPE).splitlines()
        wanted = ("dragoman_rpc_seconds_count", f"/{method}", 'code="ok"')
        return sum(int(float(line.split()[-1])) for line in lines if all(part in line for part in wanted))

    def kill(self, container: str) -> None:
        """Kill a container's first process from outside, so that the daemon sees a crash and no order."""
        pid = self.inspect(container)["State"]["Pid"]
        host = ("--pid=host", "--user=0", "--cap-add=KILL", "--network=none")
        order = ("python", "-c", f"import os; os.kill({pid}, 9)")
        self.engine.run("run", "--rm", *host, tag("light"), *order)

    def key(self) -> str:
        """Return the admin key that the gateway has made."""
        return self.inside(self.containers("gateway")[0], "cat", "/var/lib/dragoman/admin.key").strip()

    @contextmanager
    def scaled(self) -> Iterator[None]:
        """Have the sizes that the gateway wants brought about while inside, by the scaler of the host."""
        settings = {
            "DRAGOMAN_GATEWAY_URL": f"http://127.0.0.1:{self.environment['DRAGOMAN_HTTP_PORT']}",
            "DRAGOMAN_API_KEY": self.key(),
            "DRAGOMAN_AUTOSCALE_COMPOSE": shlex.join(self.compose),
            "DRAGOMAN_AUTOSCALE_INTERVAL_S": "2",
        }
        command = (sys.executable, "-m", "services.cli.main", "autoscale", "--compose")
        with subprocess.Popen(command, cwd=ROOT, env=self.environment | settings) as scaler:
            try:
                yield
            finally:
                scaler.terminate()

    def logs(self) -> str:
        """Return the last lines of everybody."""
        return self.manage("logs", "--no-color", "--tail=15")


def patiently(condition: Callable[[], bool], most_s: float) -> None:
    """Return once `condition()` is true, which costs too much to be asked often; fail after `most_s`."""
    deadline = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {most_s:g} s"
        time.sleep(_PAUSE_S)


@contextmanager
def up(engine: Engine, given: Secrets, folder: Path) -> Iterator[Stack]:
    """Start everything; afterwards take all of it away, volumes included."""
    port = free_port()
    project = f"dragoman-test-{port}"
    environment = engine.environment | given.environment
    environment |= {"COMPOSE_PROJECT_NAME": project, "DRAGOMAN_VERSION": VERSION}
    environment |= {"DRAGOMAN_REDIS_PASSWORD": _PASSWORD, "DRAGOMAN_HTTP_PORT": str(port)}
    # Short enough that a unit of a killed worker is taken over while a test waits.
    environment |= {"DRAGOMAN_LEASE_S": "10"}
    environment |= _SCALING
    key = folder / "admin.key"
    client = Client(f"http://127.0.0.1:{port}", key)
    stack = Stack(engine, compose_of(engine), environment, client)
    try:
        stack.manage("up", "-d", "--no-build")
        patiently(client.ready, READY_S)
        key.write_text(stack.key())
        yield stack
    except BaseException:
        print(stack.logs())
        raise
    finally:
        client.close()
        stack.manage("down", "--volumes", "--timeout", "5")


def compose_of(engine: Engine) -> Sequence[str]:
    """Return the compose that is here: the plugin, else the older program."""
    file = ("--file", str(ROOT / "docker-compose.yml"), "--project-directory", str(ROOT))
    if engine.attempt("compose", "version").returncode == 0:
        return (engine.docker, "compose", *file)
    program = shutil.which("docker-compose")
    assert program, "neither the compose plugin nor docker-compose is installed"
    return (program, *file)
