"""Certificates are taken up when they are renewed, and are looked at before anything trusts in them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import grpc
import pytest

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.shared.config import Settings
from services.shared.errors import Misconfigured, Unavailable
from services.shared.rpc import client
from services.shared.rpc.client import Channels
from services.shared.rpc.tls import Identities
from tests.conftest import Logged
from tests.support.processes import process
from tests.support.redis_server import free_port
from tests.support.tls import Authority
from tests.support.tls_house import House, ask, asking, handshake, shout
from tests.support.translator import Gate
from tests.support.waiting import becomes


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_renewed_certificates_are_taken_up_without_a_failed_call(house: House) -> None:
    def shown() -> bytes | None:
        return handshake(house.port, house.client(), ssl.TLSVersion.TLSv1_3)[1]

    async with house.serving(shout):
        worker = house.client()
        channels, ended, answers = house.channels(worker), threading.Event(), list[str]()

        def work() -> None:
            while not ended.is_set():
                answers.append(ask(channels))

        working = asyncio.create_task(asyncio.to_thread(work))
        try:
            await becomes(lambda: answers)
            before = await asyncio.to_thread(shown)
            for _ in range(3):
                house.authority.mount(house.folder, "127.0.0.1")
                house.authority.mount(worker, "worker")
                mine = (worker / "tls.crt").read_bytes()
                await becomes(lambda mine=mine: _first(mine) in house.shown)  # type: ignore[misc]  # a lambda's default has no type
                after = await asyncio.to_thread(shown)
                assert after != before
                before = after
        finally:
            ended.set()
            await working
    assert set(answers) == {"HELLO"}


def _first(chain: bytes) -> bytes:
    """Return the first certificate of a chain, as gRPC writes it."""
    text = ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(_leaf(chain)))
    return text.encode()


def _leaf(chain: bytes) -> str:
    end = b"-----END CERTIFICATE-----\n"
    return (chain.partition(end)[0] + end).decode()


async def test_an_authority_that_was_replaced_vouches_no_more(house: House, tmp_path: Path) -> None:
    async with house.serving(shout):
        worker = house.client()
        old = house.authority.mount(tmp_path / "old", "worker")
        channels = house.channels(worker)
        assert await asking(channels) == "HELLO"
        other = Authority(tmp_path, "other")
        other.mount(house.folder, "127.0.0.1")
        other.mount(worker, "worker")
        assert await asking(channels) == "HELLO"
        with pytest.raises(Unavailable):
            await asking(house.channels(old))


async def test_two_authorities_are_trusted_while_one_takes_over(house: House, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    for folder in (house.folder, house.client()):
        both = (folder / "ca.crt").read_bytes() + other.file.read_bytes()
        (folder / "ca.crt").resolve().write_bytes(both)
    async with house.serving(shout):
        assert await asking(house.channels(house.place / "client")) == "HELLO"
        new = other.mount(tmp_path / "new", "worker")
        (new / "ca.crt").resolve().write_bytes((house.folder / "ca.crt").read_bytes())
        assert await asking(house.channels(new)) == "HELLO"


async def test_a_call_that_runs_outlives_its_channels_certificate(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_MARGIN_S", 0)
    gate = Gate()
    async with house.serving(gate):
        worker = house.client()
        channels = house.channels(worker, longest_s=0.05)
        first = channels.to("translation")
        stub = translation_pb2_grpc.TranslationStub(first)
        call = stub.Translate.future(translation_pb2.TranslateRequest(texts=["long"]), timeout=30)
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)
        # The same files written again are no other identity.
        for file in worker.glob("*.*"):
            file.resolve().touch()
        assert channels.to("translation") is first
        channels._longest_s = 600
        house.client()
        second = channels.to("translation")
        assert second is not first
        assert channels.to("translation") is second
        gate.opened.set()
        answer = await asyncio.to_thread(call.result, 30)
        assert answer.translations[0].text == "LONG"
        channels._longest_s = 0.05
        house.client()
        assert channels.to("translation") is not second
        await becomes(lambda: is_closed(second))


def is_closed(channel: grpc.Channel) -> bool:
    try:
        stub = translation_pb2_grpc.TranslationStub(channel)
        stub.Translate.future(translation_pb2.TranslateRequest(), timeout=30).cancel()
    except ValueError:
        return True
    return False


async def test_a_renewal_that_went_wrong_is_logged_and_not_used(house: House, logged: Logged) -> None:
    async with house.serving(shout):
        channels = house.channels(house.client())
        good = (house.folder / "tls.key").resolve()
        kept = good.read_bytes()
        good.write_bytes(b"half a k")
        assert await asking(channels) == "HELLO"
        wrong = [line for line in logged() if line["event"] == "renewed certificate not used"]
        assert len(wrong) == 1
        assert "tls.crt and tls.key" in wrong[0]["detail"]
        good.write_bytes(kept)
        house.authority.mount(house.folder, "127.0.0.1")
        assert await asking(house.channels(house.client())) == "HELLO"
        assert "certificate renewed" in [line["event"] for line in logged()]


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "ca.crt"])
def test_a_file_that_is_missing_or_wrong_is_named(house: House, name: str) -> None:
    file = house.folder / name
    file.resolve().write_bytes(b"-----BEGIN NONSENSE-----")
    with pytest.raises(Misconfigured, match=rf"DRAGOMAN_TLS_DIR: .*{name}.*issue them again") as wrong:
        Identities(house.folder)
    file.unlink()
    with pytest.raises(Misconfigured, match=rf"{name} cannot be read \(No such file") as missing:
        Channels.of(Settings(tls_dir=house.folder))
    assert wrong.value.code == missing.value.code == "tls_files"


def test_a_key_of_another_certificate_is_wrong(house: House, tmp_path: Path) -> None:
    other = house.authority.mount(tmp_path / "other", "127.0.0.1")
    (house.folder / "tls.key").resolve().write_bytes((other / "tls.key").read_bytes())
    with pytest.raises(Misconfigured, match="KEY_VALUES_MISMATCH"):
        Identities(house.folder)


def test_a_key_shows_in_no_text(house: House) -> None:
    identity = Identities(house.folder).now()
    assert "PRIVATE" not in repr(identity)
    assert b"PRIVATE" in identity.key


def test_a_server_whose_files_are_wrong_ends_with_an_error(house: House) -> None:
    (house.folder / "tls.key").unlink()
    settings = Settings(translation_port=free_port(), tls_dir=house.folder)
    with process(settings, "tests.support.translator") as running:
        assert running.wait(30) == 1


def test_nothing_is_read_before_files_change(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = Identities(house.folder)
    first = identities.now()
    house.authority.mount(house.folder, "127.0.0.1")
    second = identities.now()
    assert second is not first
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("a file was read"))
    assert identities.now() is second
