"""By socket, by TLS and through Sentinel, the ledger's client and Celery reach Redis and find it again."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from services.cli.settings import CliSettings
from services.cli.stack import redis_server as embedded
from services.shared import redis_url
from services.shared.config import Settings
from tests.support import echo, redis_server, sentinel
from tests.support.processes import process
from tests.support.sentinel import Server, Watched
from tests.support.tls import Authority, front
from tests.support.waiting import until

COUNT = "return redis.call('incrby', KEYS[1], ARGV[1])"
NAMES = ("a", "b", "c", "d")


@dataclass
class Echoes:
    """A Celery worker process, and an app that talks to it.

    Attributes:
        running: The worker.
    """

    app: Celery
    ledger: redis.Redis
    key: str
    running: subprocess.Popen[bytes]

    def answered(self) -> bool:
        """Say a word, which may get lost; whether the worker heard this one or one before."""
        with suppress(OperationalError):
            echo.say(self.app, "word")
        return bool(self.ledger.lpop(self.key))

    def talk(self) -> None:
        """Wait until the worker hears what is said from now on."""
        self.ledger.delete(self.key)
        until(self.answered)


@contextmanager
def echoes(settings: Settings) -> Iterator[Echoes]:
    """Run a worker and talk to it."""
    app, ledger = echo.app_of(settings), redis_url.client(settings.redis_url, retries=20)
    with process(settings, "tests.support.echo") as running:
        yield Echoes(app, ledger, echo.heard(settings), running)
    app.close()
    app.pool.force_close_all()
    ledger.close()


def settings_of(url: str, home: Path) -> Settings:
    """Return settings of an installation of its own."""
    return Settings(redis_url=url, home=home, key_prefix=f"test-{uuid.uuid4().hex}:")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the server's certificate is of."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def port(redis_url: str) -> int:
    """Port of a Redis without TLS."""
    return int(redis_url.rpartition(":")[2].partition("/")[0])


def test_the_ledger_and_celery_work_by_tls(authority: Authority, port: int, tmp_path: Path) -> None:
    with front(authority.server_context(), port) as secure:
        settings = settings_of(f"rediss://127.0.0.1:{secure}/1?ssl_ca_certs={authority.file}", tmp_path)
        with echoes(settings) as installation:
            count = installation.ledger.register_script(COUNT)
            assert count(keys=[f"{settings.key_prefix}n"], args=[2]) == 2
            installation.talk()


def refused(url: str, home: Path, why: str) -> None:
    """Check that neither the ledger's client nor Celery talks to a server that they cannot trust."""
    with redis_url.client(url, retries=0) as client, pytest.raises(redis.ConnectionError, match=why):
        client.ping()
    app = echo.app_of(settings_of(url, home))
    with app.connection_for_write() as connection, pytest.raises(OperationalError, match=why):
        connection.ensure_connection(max_retries=1, interval_start=0)
    app.close()


def test_a_server_of_another_authority_is_refused(authority: Authority, port: int, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    with front(authority.server_context(), port) as secure:
        url = f"rediss://127.0.0.1:{secure}/0"
        refused(f"{url}?ssl_ca_certs={other.file}", tmp_path, "certificate verify failed")
        refused(url, tmp_path, "certificate verify failed")


def test_a_server_with_another_name_is_refused_unless_names_do_not_matter(
    authority: Authority, port: int, tmp_path: Path
) -> None:
    with front(authority.server_context("elsewhere.test"), port) as secure:
        url = f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={authority.file}"
        refused(url, tmp_path, "certificate verify failed")
        with redis_url.client(f"{url}&ssl_check_hostname=false", retries=0) as client:
            assert client.ping()


def test_a_client_shows_its_certificate(authority: Authority, port: int) -> None:
    certificate, key = authority.client_files()
    with front(authority.server_context(ask_client=True), port) as secure:
        url = f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={authority.file}"
        with redis_url.client(url, retries=0) as stranger, pytest.raises(redis.ConnectionError):
            stranger.ping()
        own = f"{url}&ssl_certfile={certificate}&ssl_keyfile={key}"
        with redis_url.client(own, retries=0) as client:
            assert client.ping()


def test_the_ledger_and_celery_work_by_a_socket(tmp_path: Path) -> None:
    password = "p@ss/w:rd?"
    socket = tmp_path / "my redis.sock"
    server = Server(tmp_path / "data", ("--unixsocket", str(socket), "--requirepass", password))
    try:
        until(socket.exists)
        url = f"unix://:{quote(password, safe='')}@{quote(str(socket))}?db=2"
        with echoes(settings_of(url, tmp_path)) as installation:
            installation.talk()
            assert set(installation.ledger.info("keyspace")) == {"db2"}
            assert not list(installation.ledger.scan_iter("unacked*"))  # its names have the prefix
    finally:
        server.kill()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A primary and its replica under a sentinel's eyes."""
    with sentinel.watched(tmp_path) as found:
        yield found


@pytest.mark.parametrize("planned", [False, True], ids=["killed", "handed over"])
def test_after_a_failover_everybody_finds_the_new_primary(
    watched: Watched, tmp_path: Path, *, planned: bool
) -> None:
    # The first sentinel named is one that never answers.
    url = watched.url(redis_server.free_port())
    with echoes(settings_of(url, tmp_path)) as installation:
        client = installation.ledger
        count = client.register_script(COUNT)
        installation.talk()
        assert count(keys=["n"], args=[1]) == 1
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.blpop, ["late"], 120)
            until(lambda: client.info("clients")["blocked_clients"] >= 2)  # the worker waits as well
            assert client.wait(1, 60_000) == 1
            before = watched.primary_port()
            (watched.hand_over if planned else watched.kill_primary)()
            until(lambda: watched.moved_from(before))
            assert count(keys=["n"], args=[1]) == 2
            client.rpush("late", "still here")
            assert waiting.result(60) == ("late", "still here")
        installation.talk()
        assert installation.running.poll() is None


