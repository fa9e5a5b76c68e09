"""TCP between workers and model servers, with the faults that networks and hung servers have."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_CHUNK_BYTES = 64 * 1024
_IN_FLIGHT = 64

_Chunks = asyncio.Queue[tuple[float, bytes]]


class Proxy:
    """Stands in front of one model server.

    Args:
        loop: Runs it.
        upstream: Port of the server on this machine.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, upstream: int) -> None:
        self._loop = loop
        self._upstream = upstream
        self._flows = asyncio.Event()
        self._flows.set()
        self._latency_s = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def hold(self) -> None:
        """Keep every byte from now on: the server seems to hang."""
        self._do(self._flows.clear)

    def slow(self, latency_s: float) -> None:
        """Deliver every byte so much later."""
        self._do(lambda: setattr(self, "_latency_s", latency_s))

    def heal(self) -> None:
        """Deliver what was kept, and everything else at once."""
        self._do(lambda: setattr(self, "_latency_s", 0.0))
        self._do(self._flows.set)

    def cut(self) -> None:
        """Break every connection."""
        self._do(self._abort)

    async def listen(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stop, and break what is left."""
        assert self._server is not None
        self._server.close()
        self._abort()
        await self._server.wait_closed()

    def _abort(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    def _do(self, action: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(action)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(10), "the proxies' thread hangs"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            self._open.discard(writer)
            return
        self._open.add(upstream)
        try:
            # At the end of all it is cancelled, which asyncio would report as an error.
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._pump(reader, upstream), self._pump(upstream_reader, writer))
        finally:
            for each in (writer, upstream):
                self._open.discard(each)
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks: _Chunks = asyncio.Queue(_IN_FLIGHT)
        await asyncio.gather(self._read(reader, chunks), self._write(chunks, writer))

    async def _read(self, reader: asyncio.StreamReader, chunks: _Chunks) -> None:
        data = b"-"
        while data:
            data = b""
            with suppress(OSError):
                data = await reader.read(_CHUNK_BYTES)
            await chunks.put((self._loop.time(), data))

    async def _write(self, chunks: _Chunks, writer: asyncio.StreamWriter) -> None:
        while True:
            at, data = await chunks.get()
            await asyncio.sleep(max(0.0, at + self._latency_s - self._loop.time()))
            await self._flows.wait()
            if not data:
                writer.close()
                return
            if writer.is_closing():
                continue  # on to the end of what its other side still sends
            with suppress(OSError):
                writer.write(data)
                await writer.drain()


class Proxies:
    """Runs proxies in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxies")
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every proxy and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def to(self, upstream: int) -> Proxy:
        """Return a new proxy in front of a port of this machine."""
        proxy = Proxy(self._loop, upstream)
        asyncio.run_coroutine_threadsafe(proxy.listen(), self._loop).result(10)
        self._proxies.append(proxy)
        return proxy

    async def _close(self) -> None:
        for proxy in self._proxies:
            await proxy.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
