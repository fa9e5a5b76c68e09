"""A whole installation of real processes with fake engines, on free ports of this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis

from services.shared.tasks import SERVICES, service_of
from tests.faults.client import FINAL, Client
from tests.faults.ledger_view import LedgerView
from tests.faults.member import Member
from tests.faults.proxy import Proxies, Proxy
from tests.support.redis_server import binary, free_port
from tests.support.waiting import until

LEASE_S: Final = 3.0
# Long enough that a glance at the ledger, every 20 ms, comes in between.
_GLANCE_S: Final = 0.5

# Short times, so that a fault is over soon; everything else is as an operator finds it.
TIMES: Final[Mapping[str, str]] = {
    "DRAGOMAN_LEASE_S": f"{LEASE_S:g}",
    "DRAGOMAN_UNIT_DEADLINE_S": "8",
    "DRAGOMAN_SWEEP_INTERVAL_S": "1",
    "DRAGOMAN_SWEEP_AGE_S": "2",
    "DRAGOMAN_DRAIN_S": "15",
    "DRAGOMAN_GATEWAY_HEALTH_TIMEOUT_S": "1",
}
_ENGINES: Final = {f"DRAGOMAN_{service.upper()}_ENGINES": "fake" for service in SERVICES}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many processes of each kind there are, and with what settings.

    Attributes:
        workers: Per service.
        servers: Per service.
        reconcilers: In all.
        settings: Environment variables of all of them.
    """

    workers: int = 2
    servers: int = 2
    reconcilers: int = 2
    settings: Mapping[str, str] = field(default_factory=dict)


