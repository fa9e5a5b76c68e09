"""The forms of a Redis URL, and what each becomes: a client for the ledger, an address for Celery.

| Form | Meaning |
| --- | --- |
| `redis://[user:password@]host[:6379][/db]` | One Redis, without TLS |
| `rediss://[user:password@]host[:6379][/db]` | One Redis, with TLS |
| `unix:///path/of/socket[?db=0]` | One Redis, through a socket of this machine |
| `sentinel://[user:password@]host[:26379],host[:26379]/service[/db]` | The primary that Sentinel names |
| `sentinels://[user:password@]host[:26379],host[:26379]/service[/db]` | The same; TLS to Sentinel and Redis |

User and password are those of Redis, with special characters percent-encoded. Options follow after `?`:

| Option | Meaning |
| --- | --- |
| `db` | Database number, 0 when neither the option nor the path names one |
| `username`, `password` | Of Redis; for unix://, which has no place for them |
| `sentinel_username`, `sentinel_password` | Of the sentinels, when they ask for one |
| `ssl_ca_certs`, `ssl_ca_path` | File or folder of the authorities to trust beside the system's own |
| `ssl_certfile`, `ssl_keyfile`, `ssl_password` | This client's certificate, its key, and the key's password |
| `ssl_cert_reqs` | `required` (the default), `optional` or `none`: whether the server must prove who it is |
| `ssl_check_hostname` | `true` (the default) or `false`: whether its certificate must name the host |
| `socket_timeout` | Seconds to wait for an answer, 30; what a primary that vanished without a word costs |
| `socket_connect_timeout` | Seconds to wait for a connection, 5 |
| `health_check_interval` | Idle seconds after which a connection is checked before use, 25 |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from services.shared.errors import Misconfigured

_TLS: Final = frozenset({"rediss", "sentinels"})
_SENTINEL: Final = frozenset({"sentinel", "sentinels"})
_SCHEMES: Final = _TLS | _SENTINEL | {"redis", "unix"}
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_FILES: Final = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})
_TLS_OPTIONS: Final = _FILES | {"ssl_password", "ssl_cert_reqs", "ssl_check_hostname"}
_TIMES: Final = {"socket_timeout": 30.0, "socket_connect_timeout": 5.0, "health_check_interval": 25.0}
_AUTH: Final = frozenset({"username", "password"})
_SENTINEL_AUTH: Final = frozenset({"sentinel_username", "sentinel_password"})
_OPTIONS: Final = _TLS_OPTIONS | _AUTH | _SENTINEL_AUTH | _TIMES.keys() | {"db"}
# One sentinel that is away must not hold up the question to the next one.
_SENTINEL_WAIT_S: Final = 2.0
_DEPOSED: Final = ("READONLY", "NOREPLICAS", "UNBLOCKED")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """What a Redis URL says; its text form shows no password.

    Attributes:
        nodes: Host and port of the one Redis, or of every sentinel; empty for a socket.
        path: Of the socket, else None.
        service: Sentinel's name of the primary, None without Sentinel.
        db: Database number.
        auth: `username` and `password` of Redis, as far as given.
        sentinel_auth: The same of the sentinels.
        tls: What redis-py calls `ssl_...`, None without TLS.
        times_s: Seconds for each of socket_timeout, socket_connect_timeout, health_check_interval.
    """

    nodes: tuple[tuple[str, int], ...]
    path: str | None
    service: str | None
    db: int
    auth: Mapping[str, str] = field(repr=False)
    sentinel_auth: Mapping[str, str] = field(repr=False)
    tls: Mapping[str, str | bool] | None = field(repr=False)
    times_s: Mapping[str, float]

    @property
    def sentinel_options(self) -> dict[str, Any]:
        """Keyword arguments of a redis-py client of one sentinel."""
        waits = {name: min(self.times_s[name], _SENTINEL_WAIT_S) for name in _TIMES if "socket" in name}
        tls = {"ssl": True, **self.tls} if self.tls is not None else {}
        return {**self.sentinel_auth, **waits, **tls, "retry": Retry(NoBackoff(), 0)}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker in Celery's own words.

    Attributes:
        url: For the app's `broker_url`; it holds the password.
        transport_options: To put over the app's `broker_transport_options`.
        use_ssl: For the app's `broker_use_ssl`; None without TLS.
        is_redis: Whether Redis carries the messages, so that options of that transport apply.
    """

    url: str = field(repr=False)
    transport_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    use_ssl: Mapping[str, str | bool] | None = field(default=None, repr=False)
    is_redis: bool = False


