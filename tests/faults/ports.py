"""Ports for servers that are killed and started again: no connection takes them meanwhile."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

# Below the range from which Linux takes the ports of outgoing connections.
_FIRST, _LAST = 12_000, 32_000


def _candidates() -> Iterator[int]:
    """Count through the range, from a place of this process's own."""
    start = os.getpid() * 97 % (_LAST - _FIRST)
    return (_FIRST + (start + step) % (_LAST - _FIRST) for step in itertools.count())


_CANDIDATES = _candidates()


def lasting_port() -> int:
    """Return a port that nobody listens on, another one each time."""
    for port in itertools.islice(_CANDIDATES, _LAST - _FIRST):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port is taken")
