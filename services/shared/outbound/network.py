"""Connections for one request: only to addresses that were checked, never for longer than its deadline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream

# Of the head of an answer: status line and headers, those of interim answers too.
MAX_HEAD_BYTES: Final = 64 * 1024


class Guard:
    """The limits of one request.

    Args:
        total_s: Time for all of it, from now on.
        connect_s: Most of that for one address.
    """

    def __init__(self, total_s: float, connect_s: float) -> None:
        self._end_s = time.monotonic() + total_s
        self._connect_s = connect_s
        self._head_bytes_left: int | None = MAX_HEAD_BYTES

    def left_s(self) -> float:
        """Return what is left of the time.

        Raises:
            httpcore.ReadTimeout: nothing is.
        """
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("the time for this request is over")
        return left_s

    def connect_left_s(self) -> float:
        """Return the time for one address; raises as `left_s`."""
        return min(self.left_s(), self._connect_s)

    def count(self, received_bytes: int) -> None:
        """Count bytes that came in."""
        if self._head_bytes_left is not None:
            self._head_bytes_left -= received_bytes

    def check_head(self) -> None:
        """Ask whether there may be more; one read too many is allowed, as it may bring the body already.

        Raises:
            httpcore.RemoteProtocolError: the head is too long.
        """
        if self._head_bytes_left is not None and self._head_bytes_left <= 0:
            raise httpcore.RemoteProtocolError("the head of the answer is too long")

    def head_is_over(self) -> None:
        """What comes in from here on is the body, which is counted by whom it is for."""
        self._head_bytes_left = None


class Backend(NetworkBackend):
    """Connects to given addresses in place of whatever host the request names.

    TLS and the Host header keep the name, so certificates are checked against it.

    Args:
        addresses: To try in turn; None for the host itself, which is the operator's own proxy then.
        guard: The limits.
    """

    def __init__(self, addresses: Sequence[str] | None, guard: Guard) -> None:
        self._addresses = addresses
        self._guard = guard
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the guard knows better
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """Connect to the first address that answers."""
        failure: Exception = httpcore.ConnectError("there is no address")
        for address in (host,) if self._addresses is None else self._addresses:
            left_s = self._guard.connect_left_s()
            try:
                stream = self._inner.connect_tcp(address, port, left_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._guard)
        raise failure


class _Stream(NetworkStream):
    """A connection whose every wait ends with the request's time."""

    def __init__(self, inner: NetworkStream, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        """Read some bytes."""
        self._guard.check_head()
        received = self._inner.read(max_bytes, self._guard.left_s())
        self._guard.count(len(received))
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        """Write them all."""
        self._inner.write(buffer, self._guard.left_s())

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> NetworkStream:
        """Go on in TLS."""
        left_s = self._guard.connect_left_s()
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left_s), self._guard)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)
