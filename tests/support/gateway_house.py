"""A whole gateway over HTTP: its process, and model servers on an event loop of their own in this one."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAI

from services.asr import server as asr
from services.asr.settings import AsrSettings
from services.codec import server as codec
from services.codec.settings import CodecSettings
from services.gateway.settings import GatewaySettings
from services.shared.config import Settings
from services.shared.rpc.server import RunningServer, ServerSpec, start
from services.translation import server as translation
from services.translation.settings import TranslationSettings
from services.tts import server as tts
from services.tts.settings import TtsSettings
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.waiting import until

# What each service is made of, and its settings.
Specs = dict[str, tuple[ServerSpec[Any], Settings]]


def fakes() -> Specs:
    """Return the four services with engines that need no model, but for media, which is decoded for real."""
    hears, knows = AsrSettings(asr_engines="fake"), TranslationSettings(translation_engines="fake")
    speaks, packs = TtsSettings(tts_engines="fake"), CodecSettings()
    return {
        "asr": (asr.spec(hears), hears),
        "translation": (translation.spec(knows), knows),
        "tts": (tts.spec(speaks), speaks),
        "codec": (codec.spec(packs), packs),
    }


def lite() -> Specs:
    """Return the four services with the lite models."""
    hears, knows, speaks, packs = AsrSettings(), TranslationSettings(), TtsSettings(), CodecSettings()
    return {
        "asr": (asr.spec(hears), hears),
        "translation": (translation.spec(knows), knows),
        "tts": (tts.spec(speaks), speaks),
        "codec": (codec.spec(packs), packs),
    }


@contextmanager
def serving(specs: Specs) -> Iterator[dict[str, str]]:
    """Run model servers in a thread; yield the settings that lead to them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="model servers")
    thread.start()

    def done(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    def stopped(server: RunningServer[Any]) -> None:
        done(server.stop())

    with ExitStack() as ends:
        ends.callback(loop.close)
        ends.callback(thread.join)
        ends.callback(loop.call_soon_threadsafe, loop.stop)
        targets = {}
        for name, (spec, settings) in specs.items():
            server = done(start(spec, settings))
            ends.callback(stopped, server)
            targets[f"{name}_target"] = f"127.0.0.1:{server.port}"
        yield targets


@dataclass(frozen=True)
class House:
    """A gateway that answers."""

    url: str
    key: str

    @property
    def client(self) -> OpenAI:
        """An official client, as it comes, but for its patience."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60)

    @property
    def async_client(self) -> AsyncOpenAI:
        """The same for an event loop."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60)


@contextmanager
def house(specs: Specs, redis_url: str, home: Path, **settings: Any) -> Iterator[House]:
    """Run a gateway with model servers; `settings` are those of the gateway."""
    with serving(specs) as targets:
        mine: dict[str, Any] = {"home": home, "redis_url": redis_url, "http_port": free_port()}
        prefix = f"test-{uuid.uuid4().hex}:"
        chosen = GatewaySettings(**(mine | targets | settings), key_prefix=prefix)
        with process(chosen, "services.gateway.app"):
            until(lambda: _listens(chosen.http_port))
            key = chosen.admin_key_file.read_text().strip()
            yield House(f"http://127.0.0.1:{chosen.http_port}", key)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
