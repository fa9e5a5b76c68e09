"""Use cases straight on the model servers: what they count, and whom they trust."""

from __future__ import annotations

import io
import time
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.gateway.capabilities import GrpcCapabilities
from services.gateway.inference import speech
from services.gateway.inference.directions import Direction
from services.gateway.inference.servers import Ask, Errand, Servers
from services.gateway.inference.speech import Line
from services.gateway.inference.transcription import Limits, Transcriber, Wish
from services.shared import tasks
from services.shared.errors import ConnectionLost, Unavailable
from services.shared.rpc.client import Channels
from services.shared.rpc.server import start
from services.shared.rpc.tls import Identities
from tests.support.gateway_house import fakes
from tests.support.speech import silence, tone
from tests.support.tls import Authority
from tests.support.tls_house import House, shout

Count = tuple[str, str, int]


class Counter:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.counted: list[Count] = []
        self.served_ms: list[int] = []

    def spent(self, tenant: str, stage: str, audio_ms: int, served_ms: int) -> None:
        self.counted.append((tenant, stage, audio_ms))
        self.served_ms.append(served_ms)


class Forgetful:
    """Keeps nothing of what services said."""

    def get(self, service: str) -> bytes | None:
        return None

    def put(self, service: str, answer: bytes) -> None:
        pass


@pytest_asyncio.fixture
async def targets() -> AsyncIterator[dict[str, str]]:
    """The four model servers, and where they are."""
    running = {name: await start(*spec) for name, spec in fakes().items()}
    yield {name: f"127.0.0.1:{server.port}" for name, server in running.items()}
    for server in running.values():
        await server.stop()


@pytest_asyncio.fixture
async def servers(targets: dict[str, str]) -> AsyncIterator[Servers]:
    opened = Servers(targets.__getitem__)
    yield opened
    await opened.close()


def errand(servers: Servers, meter: Counter) -> Errand:
    return Errand(servers, "acme", "req_1", time.monotonic() + 60, meter)


async def recording(seconds: float) -> AsyncIterator[bytes]:
    """Yield a file in parts."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.concatenate([tone(seconds, 2_000), silence(1)]).tobytes())
    for start_byte in range(0, len(data.getvalue()), 10_000):
        yield data.getvalue()[start_byte : start_byte + 10_000]


async def test_each_call_of_a_transcription_is_counted(servers: Servers, targets: dict[str, str]) -> None:
    meter, channels = Counter(), Channels(targets.__getitem__)
    wish = Wish(Direction("auto", "pt"))
    abilities = GrpcCapabilities(channels, Forgetful(), fresh_s=60, timeout_s=10)
    transcriber = Transcriber(errand(servers, meter), abilities, Limits(60, 2), wish)
    await transcriber.check()
    async with aclosing(transcriber.segments(recording(2))) as segments:
        (segment,) = [each async for each in segments]
    channels.close()
    assert segment.text == "01234"  # digits said one by one are no words to translate
    heard_ms = segment.end_ms - segment.start_ms
    assert meter.counted == [
        ("acme", tasks.DECODE, 3_000),
        ("acme", tasks.SEGMENT, 3_000),
        ("acme", tasks.TRANSCRIBE, heard_ms),
        ("acme", tasks.TRANSLATE, heard_ms),
    ]
    assert all(served_ms > 0 for served_ms in meter.served_ms)


async def test_the_text_of_a_short_clip_takes_one_look_whatever_is_spoken(
    servers: Servers, targets: dict[str, str]
) -> None:
    abilities = GrpcCapabilities(Channels(targets.__getitem__), Forgetful(), fresh_s=60, timeout_s=10)
    texts = {"pt": "012345", "en": "zero one two three four five six"}
    for target in ("pt", "en", None):
        meter = Counter()
        wish = Wish(Direction("auto", target), timed=False, words=False)
        transcriber = Transcriber(errand(servers, meter), abilities, Limits(60, 2), wish)
        await transcriber.check()
        async with aclosing(transcriber.segments(recording(2))) as segments:
            (segment,) = [each async for each in segments]
        assert (segment.language, segment.words) == ("en", ())
        assert segment.text.startswith(texts[target or "en"][:5])
        stages = [stage for _, stage, _ in meter.counted]
        assert stages == [tasks.DECODE, tasks.TRANSCRIBE] + [tasks.TRANSLATE] * (target == "pt")


async def test_each_call_of_a_speech_is_counted(servers: Servers) -> None:
    meter = Counter()
    async with aclosing(
        speech.encoded(errand(servers, meter), Line("Hello there", "en", ""), "opus")
    ) as file:
        assert b"".join([part async for part in file]).startswith(b"OggS")
    assert meter.counted == [("acme", tasks.SYNTHESIZE, 600), ("acme", tasks.ENCODE, 600)]


async def test_a_server_that_is_away_is_unavailable() -> None:
    nowhere = Servers(lambda _: "127.0.0.1:1")
    meter = Counter()
    with pytest.raises(Unavailable) as caught:
        await errand(nowhere, meter).one(translation())
    assert not isinstance(caught.value, ConnectionLost)
    assert meter.counted == []
    await nowhere.close()


def translation() -> Ask:
    request = translation_pb2.TranslateRequest(texts=["hello"])
    return Ask(tasks.TRANSLATE, translation_pb2_grpc.TranslationStub, "Translate", request)


async def test_a_renewed_certificate_is_shown_from_the_next_call_on(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serving(shout):
        folder = house.client()
        opened = Servers(lambda _: f"127.0.0.1:{house.port}", Identities(folder))
        mine = errand(opened, Counter())
        for _ in range(2):
            answer = await mine.one(translation())
            assert answer.translations[0].text == "HELLO"
            house.authority.mount(folder, "worker")
        assert len(set(house.shown)) == 2
        await opened.close()


async def test_a_server_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serving(shout):
        stranger = Authority(tmp_path, "other").mount(tmp_path / "stranger", "worker")
        opened = Servers(lambda _: f"127.0.0.1:{house.port}", Identities(stranger))
        with pytest.raises(Unavailable) as caught:
            await errand(opened, Counter()).one(translation())
        assert caught.value.code == "tls_refused"
        await opened.close()
