"""Which URLs that a client named may be asked: the rules, and the check that needs no network."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from services.shared.config import Settings
from services.shared.errors import InvalidRequest, Misconfigured
from services.shared.outbound.addresses import Address, Network, Resolver, is_public, system_resolver

MAX_URL_CHARACTERS: Final = 2_048
_MAX_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_PRINTABLE: Final = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, controls and the backslash
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# What the system would read as an IPv4 address in disguise: 127.1, 2130706433, 0x7f.1.
_NUMBER: Final = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")
_PATTERN: Final = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:]*:[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for one kind of request.

    Attributes:
        hosts: Patterns of hosts that may be asked: a name, "*.example.com" (any name below it, not itself),
            an IP address, or "*". None stands for every public host, the empty tuple for none at all.
        ports: That may be asked.
        trusted: Patterns of hosts that may have addresses which are not public, any port, and plain http.
        trusted_networks: Networks that are not public and may be asked all the same; an address of theirs
            in a URL may have any port and plain http. `hosts` comes before both.
        ca_file: Certificates of authorities to trust beside the usual ones.
        proxy: URL of a proxy that makes the connections, and then decides on addresses in our place; with
            its user and password, if it wants them.
        resolver: Looks up the addresses of a name.
    """

    hosts: tuple[str, ...] | None
    ports: frozenset[int] = frozenset({443, 8443})
    trusted: tuple[str, ...] = ()
    trusted_networks: tuple[Network, ...] = ()
    ca_file: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    resolver: Resolver = system_resolver

    @classmethod
    def of(cls, settings: Settings, hosts: tuple[str, ...] | None) -> Policy:
        """Return the installation's rules for requests to these hosts.

        Raises:
            Misconfigured: a setting, or one of the hosts, cannot be understood.
        """
        trusted, networks = _trusted(settings.outbound_trusted)
        return cls(
            hosts=None if hosts is None else patterns(",".join(hosts)),
            ports=frozenset(_port(each) for each in _listed(settings.outbound_ports)),
            trusted=trusted,
            trusted_networks=networks,
            ca_file=settings.outbound_ca_file,
            proxy=_proxy(settings.outbound_proxy),
        )

    def trusts(self, host: str) -> bool:
        """Say whether a host of a URL may be asked at any port and without TLS."""
        address = _address(host)
        return _matches(host, self.trusted) or (address is not None and self._in_trusted_network(address))

    def allows(self, host: str, address: Address) -> bool:
        """Say whether a host may be asked at this address of its."""
        return is_public(address) or _matches(host, self.trusted) or self._in_trusted_network(address)

    def _in_trusted_network(self, address: Address) -> bool:
        return any(address in network for network in self.trusted_networks)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed the check.

    Attributes:
        scheme: "https", or "http" for a trusted host.
        host: Name or address, in lower case, without brackets.
        port: Always set.
        netloc: Host and port as the Host header has them.
        path: What is asked for: path and query, at least "/".
    """

    scheme: str
    host: str
    port: int
    netloc: str
    path: str = field(repr=False)


def check(url: str, policy: Policy) -> Target:
    """Check a URL as far as that goes without asking anybody: its form, and the list of hosts.

    The addresses of its host are checked when it is asked.

    Raises:
        InvalidRequest: (code url_not_allowed) it may not be asked; the detail says why, and never quotes
            more of it than the host.
    """
    parsed = _parsed(url)
    host = parsed.raw_host.decode("ascii").strip("[]").lower()
    if not _NAME.fullmatch(host) and _address(host) is None:
        raise refused("its host is neither a name nor an address")
    if _NUMBER.fullmatch(host) and _address(host) is None:
        raise refused("its host is a number; write an address as four decimal numbers")
    if policy.hosts is not None and not _matches(host, policy.hosts):
        raise refused(f"the host {host} is not on the list of hosts that may be asked")
    port = _DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not policy.trusts(host):
        _check_for_strangers(parsed.scheme, port, policy)
        if (address := _address(host)) is not None and not policy.allows(host, address):
            raise refused("its address is not public")
    return Target(parsed.scheme, host, port, parsed.netloc.decode("ascii"), parsed.raw_path.decode("ascii"))


def refused(why: str) -> InvalidRequest:
    """Return the error of a URL that may not be asked."""
    return InvalidRequest(f"This URL may not be used: {why}.", code="url_not_allowed")


def patterns(listed: str) -> tuple[str, ...]:
    """Read host patterns that are separated by commas.

    Raises:
        Misconfigured: one is neither a name, nor "*." before a name, nor an IP address, nor "*".
    """
    found = _listed(listed)
    if wrong := [each for each in found if not _PATTERN.fullmatch(each)]:
        raise Misconfigured(f"{wrong[0]!r} is no host: write a name, *.name, an IP address, or *.")
    return found


def _parsed(url: str) -> httpx.URL:
    if len(url) > MAX_URL_CHARACTERS:
        raise refused(f"it is longer than {MAX_URL_CHARACTERS} characters")
    if not _PRINTABLE.fullmatch(url):
        raise refused("it holds a character that must be percent-encoded; write hosts in their ASCII form")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise refused("it cannot be read") from None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise refused("it must begin with https:// and name a host")
    if parsed.userinfo or "@" in _AUTHORITY_END.split(url.partition("//")[2])[0]:
        raise refused("it holds a user or a password")
    return parsed


def _check_for_strangers(scheme: str, port: int, policy: Policy) -> None:
    if scheme != "https":
        raise refused("it must begin with https://")
    if port not in policy.ports:
        raise refused(f"its port must be one of {', '.join(map(str, sorted(policy.ports)))}")


def _matches(host: str, listed: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(host, each) for each in listed)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _trusted(listed: str) -> tuple[tuple[str, ...], tuple[Network, ...]]:
    """Tell host patterns from networks and addresses."""
    hosts: list[str] = []
    networks: list[Network] = []
    for each in _listed(listed):
        try:
            networks.append(ipaddress.ip_network(each))
        except ValueError:
            hosts.append(each)
    return patterns(",".join(hosts)), tuple(networks)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in text.split(",") if each.strip())


def _proxy(setting: SecretStr | None) -> str | None:
    if setting is None:
        return None
    try:
        parsed = httpx.URL(setting.get_secret_value())
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme != "http" or not parsed.host:
        detail = "DRAGOMAN_OUTBOUND_PROXY: write http://[user:password@]host:port."
        raise Misconfigured(detail)
    return str(setting.get_secret_value())


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PORT:
        raise Misconfigured(f"DRAGOMAN_OUTBOUND_PORTS: {text!r} is no port; write numbers with commas.")
    return int(text)
