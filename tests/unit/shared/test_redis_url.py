"""Each form of a Redis URL is understood, said to Celery in its words, or refused without a leak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.connection import Connection

from services.shared import redis_url
from services.shared.errors import Misconfigured

PASSWORD = "p@ss/w:rd?#,;%"
QUOTED = "p%40ss%2Fw%3Ard%3F%23%2C%3B%25"


def kombu(url: str) -> Any:
    """Return kombu's connection to a broker, with its parameters worked out and nothing opened."""
    address = redis_url.broker(url)
    kind: Any = Connection
    return kind(address.url, transport_options=dict(address.transport_options), ssl=address.use_ssl or False)


@pytest.mark.parametrize(
    ("url", "nodes", "db"),
    [
        ("redis://cache", (("cache", 6379),), 0),
        ("redis://127.0.0.1:6399/0", (("127.0.0.1", 6399),), 0),
        ("redis://[::1]:7000/3", (("::1", 7000),), 3),
        ("REDISS://cache/2/", (("cache", 6379),), 2),
        ("redis://cache/1?db=4", (("cache", 6379),), 4),
        ("sentinel://a,b:1234,[::1]/main", (("a", 26379), ("b", 1234), ("::1", 26379)), 0),
        ("sentinels://a/main/5", (("a", 26379),), 5),
    ],
)
def test_a_url_names_nodes_and_database(url: str, nodes: tuple[tuple[str, int], ...], db: int) -> None:
    address = redis_url.parse(url)
    assert (address.nodes, address.db) == (nodes, db)
    assert (address.service == "main") is ("sentinel" in url)
    assert (address.tls is not None) is url.lower().startswith(("rediss", "sentinels"))


@pytest.mark.parametrize(
    "url",
    [
        f"redis://me:{QUOTED}@cache/0",
        f"rediss://me:{QUOTED}@cache/0",
        f"unix://me:{QUOTED}@/run/redis.sock",
        f"unix:///run/redis.sock?username=me&password={QUOTED}",
        f"sentinel://me:{QUOTED}@a:1,b:2/main?sentinel_username=me&sentinel_password={QUOTED}",
    ],
)
def test_user_and_password_are_read_and_never_shown(url: str) -> None:
    address = redis_url.parse(url)
    assert address.auth == {"username": "me", "password": PASSWORD}
    assert address.service is None or address.sentinel_auth == address.auth
    broker = redis_url.broker(url)
    carrier = kombu(url)
    for shown in (repr(address), repr(broker), carrier.as_uri()):
        assert PASSWORD not in shown
        assert QUOTED not in shown


def test_a_client_has_the_settings_that_the_ledger_relies_on() -> None:
    options = redis_url.client("redis://cache:7000/3").connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == ("cache", 7000, 3)
    assert options["decode_responses"] is True
    assert (options["socket_connect_timeout"], options["socket_timeout"]) == (5, 30)
    assert options["health_check_interval"] == 25


def test_times_can_be_chosen_and_capped() -> None:
    url = "redis://cache?socket_timeout=7.5&health_check_interval=9"
    options = redis_url.client(url, most_wait_s=8).connection_pool.connection_kwargs
    assert (options["socket_connect_timeout"], options["socket_timeout"]) == (5, 7.5)
    assert options["health_check_interval"] == 8
    assert redis_url.broker(url).transport_options["socket_timeout"] == 7.5


@pytest.mark.parametrize(
    "written", ["none", "CERT_NONE", "optional", "CERT_OPTIONAL", "required", "Required"]
)
def test_how_far_certificates_are_checked_can_be_written_in_two_ways(written: str) -> None:
    tls = redis_url.parse(f"rediss://cache?ssl_cert_reqs={written}").tls or {}
    assert tls["ssl_cert_reqs"] == written.lower().removeprefix("cert_")
    assert tls["ssl_check_hostname"] is (tls["ssl_cert_reqs"] != "none")


@pytest.mark.parametrize("url", ["rediss://cache/0", "sentinels://a:1,b:2/main"])
def test_tls_checks_the_server_unless_told_not_to(url: str) -> None:
    broker = redis_url.broker(url)
    assert broker.use_ssl == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}


