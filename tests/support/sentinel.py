"""A real Redis primary with its replica, watched over by a real Sentinel, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import redis_server
from tests.support.waiting import until

SERVICE: Final = "ledger"
PASSWORD: Final = "p@ss/w:rd?"
SENTINEL_PASSWORD: Final = "se#cret"

# The shortest times with which a busy machine does not pass for a dead one.
_WATCH: Final = """
requirepass {sentinel_password}
sentinel monitor {service} 127.0.0.1 {primary} 1
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} 700
sentinel failover-timeout {service} 10000
"""


class Server:
    """A redis-server process that can be killed and started again.

    Args:
        folder: Of its data; made if need be.
        arguments: A configuration file, or options beside port, address and folder.
        port: A free one unless given.
    """

    def __init__(self, folder: Path, arguments: tuple[str, ...] = (), port: int | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.port = port or redis_server.free_port()
        own = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder))
        self._command = (redis_server.binary(), *arguments, *own)
        self.start()

    def start(self) -> None:
        """Run it on its port and its data."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it at once; nothing is flushed."""
        self._process.kill()
        self._process.wait(30)


@dataclass
class Watched:
    """Two servers and their sentinel.

    Attributes:
        sentinel_port: Where Sentinel listens.
        servers: By port.
    """

    sentinel_port: int
    servers: dict[int, Server]

    def url(self, *others: int) -> str:
        """Return the URL of Redis by this sentinel, after `others` on ports where perhaps nobody listens."""
        nodes = ",".join(f"127.0.0.1:{port}" for port in (*others, self.sentinel_port))
        options = f"sentinel_password={quote(SENTINEL_PASSWORD, safe='')}"
        return f"sentinel://:{quote(PASSWORD, safe='')}@{nodes}/{SERVICE}/1?{options}"

    def asked(self) -> redis.Redis:
        """Return a client of the sentinel."""
        return redis.Redis(port=self.sentinel_port, password=SENTINEL_PASSWORD, decode_responses=True)

    def primary_port(self) -> int:
        """Return the port that Sentinel names."""
        with self.asked() as asked:
            found: Any = asked.sentinel_get_master_addr_by_name(SERVICE)
            return int(found[1])

    def kill_primary(self) -> None:
        """Kill the server that Sentinel names."""
        self.servers[self.primary_port()].kill()

    def kill_all(self) -> None:
        """Kill both servers."""
        for server in self.servers.values():
            server.kill()

    def hand_over(self) -> None:
        """Make the replica the primary, while both live."""
        with self.asked() as asked:
            asked.execute_command("SENTINEL", "FAILOVER", SERVICE)

    def moved_from(self, port: int) -> bool:
        """Say whether another server than the one at `port` is primary, and that one knows it or is dead."""
        return self.primary_port() != port and _role(port) != "master"

    def ready(self) -> bool:
        """Say whether Sentinel could name the replica now."""
        try:
            with self.asked() as asked:
                replicas: Any = asked.sentinel_slaves(SERVICE)
        except redis.RedisError:
            return False
        return any(each["master-link-status"] == "ok" and each["flags"] == "slave" for each in replicas)


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """Run a primary, a replica that has all of it, and a sentinel that knows both."""
    options = ("--requirepass", PASSWORD, "--masterauth", PASSWORD, "--save", "", "--appendonly", "no")
    primary = Server(folder / "primary", options)
    running = [primary]
    try:
        following = ("--replicaof", "127.0.0.1", str(primary.port), "--repl-diskless-sync-delay", "0")
        replica = Server(folder / "replica", (*options, *following))
        running.append(replica)
        # Sentinel looks for replicas as it starts and then every ten seconds.
        until(lambda: _follows(replica.port))
        sentinel = _sentinel(folder / "sentinel", primary.port)
        running.append(sentinel)
        found = Watched(sentinel.port, {primary.port: primary, replica.port: replica})
        until(found.ready)
        yield found
    finally:
        for server in running:
            server.kill()


def _sentinel(folder: Path, primary_port: int) -> Server:
    folder.mkdir()
    file = folder / "sentinel.conf"
    file.write_text(
        _WATCH.format(
            primary=primary_port, service=SERVICE, password=PASSWORD, sentinel_password=SENTINEL_PASSWORD
        )
    )
    return Server(folder, (str(file), "--sentinel"))


def _follows(port: int) -> bool:
    return _replication(port).get("master_link_status") == "up"


def _role(port: int) -> str | None:
    return _replication(port).get("role")


def _replication(port: int) -> dict[str, Any]:
    try:
        with redis.Redis(port=port, password=PASSWORD, retry=Retry(NoBackoff(), 0)) as client:
            told: Any = client.info("replication")
            return dict(told)
    except redis.RedisError:
        return {}
