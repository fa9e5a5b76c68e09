"""Certificates made for the test, and a TLS front for a server that speaks none."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import trustme

_CHUNK_BYTES = 64 * 1024


class Authority:
    """Vouches for servers and clients.

    Args:
        folder: Where its files are written.
        name: Of its files.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def server_context(self, host: str = "127.0.0.1", *, ask_client: bool = False) -> ssl.SSLContext:
        """Return what a server needs to prove that it is `host`, and to ask clients for the same."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(host).configure_cert(context)
        if ask_client:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_files(self) -> tuple[Path, Path]:
        """Write a client's certificate and its key; return their files."""
        issued = self._authority.issue_cert("client")
        certificate, key = self._folder / "client.pem", self._folder / "client.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key

    def mount(self, folder: Path, *names: str, until: datetime | None = None) -> Path:
        """Put tls.crt, tls.key and ca.crt into a folder as Kubernetes mounts a secret; return the folder.

        Done again, it changes all three in one step.

        Args:
            folder: Made when it is not there.
            names: That the certificate is for.
            until: When it expires; in a year, unless given.
        """
        issued = self._authority.issue_cert(*names, not_after=until)
        version = folder / f"..{uuid.uuid4().hex}"
        version.mkdir(parents=True)
        for chain in issued.cert_chain_pems:
            chain.write_to_path(version / "tls.crt", append=True)
        issued.private_key_pem.write_to_path(version / "tls.key")
        self._authority.cert_pem.write_to_path(version / "ca.crt")
        _link(folder / "..data", version.name)
        for file in version.iterdir():
            _link(folder / file.name, f"..data/{file.name}")
        return folder


def _link(place: Path, target: str) -> None:
    new = place.with_name(f"{place.name}.new")
    new.symlink_to(target)
    os.replace(new, place)  # noqa: PTH105 - says better than `rename` what it does


@contextmanager
def front(context: ssl.SSLContext, target_port: int) -> Iterator[int]:
    """Pass on what arrives by TLS to a port of this machine; yield the port of the front."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-front")
    thread.start()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with suppress(asyncio.CancelledError, OSError):
            await _join(reader, writer, target_port)
        connections.discard(task)

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target_port: int) -> None:
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", target_port)
    pumps = [
        asyncio.create_task(_pump(reader, behind_writer)),
        asyncio.create_task(_pump(behind_reader, writer)),
    ]
    try:
        # When one side has ended, so has the other.
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        for each in (writer, behind_writer):
            each.transport.abort()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