def test_tls_files_reach_redis_sentinels_and_celery(tmp_path: Path) -> None:
    file = tmp_path / "my authority.pem"
    file.touch()
    written = f"ssl_ca_certs={str(file).replace(' ', '%20')}&ssl_check_hostname=false"
    expected = {"ssl_ca_certs": str(file), "ssl_cert_reqs": "required", "ssl_check_hostname": False}
    assert redis_url.parse(f"rediss://cache?{written}").tls == expected
    sentinels = redis_url.broker(f"sentinels://a,b/main?{written}")
    assert sentinels.use_ssl == expected
    assert expected.items() <= sentinels.transport_options["sentinel_kwargs"].items()
    assert sentinels.transport_options["sentinel_kwargs"]["ssl"] is True


def test_celery_gets_every_sentinel_with_login_and_database() -> None:
    broker = redis_url.broker(f"sentinel://me:{QUOTED}@a,[::1]:7/main/3?sentinel_password=two")
    assert broker.url.split(";") == [
        f"sentinel://me:{QUOTED}@a:26379/3",
        f"sentinel://me:{QUOTED}@[::1]:7/3",
    ]
    assert broker.transport_options["master_name"] == "main"
    assert broker.transport_options["sentinel_kwargs"]["password"] == "two"
    assert "password" not in redis_url.parse("sentinel://:x@a/main").sentinel_options


def test_kombu_reads_what_it_is_given_as_it_was_meant() -> None:
    read = kombu(f"redis://me:{QUOTED}@cache:7000/3")
    assert (read.userid, read.password, read.hostname, read.port) == ("me", PASSWORD, "cache", 7000)
    assert read.virtual_host == "3"


def test_another_kind_of_broker_is_left_as_it_is() -> None:
    broker = redis_url.broker("amqp://me:secret@rabbit//")
    assert broker == redis_url.BrokerAddress("amqp://me:secret@rabbit//")
    assert not broker.is_redis
    assert redis_url.broker("redis://cache").is_redis


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://cache", "must begin with one of"),
        ("cache:6379", "must begin with one of"),
        ("redis://", "names no host"),
        ("redis://cache:port", "a port is no number"),
        ("redis://cache:70000", "a port is no number"),
        ("redis://cache/first", "database is no number"),
        ("redis://cache?db=-1", "database is no number"),
        ("redis://cache/0/1", "too many parts"),
        ("redis://a,b:1/0", "names several hosts"),
        ("redis://cache?hallo", "cannot be read"),
        ("redis://cache?colour=red", "may only have"),
        ("redis://cache?ssl_cert_reqs=none", "need rediss"),
        ("redis://cache?sentinel_password=x", "need sentinel"),
        ("redis://cache?socket_timeout=soon", "socket_timeout is no number"),
        ("redis://cache?socket_timeout=0", "above 0"),
        ("redis://cache?health_check_interval=nan", "above 0"),
        ("rediss://cache?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://cache?ssl_check_hostname=perhaps", "ssl_check_hostname"),
        ("rediss://cache?ssl_ca_certs=/not/here", "what ssl_ca_certs names is not there"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("sentinel://a:1,b:2", "must name the service"),
        ("sentinel://a:1,,b:2/main", "names no host"),
        ("sentinel://a:1/main/0/1", "too many parts"),
        ("sentinel://a:1;sentinel://b:2/main", "a port is no number"),
        ("sentinel://a;b/main", "names several hosts"),
    ],
)
def test_a_wrong_url_is_refused_with_what_is_wrong(url: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem) as caught:
        redis_url.client(url)
    assert caught.value.code == "redis_url_invalid"


@given(
    scheme=st.sampled_from(["redis", "rediss", "unix", "sentinel", "sentinels", "ftp"]),
    secret=st.text("SECRT", min_size=6),
    marks=st.lists(st.sampled_from("/?#@:[]&=%;, \\"), min_size=1, max_size=4),
)
def test_no_error_shows_any_part_of_a_password(scheme: str, secret: str, marks: list[str]) -> None:
    password = secret.join(["", *marks, ""])
    with pytest.raises(Misconfigured) as caught:
        redis_url.parse(f"{scheme}://me:{password}@cache:port/x?wrong")
    assert secret not in caught.value.detail
    assert caught.value.__context__ is None or caught.value.__suppress_context__