def parse(url: str) -> RedisAddress:
    """Understand one of the forms above.

    Raises:
        Misconfigured: it is none of them; the detail holds no part of a password.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong("it cannot be read; percent-encode special characters of the password") from None
    _check(parts, options)
    auth, nodes = _authority(parts)
    path = parts.path if parts.scheme == "unix" else None
    service, db = _service_and_db(parts)
    return RedisAddress(
        nodes=() if path else nodes,
        path=unquote(path) if path else None,
        service=service,
        db=_whole(options.get("db", db), "its database is no number"),
        auth=auth | _given(options, _AUTH),
        sentinel_auth=_given(options, _SENTINEL_AUTH, "sentinel_"),
        tls=_tls(options) if parts.scheme in _TLS else None,
        times_s={name: _seconds(options.get(name, default), name) for name, default in _TIMES.items()},
    )


def client(url: str, retries: int = 6, *, most_wait_s: float = 30.0) -> redis.Redis:
    """Open a pool to Redis that retries over short outages and follows the primary after a failover.

    Args:
        url: One of the forms above.
        retries: After a failed command; 6 wait for about 3 s in all.
        most_wait_s: Caps each of the times of the URL.

    Raises:
        Misconfigured: the URL is wrong.
    """
    address = parse(url)
    options: dict[str, Any] = {
        **address.auth,
        **(address.tls or {}),
        **{name: min(value, most_wait_s) for name, value in address.times_s.items()},
        "db": address.db,
        "decode_responses": True,
        "retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), retries=retries),
    }
    if address.service is not None:
        return _primary(address, address.service, options)
    if address.path is not None:
        del options["socket_connect_timeout"]
        return _pooled(_SocketConnection, path=address.path, **options)
    host, port = address.nodes[0]
    return _pooled(
        _PlainConnection if address.tls is None else _TlsConnection, host=host, port=port, **options
    )


def broker(url: str) -> BrokerAddress:
    """Say a broker's URL in Celery's words; one of another kind than Redis, such as amqp://, stays as it is.

    kombu takes each of Sentinel's nodes for a broker of its own and goes from one to the next after a
    failure, so each of them names user, password and database. TLS goes into `use_ssl` rather than into
    the URL: kombu reads no options in a sentinel's URL, and without any it checks no certificate.

    Raises:
        Misconfigured: it is a Redis URL, and a wrong one.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        return BrokerAddress(url, is_redis=scheme == "redis+socket")
    address = parse(url)
    login = _login(address.auth)
    if address.path is not None:
        path = quote(address.path)
        return _redis_broker(f"redis+socket://{login}{path}?virtual_host={address.db}", address)
    carrier = "sentinel" if address.service is not None else scheme
    nodes = [f"{carrier}://{login}{_bracketed(host)}:{port}/{address.db}" for host, port in address.nodes]
    return _redis_broker(";".join(nodes), address)


