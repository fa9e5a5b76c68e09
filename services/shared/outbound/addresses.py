"""Which IP addresses lie out in the open, and how the addresses of a name are found in bounded time."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Gives the addresses of a host name as text; raises OSError when there are none.
Resolver = Callable[[str], Sequence[str]]

_CLOSED: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host, or this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT; clouds keep services there
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# The only IPv6 addresses given out so far; these lie inside and are no hosts, or wrap an IPv4 address.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_CLOSED_6: Final = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # Teredo, ORCHID, benchmarks and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "3ffe::/16",  # the given back 6bone
    )
)


def is_public(address: Address) -> bool:
    """Say whether an address is one that anybody on the internet may have.

    An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) is not, whatever it
    carries: no name that is meant for the public needs one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _CLOSED_6)


def system_resolver(host: str) -> Sequence[str]:
    """Look a name up as the system does: both families, each address once."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def look_up(host: str, resolver: Resolver, timeout_s: float) -> tuple[Address, ...]:
    """Return all addresses of a host, at least one.

    Args:
        host: Name or address.
        resolver: Asked unless the host is an address already.
        timeout_s: Wait for its answer; the system's own resolver knows no limit.

    Raises:
        TimeoutError: there was no answer in time.
        OSError: there is no such host.
    """
    try:
        return (ipaddress.ip_address(host),)
    except ValueError:
        pass
    answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, resolver, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError) or not answer:
        raise answer if isinstance(answer, OSError) else OSError("no address")
    return tuple(ipaddress.ip_address(each) for each in answer)


def _ask(host: str, resolver: Resolver, answers: queue.SimpleQueue[Sequence[str] | OSError]) -> None:
    try:
        answers.put(resolver(host))
    except (OSError, UnicodeError) as error:
        answers.put(error if isinstance(error, OSError) else OSError("no host name"))
