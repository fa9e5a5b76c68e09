"""A model server admits what it can run, tells its health truly, and drains before it ends."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Coroutine
from typing import Any

import grpc
import pytest

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.shared import errors
from services.shared.config import Settings
from services.shared.rpc import client, server
from services.shared.rpc import health as health_status
from services.shared.telemetry import REGISTRY
from tests.support.translator import Gate, Translate, ask, health, loading, serving, spec
from tests.support.waiting import becomes


async def asking(port: int, text: str, timeout_s: float = 30) -> str:
    return await asyncio.to_thread(ask, port, text, timeout_s)


async def entered(gate: Gate, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(gate.entered.acquire, timeout=30)


def background(work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
    return asyncio.get_running_loop().create_task(work)


async def test_a_call_is_answered() -> None:
    async with serving(lambda text, _gone: text.upper()) as running:
        assert await asking(running.port, "hello") == "HELLO"


async def test_a_full_server_sends_callers_away_and_stays_healthy() -> None:
    gate = Gate()
    async with serving(gate, slots=1, queue=1) as running:
        first = background(asking(running.port, "one"))
        await entered(gate, 1)
        second = background(asking(running.port, "two"))
        await becomes(lambda: running._admission.admitted == 2)
        for _ in range(3):
            with pytest.raises(errors.Overloaded) as caught:
                await asking(running.port, "three")
            assert caught.value.code == "overloaded"
            assert "full" in caught.value.detail, "it is the server that said so"
            assert await asyncio.to_thread(health, running.port) == "SERVING"
        gate.opened.set()
        assert (await first, await second) == ("ONE", "TWO")
        assert await asking(running.port, "four") == "FOUR"


async def test_a_slot_is_held_until_the_thread_ends_even_when_the_caller_has_gone() -> None:
    gate = Gate()
    async with serving(gate, slots=1, queue=0) as running:
        with pytest.raises(errors.Timeout):
            await asking(running.port, "one", 0.3)
        await entered(gate, 1)
        with pytest.raises(errors.Overloaded):
            await asking(running.port, "two")
        assert await asyncio.to_thread(gate.gone.wait, 30), "the work was never told that its caller left"
        assert running._admission.admitted == 1
        gate.opened.set()
        await becomes(lambda: running._admission.admitted == 0)
        assert await asking(running.port, "three") == "THREE"


async def test_a_waiting_call_whose_caller_leaves_gives_its_place_back() -> None:
    gate = Gate()
    async with serving(gate, slots=1, queue=1) as running:
        first = background(asking(running.port, "one"))
        await entered(gate, 1)
        with pytest.raises(errors.Timeout):
            await asking(running.port, "two", 0.3)
        await becomes(lambda: running._admission.admitted == 1)
        gate.opened.set()
        assert await first == "ONE"
        assert not gate.entered.acquire(blocking=False), "the work of a caller that left was begun"


async def test_the_time_that_a_cancelled_call_keeps_its_slot_is_measured_by_method() -> None:
    def timed() -> float:
        labels = {"method": "/dragoman.v1.Translation/Translate"}
        return REGISTRY.get_sample_value("dragoman_cancel_seconds_count", labels) or 0

    gate, before = Gate(), timed()
    async with serving(gate) as running:
        with pytest.raises(errors.Timeout):
            await asking(running.port, "one", 0.3)
        assert await asyncio.to_thread(gate.gone.wait, 30)
        assert timed() == before
        gate.opened.set()
        await becomes(lambda: timed() == before + 1)


def code_of_an_early_call(port: int) -> str:
    """Return the code that a caller gets who does not watch the server's health."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = translation_pb2_grpc.TranslationStub(channel)
        with pytest.raises(errors.Unavailable) as caught:
            client.call(lambda: stub.Translate(translation_pb2.TranslateRequest(texts=["early"]), timeout=30))
    return caught.value.code