class Installation:
    """The processes, and the ways to reach them.

    Args:
        home: Its folder.
        proxies: For the way from workers to model servers.
        plan: Its size.
    """

    def __init__(self, home: Path, proxies: Proxies, plan: Plan) -> None:
        self.home = home
        self.plan = plan
        self.redis_port = free_port()
        self.store = redis.Redis(port=self.redis_port, decode_responses=True, socket_timeout=10)
        self.ledger = LedgerView(self.store, home / "artifacts" / "objects")
        self.proxies: dict[str, list[Proxy]] = {}
        self.members: dict[str, Member] = {}
        for name in ("log", "redis", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        self._settings = self._base()
        self._add_redis()
        for service in SERVICES:
            self._add_service(service, proxies)
        for number in range(plan.reconcilers):
            self._add(f"reconciler-{number}", "services.gateway.reconciler", **self._metrics())
        http_port = str(free_port())
        self._add("gateway", "services.gateway.app", DRAGOMAN_HTTP_PORT=http_port)
        self.client = Client(f"http://127.0.0.1:{http_port}", home / "admin.key")

    @property
    def redis(self) -> Member:
        """The Redis process."""
        return self.members["redis"]

    @property
    def gateway(self) -> Member:
        """The HTTP process."""
        return self.members["gateway"]

    def workers(self, service: str = "") -> list[Member]:
        """Return the stage workers, of one service if given."""
        return self.of_kind(f"{service}-worker")

    def servers(self, service: str = "") -> list[Member]:
        """Return the model servers, of one service if given."""
        return self.of_kind(f"{service}-server")

    def reconcilers(self) -> list[Member]:
        """Return the reconcilers."""
        return self.of_kind("reconciler")

    def of_kind(self, kind: str) -> list[Member]:
        """Return the processes whose kind ends so."""
        return [member for member in self.members.values() if member.kind.endswith(kind)]

    def start(self) -> None:
        """Start everything that does not run, and wait until all of it is ready."""
        if not self.redis.alive:
            self.start_redis()
        for member in self.members.values():
            if not member.alive:
                member.start()
        until(lambda: self._all_alive() and self.client.ready())
        until(lambda: self._all_alive() and self._listeners() >= len(self.workers()))

    def start_redis(self) -> None:
        """Start Redis on its port, with what its file holds, and wait until it answers."""
        self.redis.start()
        until(self.redis_answers)

    def redis_answers(self) -> bool:
        """Say whether Redis does its work."""
        with suppress(redis.RedisError):
            return bool(self.store.ping())
        return False

    def heal(self) -> None:
        """Mend every fault: nothing is held, frozen or away any more."""
        for proxy in self.every_proxy():
            proxy.heal()
        for member in self.members.values():
            member.thaw()
        self.start()

    def calm(self) -> None:
        """Mend every fault, and end what an earlier test left unfinished."""
        self.heal()
        for job in self.client.jobs():
            if job["state"] not in FINAL:
                self.client.cancel(job["id"])
        until(lambda: not self.ledger.leftovers(), 90)

    def unwanted(self) -> list[str]:
        """Return the processes that ended by themselves."""
        return [name for name, member in self.members.items() if member.alive != member.wanted]

    def pids(self) -> dict[str, int]:
        """Return the processes but Redis."""
        return {name: member.pid for name, member in self.members.items() if member is not self.redis}

    def metric(self, name: str) -> int:
        """Return the sum of a counter over all reconcilers, those included that have ended since."""
        return int(sum(reconciler.metric(name) for reconciler in self.reconcilers()))

    def expired_leases(self) -> int:
        """Return how many leases ran out so far."""
        return self.metric("dragoman_expired_leases_total")

    def every_proxy(self) -> list[Proxy]:
        """Return all proxies."""
        return [proxy for proxies in self.proxies.values() for proxy in proxies]

    def hold_at(self, stage: str, job: str) -> None:
        """Let a job come to a stage, and no further: a worker holds its unit, and its server seems to hang.

        Call it before the job comes there.
        """
        proxies = self.proxies[service_of(stage)]
        for proxy in proxies:
            proxy.slow(_GLANCE_S)
        self.wait_for(job, stage, "leased")
        for proxy in proxies:
            proxy.hold()

    def wait_for(self, job: str, stage: str, state: str) -> None:
        """Wait until a unit of one stage of a job is in a state."""
        until(lambda: self.ledger.units_of(job, stage, state))

    def release(self) -> None:
        """Let go what `hold_at` holds."""
        for proxy in self.every_proxy():
            proxy.heal()

    def stop(self) -> None:
        """End every process that is left, and the connections to them."""
        self.client.close()
        self.store.close()
        for member in self.members.values():
            member.end()

    def _all_alive(self) -> bool:
        for member in self.members.values():
            assert member.alive, f"{member.name} ended while it started:\n{member.log_tail()}"
        return True

    def _listeners(self) -> int:
        """Return how many workers wait for hints."""
        clients: Any = self.store.client_list()
        return sum(each["cmd"] == "brpop" for each in clients)

    def _base(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
        return {
            **kept,
            **_ENGINES,
            **TIMES,
            "DRAGOMAN_HOME": str(self.home),
            "DRAGOMAN_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "TMPDIR": str(self.home / "tmp"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **self.plan.settings,
        }

    def _add(self, name: str, module: str, **settings: str) -> None:
        command = (sys.executable, "-P", "-m", module)
        log = self.home / "log" / f"{name}.log"
        # What an operator's plan says of one process comes last.
        self.members[name] = Member(name, command, self._settings | settings, log)

    def _add_redis(self) -> None:
        folder = str(self.home / "redis")
        command = (binary(), "--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", folder)
        options = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
        self.members["redis"] = Member(
            "redis", (*command, *options), dict(os.environ), self.home / "log" / "redis.log"
        )

    def _add_service(self, service: str, proxies: Proxies) -> None:
        name = f"DRAGOMAN_{service.upper()}"
        ports = [free_port() for _ in range(self.plan.servers)]
        for number, port in enumerate(ports):
            self._add(
                f"{service}-server-{number}", f"services.{service}.server", **{f"{name}_PORT": str(port)}
            )
        self.proxies[service] = [proxies.to(port) for port in ports]
        # The gateway asks the servers themselves, the workers reach them through the proxies.
        self._settings[f"{name}_TARGET"] = _target(ports)
        through = {f"{name}_TARGET": _target([proxy.port for proxy in self.proxies[service]])}
        for number in range(self.plan.workers):
            self._add(
                f"{service}-worker-{number}", f"services.{service}.worker", **through, **self._metrics()
            )

    def _metrics(self) -> dict[str, str]:
        return {"DRAGOMAN_METRICS_PORT": str(free_port())}


def _target(ports: list[int]) -> str:
    return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)


@contextmanager
def installed(home: Path, plan: Plan) -> Iterator[Installation]:
    """Have an installation up; nothing is left of it afterwards."""
    with ExitStack() as stack:
        proxies = stack.enter_context(Proxies())
        installation = Installation(home, proxies, plan)
        stack.callback(shutil.rmtree, home / "artifacts", ignore_errors=True)
        stack.callback(installation.stop)
        installation.start()
        yield installation
