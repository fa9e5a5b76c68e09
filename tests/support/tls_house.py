"""A server with certificates, and its callers with theirs, for tests."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from protos.v1 import translation_pb2, translation_pb2_grpc, tts_pb2_grpc
from services.shared.config import Settings
from services.shared.rpc import client, server
from services.shared.rpc.admission import Admission
from services.shared.rpc.client import Channels
from services.shared.rpc.tls import Identities
from tests.support.fragile import Speaker
from tests.support.tls import Authority
from tests.support.translator import GRPC_NAME, Servicer, Translate


class Witness(Servicer):
    """Notes whose certificate each caller shows."""

    def __init__(self, core: server.Lazy[Translate], admission: Admission, shown: list[bytes]) -> None:
        super().__init__(core, admission)
        self._shown = shown

    async def Translate(  # noqa: N802 - gRPC's name
        self, request: translation_pb2.TranslateRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> translation_pb2.TranslateResponse:
        self._shown += context.auth_context()["x509_pem_cert"]
        return await super().Translate(request, context)


class House:
    """A server and the certificates around it.

    Attributes:
        folder: Its tls.crt, tls.key and ca.crt.
        shown: Certificates of the callers whose calls it began, in PEM.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.authority = Authority(place)
        self.folder = self.authority.mount(place / "server", "127.0.0.1", "localhost")
        self.shown: list[bytes] = []
        self.port = 0

    def client(self) -> Path:
        """Return the folder of a client whom the server's authority vouches for."""
        return self.authority.mount(self.place / "client", "worker")

    def channels(self, folder: Path | None, host: str = "127.0.0.1", longest_s: float = 600) -> Channels:
        """Return a process's channels, which all lead to this server."""
        identities = None if folder is None else Identities(folder)
        return Channels(lambda _: f"{host}:{self.port}", identities, longest_s)

    @asynccontextmanager
    async def serving(self, translate: Translate, **settings: Any) -> AsyncIterator[None]:
        """Serve on a free port; `settings` replace those of this house."""

        def register(into: grpc.aio.Server, core: server.Lazy[Translate], admission: Admission) -> None:
            into_both = (Witness(core, admission, self.shown), Speaker(core, admission))
            translation_pb2_grpc.add_TranslationServicer_to_server(into_both[0], into)
            tts_pb2_grpc.add_TtsServicer_to_server(into_both[1], into)

        spec = server.ServerSpec("translation", GRPC_NAME, lambda: translate, register, slots=2, queue=2)
        running = await server.start(spec, Settings(**{"tls_dir": self.folder} | settings))
        self.port = running.port
        try:
            yield
        finally:
            await running.stop()


def shout(text: str, _gone: object) -> str:
    return text.upper()


def ask(channels: Channels, text: str = "hello") -> str:
    stub = translation_pb2_grpc.TranslationStub(channels.to("translation"))
    request = translation_pb2.TranslateRequest(texts=[text])
    return client.call(lambda: stub.Translate(request, timeout=30)).translations[0].text


async def asking(channels: Channels, text: str = "hello") -> str:
    return await asyncio.to_thread(ask, channels, text)


def handshake(port: int, folder: Path, version: ssl.TLSVersion) -> tuple[str | None, bytes | None]:
    """Connect by one version of TLS; return the version and the server's certificate."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), 30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.version(), secure.getpeercert(binary_form=True)