async def test_a_server_is_not_serving_until_its_model_is_loaded() -> None:
    loaded = threading.Event()

    def load() -> Translate:
        assert loaded.wait(30)
        return lambda text, _gone: text

    running = await server._listen(loading(load), Settings(), 0)
    task = asyncio.get_running_loop().create_task(running.load())
    assert await asyncio.to_thread(health, running.port) == "NOT_SERVING"
    assert await asyncio.to_thread(health, running.port, "") == "NOT_SERVING"
    with pytest.raises(errors.Unavailable):
        await asking(running.port, "early")
    assert await asyncio.to_thread(code_of_an_early_call, running.port) == "model_loading"
    loaded.set()
    await task
    assert await asyncio.to_thread(health, running.port) == "SERVING"
    assert await asking(running.port, "now") == "now"
    await running.stop()


async def test_a_model_that_does_not_load_is_an_error_of_the_start() -> None:
    def load() -> Translate:
        raise errors.Misconfigured("The model is not there; run `dragoman models pull lite`.")

    with pytest.raises(errors.Misconfigured):
        await server.start(loading(load), Settings())


async def test_a_taken_port_is_named() -> None:
    async with serving(lambda text, _gone: text) as running:
        with pytest.raises(errors.Unavailable) as caught:
            await server.start(spec(lambda text, _gone: text), Settings(), running.port)
    assert caught.value.code == "port_in_use"
    assert str(running.port) in caught.value.detail
    assert "DRAGOMAN_TRANSLATION_PORT" in caught.value.detail


async def test_a_draining_server_finishes_what_runs_and_takes_nothing_new() -> None:
    gate = Gate()
    async with serving(gate) as running:
        call = background(asking(running.port, "last"))
        await entered(gate, 1)
        stopping = asyncio.get_running_loop().create_task(running.stop(30))
        told: Any = running._health
        await becomes(lambda: told._server_status[""] != health_status.SERVING)
        with pytest.raises(errors.Unavailable):
            await asking(running.port, "late")
        gate.opened.set()
        assert await call == "LAST"
        await stopping


async def test_a_call_that_outlives_the_drain_may_be_tried_elsewhere() -> None:
    gate = Gate()
    async with serving(gate) as running:
        call = background(asking(running.port, "long"))
        await entered(gate, 1)
        await running.stop(0.1)
        with pytest.raises(errors.Unavailable) as caught:
            await call
        gate.opened.set()
    assert type(caught.value) is errors.Unavailable, "nothing crashed"
    assert caught.value.code == "draining"


async def test_an_open_channel_does_not_hold_up_a_drain() -> None:
    async with serving(lambda text, _gone: text) as running:
        with client.channel(f"127.0.0.1:{running.port}") as channel:
            stub = translation_pb2_grpc.TranslationStub(channel)
            request = translation_pb2.TranslateRequest(texts=["hello"])
            await asyncio.to_thread(lambda: client.call(lambda: stub.Translate(request, timeout=30)))
            await asyncio.wait_for(running.stop(600), timeout=60)


async def test_a_channel_waits_for_no_server_that_is_loading_beside_one_that_serves() -> None:
    never = threading.Event()

    def load() -> Translate:
        never.wait()
        raise AssertionError

    late = await server._listen(loading(load), Settings(), 0)
    task = asyncio.get_running_loop().create_task(late.load())
    async with serving(lambda text, _gone: text) as running:
        with client.channel(f"ipv4:127.0.0.1:{late.port},127.0.0.1:{running.port}") as channel:
            stub = translation_pb2_grpc.TranslationStub(channel)
            for text in "abcdefgh":
                request = translation_pb2.TranslateRequest(texts=[text])
                ask = functools.partial(stub.Translate, request, timeout=30)
                answer = await asyncio.to_thread(client.call, ask)
                assert answer.translations[0].text == text
    never.set()
    with pytest.raises(AssertionError):
        await task
    await late.stop()


async def test_a_restarted_server_is_found_again_by_an_open_channel() -> None:
    async with serving(lambda text, _gone: text) as running:
        port = running.port
        assert await asking(port, "one") == "one"
    again = await server.start(spec(lambda text, _gone: text * 2), Settings(), port)
    assert await asking(port, "two") == "twotwo"
    await again.stop()