class _FollowsPrimary:
    """Leaves a Redis that is no primary any more, so that the retry goes to the new one.

    It may know that itself, or only that its replicas left it (`min-replicas-to-write`). Redis 6 wraps
    both into a script's error, which redis-py does not recognise.
    """

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Read an answer; one that a primary in office never gives counts as a lost connection."""
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]  # a connection's
        except ResponseError as error:
            if not isinstance(error, ReadOnlyError) and not any(mark in str(error) for mark in _DEPOSED):
                raise
            self.disconnect()  # type: ignore[attr-defined]  # a connection's
            raise RedisConnectionError("This Redis is not the primary any more.") from None

    def connect_check_health(self, *arguments: bool, **options: bool) -> None:
        """Connect once: the command that wants it is itself tried again, and both would multiply."""
        super().connect_check_health(*arguments, **options | {"retry_socket_connect": False})  # type: ignore[misc]  # as above


class _AsksSentinel(_FollowsPrimary):
    """Asks Sentinel for the primary in the midst of a command, too.

    redis-py 8.1 asks for new commands only; one that lost its connection goes back to the address of before.
    """

    def connect_check_health(self, *arguments: bool, **options: bool) -> None:
        """Connect to the primary of this moment; `connect_to` comes here again, without retries."""
        if options.get("retry_socket_connect", True):
            self.connect_to(self.connection_pool.get_master_address())  # type: ignore[attr-defined]  # a connection's
        else:
            super().connect_check_health(*arguments, **options)


class _PlainConnection(_FollowsPrimary, Connection):
    pass


class _TlsConnection(_FollowsPrimary, SSLConnection):
    pass


class _SocketConnection(_FollowsPrimary, UnixDomainSocketConnection):
    pass


class _SentinelConnection(_AsksSentinel, SentinelManagedConnection):
    pass


class _SentinelTlsConnection(_AsksSentinel, SentinelManagedSSLConnection):
    pass


def _pooled(kind: type, **options: Any) -> redis.Redis:
    return redis.Redis.from_pool(ConnectionPool(connection_class=kind, **options))


def _primary(address: RedisAddress, service: str, options: Mapping[str, Any]) -> redis.Redis:
    kind = _SentinelConnection if address.tls is None else _SentinelTlsConnection
    manager: Any = Sentinel(address.nodes, sentinel_kwargs=address.sentinel_options)  # type: ignore[no-untyped-call]  # redis-py's gap
    found: redis.Redis = manager.master_for(service, connection_class=kind, **options)
    return found


def _redis_broker(url: str, address: RedisAddress) -> BrokerAddress:
    options: dict[str, Any] = dict(address.times_s)
    if address.service is not None:
        options |= {"master_name": address.service, "sentinel_kwargs": address.sentinel_options}
    return BrokerAddress(url, options, address.tls, is_redis=True)


def _check(parts: SplitResult, options: Mapping[str, str]) -> None:
    if parts.scheme not in _SCHEMES:
        raise _wrong(f"it must begin with one of {', '.join(sorted(_SCHEMES))} and ://")
    if parts.fragment:
        raise _wrong("it holds a #; percent-encode special characters of the password")
    # Their names are not repeated: behind a ? in a password stands the rest of it.
    if not options.keys() <= _OPTIONS:
        raise _wrong(f"after ? it may only have {', '.join(sorted(_OPTIONS))}")
    if parts.scheme not in _TLS and options.keys() & _TLS_OPTIONS:
        raise _wrong("ssl_ options need rediss:// or sentinels://")
    if parts.scheme not in _SENTINEL and options.keys() & _SENTINEL_AUTH:
        raise _wrong("sentinel_ options need sentinel:// or sentinels://")


def _authority(parts: SplitResult) -> tuple[dict[str, str], tuple[tuple[str, int], ...]]:
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    default = _SENTINEL_PORT if parts.scheme in _SENTINEL else _PORT
    nodes = hosts.split(",") if parts.scheme in _SENTINEL else [hosts]
    auth = {"username": unquote(user), "password": unquote(password)}
    if parts.scheme == "unix":
        if hosts or not parts.path:
            raise _wrong("unix:// needs the whole path of the socket, so three slashes")
        return _given(auth, _AUTH), ()
    return _given(auth, _AUTH), tuple(_node(node, default) for node in nodes)


def _node(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong("a port is no number from 1 to 65535") from None
    if not host:
        raise _wrong("it names no host")
    if "," in host or ";" in host:
        raise _wrong("it names several hosts; with Sentinel they stand between commas, else there is one")
    return host, port or default


def _service_and_db(parts: SplitResult) -> tuple[str | None, str]:
    if parts.scheme == "unix":
        return None, "0"
    path = [unquote(part) for part in parts.path.strip("/").split("/")]
    service = path.pop(0) if parts.scheme in _SENTINEL else None
    if service == "":
        raise _wrong("after the sentinels it must name the service: sentinel://host:26379/service")
    if len(path) > 1:
        raise _wrong("its path has too many parts")
    return service, (path[0] if path else "") or "0"


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    given: dict[str, str | bool] = dict(_given(options, _TLS_OPTIONS))
    # Celery's documentation writes CERT_REQUIRED where redis-py writes required.
    required = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if required not in {"required", "optional", "none"}:
        raise _wrong("ssl_cert_reqs is required, optional or none")
    checked = options.get("ssl_check_hostname", "true").lower()
    if checked not in {"true", "false"}:
        raise _wrong("ssl_check_hostname is true or false")
    for name in sorted(_FILES & given.keys()):
        if not Path(options[name]).exists():
            raise _wrong(f"what {name} names is not there")
    # Said in full, because kombu checks nothing when it is told nothing.
    return given | {"ssl_cert_reqs": required, "ssl_check_hostname": checked == "true" and required != "none"}


def _given(options: Mapping[str, str], names: frozenset[str], prefix: str = "") -> dict[str, str]:
    return {name.removeprefix(prefix): options[name] for name in sorted(names) if options.get(name)}


def _login(auth: Mapping[str, str]) -> str:
    if not auth:
        return ""
    return f"{quote(auth.get('username', ''), safe='')}:{quote(auth.get('password', ''), safe='')}@"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _whole(text: str, problem: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _wrong(problem)
    return int(text)


def _seconds(value: str | float, name: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        raise _wrong(f"{name} is no number of seconds") from None
    if not 0 < seconds < float("inf"):
        raise _wrong(f"{name} must be above 0")
    return seconds


def _wrong(problem: str) -> Misconfigured:
    return Misconfigured(
        f"The Redis URL is wrong: {problem}. It is not shown, for it may hold a password.",
        code="redis_url_invalid",
    )