def deposed(client: redis.Redis) -> None:
    """Check that neither a command nor a script gets by with an answer of a former primary."""
    with pytest.raises(redis.ConnectionError, match="not the primary any more"):
        client.register_script(COUNT)(keys=["n"], args=[1])
    with pytest.raises(redis.ConnectionError, match="not the primary any more"):
        client.set("n", 1)


def test_a_client_leaves_a_redis_that_is_no_primary_any_more(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", ("--save", ""))
    client = redis_url.client(f"redis://127.0.0.1:{server.port}/0", retries=40)
    hasty = redis_url.client(f"redis://127.0.0.1:{server.port}/0", retries=0)
    try:
        count = hasty.register_script(COUNT)
        assert client.ping()
        assert count(keys=["n"], args=[1]) == 1
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.blpop, ["late"], 120)
            until(lambda: hasty.info("clients")["blocked_clients"] == 1)
            hasty.replicaof("127.0.0.1", "1")
            deposed(hasty)
            hasty.replicaof("NO", "ONE")
            hasty.config_set("min-replicas-to-write", 1)
            deposed(hasty)
            hasty.config_set("min-replicas-to-write", 0)
            assert count(keys=["n"], args=[1]) == 2
            hasty.rpush("late", "still here")
            assert waiting.result(60) == ("late", "still here")
    finally:
        client.close()
        hasty.close()
        server.kill()


def test_no_error_of_a_sentinel_shows_a_password(watched: Watched) -> None:
    watched.kill_all()
    with redis_url.client(watched.url(), retries=0) as client, pytest.raises(redis.ConnectionError) as caught:
        client.ping()
    for secret in (sentinel.PASSWORD, sentinel.SENTINEL_PASSWORD):
        assert secret not in str(caught.value)


def write(url: str, name: str) -> int:
    """Count up in Redis until it is gone; return the last count that it confirmed."""
    with redis_url.client(url, retries=0) as client:
        confirmed = 0
        with suppress(redis.ConnectionError):
            while True:
                confirmed = int(client.incr(name))
    return confirmed


def counted(client: redis.Redis, least: int) -> bool:
    """Say whether every counter is at `least` or above."""
    return all(int(client.get(name) or 0) >= least for name in NAMES)


def tear(folder: Path) -> None:
    """Leave half a record at the end of the log, as the end of the power may."""
    log = max(folder.rglob("*.aof"))
    with log.open("ab") as stream:
        stream.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")


def test_what_a_killed_redis_confirmed_is_there_after_its_restart(tmp_path: Path) -> None:
    port = redis_server.free_port()
    files = embedded.prepare(CliSettings(home=tmp_path, redis_port=port))
    server = Server(tmp_path / "redis", (str(files.config),), port)
    client = redis_url.client(files.url, retries=40)
    try:
        for least in (50, 100, 150):
            assert client.ping()
            with ThreadPoolExecutor(len(NAMES)) as pool:
                counts = [pool.submit(write, files.url, name) for name in NAMES]
                until(partial(counted, client, least))
                server.kill()
            tear(tmp_path / "redis")
            server.start()
            for name, count in zip(NAMES, counts, strict=True):
                # The last one may have been written and not confirmed any more.
                assert int(client.get(name) or 0) - count.result() in {0, 1}
    finally:
        client.close()
        server.kill()
