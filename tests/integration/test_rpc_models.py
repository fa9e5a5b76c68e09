"""A running server says which models it holds, and exchanges one without losing a call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from protos.v1 import common_pb2, models_pb2, models_pb2_grpc, translation_pb2, translation_pb2_grpc
from services.shared import errors
from services.shared.batching import Urgency
from services.shared.residents import Bounds
from services.shared.rpc import client, upkeep
from tests.support.shelf import ALPHA, BETA, BROKEN, GAMMA, MISSING, Stand, standing
from tests.support.translator import health
from tests.support.waiting import becomes, until


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with standing(ALPHA, BETA) as made:
        yield made


def listed(port: int) -> list[models_pb2.ServedModel]:
    with client.channel(f"127.0.0.1:{port}") as channel:
        stub = models_pb2_grpc.ModelsStub(channel)
        answer = client.call(lambda: stub.ListModels(models_pb2.ListModelsRequest(), timeout=30))
    return list(answer.models)


def switched(port: int, old: object, new: object) -> models_pb2.ServedModel:
    with client.channel(f"127.0.0.1:{port}") as channel:
        stub = models_pb2_grpc.ModelsStub(channel)
        request = models_pb2.SwitchModelRequest(reference=str(old), replacement=str(new))
        return client.call(lambda: stub.SwitchModel(request, timeout=60)).model


def asked(
    channel: grpc.Channel, priority: common_pb2.Priority.ValueType = common_pb2.PRIORITY_UNSPECIFIED
) -> translation_pb2.TranslatedText:
    stub = translation_pb2_grpc.TranslationStub(channel)
    context = common_pb2.RequestContext(priority=priority)
    request = translation_pb2.TranslateRequest(context=context, texts=["hello"])
    return client.call(lambda: stub.Translate(request, timeout=60)).translations[0]


async def by_thread(*call: Any) -> Any:
    return await asyncio.to_thread(*call)


async def test_a_server_tells_its_models_in_order_with_their_hashes(stand: Stand) -> None:
    models = await by_thread(listed, stand.port)
    assert [(each.reference, each.model.name, each.model.sha256, each.size_bytes) for each in models] == [
        ("echo:alpha", "alpha", "sha-alpha", 100),
        ("echo:beta", "beta", "sha-beta", 100),
    ]
    assert {each.state for each in models} == {models_pb2.MODEL_STATE_LOADED}


async def test_an_exchange_under_load_loses_no_call_and_the_answers_name_the_new_model(stand: Stand) -> None:
    over, answers = threading.Event(), list[str]()

    def keep_asking() -> None:
        with client.channel(f"127.0.0.1:{stand.port}") as channel:
            while not over.is_set():
                text = asked(channel)
                assert text.text == f"{text.models[0].name}: hello"
                answers.append(text.models[0].name)

    def exchange() -> None:
        for old, new in [(ALPHA, GAMMA), (GAMMA, ALPHA)] * 5 + [(ALPHA, GAMMA)]:
            until(lambda: len(answers) > 20)
            assert switched(stand.port, old, new).reference == str(new)
            answers.clear()

    with ThreadPoolExecutor(5) as threads:
        asking = [threads.submit(keep_asking) for _ in range(4)]
        try:
            await by_thread(threads.submit(exchange).result, 120)
            with client.channel(f"127.0.0.1:{stand.port}") as channel:
                after = await by_thread(asked, channel)
        finally:
            over.set()
        for each in asking:
            await by_thread(each.result, 60)
    assert (after.text, after.models[0].sha256) == ("gamma: hello", "sha-gamma")
    assert [each.reference for each in await by_thread(listed, stand.port)] == ["echo:gamma", "echo:beta"]


@pytest.mark.parametrize(
    ("replacement", "kind", "code"),
    [
        (MISSING, errors.Misconfigured, "model_missing"),
        (BROKEN, errors.InternalError, "self_test_failed"),
        (BETA, errors.Conflict, "engine_twice"),
        ("", errors.InvalidRequest, "model_not_named"),
    ],
)
async def test_a_replacement_that_does_not_load_or_work_changes_nothing(
    stand: Stand, replacement: object, kind: type[errors.DragomanError], code: str
) -> None:
    before = await by_thread(listed, stand.port)
    with pytest.raises(kind) as caught:
        await by_thread(switched, stand.port, ALPHA, replacement)
    assert caught.value.code == code
    assert await by_thread(listed, stand.port) == before
    with client.channel(f"127.0.0.1:{stand.port}") as channel:
        assert (await by_thread(asked, channel)).text == "alpha: hello"


async def test_only_a_model_that_is_there_is_exchanged(stand: Stand) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await by_thread(switched, stand.port, GAMMA, ALPHA)
    assert caught.value.code == "unknown_engine"


async def test_a_server_serves_while_it_exchanges_a_model(stand: Stand) -> None:
    stand.trade.loading.clear()
    stand.trade.load_gate.clear()
    switching = asyncio.create_task(by_thread(switched, stand.port, ALPHA, GAMMA))
    await becomes(stand.trade.loading.is_set)
    assert await by_thread(health, stand.port) == "SERVING"
    with client.channel(f"127.0.0.1:{stand.port}") as channel:
        assert (await by_thread(asked, channel)).text == "alpha: hello"
        stand.trade.load_gate.set()
        assert (await switching).model.name == "gamma"
        assert (await by_thread(asked, channel)).text == "gamma: hello"


async def test_a_server_lets_idle_models_go_by_itself_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_INTERVAL_S", 0.01)
    async with standing(ALPHA, BETA, bounds=Bounds(idle_s=0.05)) as stand:
        unloaded = models_pb2.MODEL_STATE_UNLOADED
        await becomes(lambda: listed(stand.port)[1].state == unloaded)
        assert (await by_thread(listed, stand.port))[0].state == models_pb2.MODEL_STATE_LOADED


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [
        (common_pb2.PRIORITY_UNSPECIFIED, Urgency.BATCH),
        (common_pb2.PRIORITY_BATCH, Urgency.BATCH),
        (common_pb2.PRIORITY_INTERACTIVE, Urgency.INTERACTIVE),
        (common_pb2.PRIORITY_LIVE, Urgency.LIVE),
        (99, Urgency.BATCH),
    ],
)
async def test_a_requests_priority_is_its_urgency(
    stand: Stand, priority: common_pb2.Priority.ValueType, urgency: Urgency
) -> None:
    with client.channel(f"127.0.0.1:{stand.port}") as channel:
        await by_thread(asked, channel, priority)
    assert stand.urgencies == [urgency]


async def test_memory_is_given_back_once_after_work_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr(upkeep, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(upkeep, "_trimmer", lambda: lambda: trimmed.append(1))
    async with standing(ALPHA) as stand:
        await becomes(lambda: len(trimmed) == 1)
        gate = threading.Event()
        work = asyncio.create_task(stand.running._admission.run(lambda _cancelled: gate.wait(60)))
        await becomes(lambda: stand.running._admission.begun == 1)
        rounds: list[int] = []
        monkeypatch.setattr(stand.running._residents(), "sweep", lambda: rounds.append(1))
        await becomes(lambda: len(rounds) > 3)
        assert len(trimmed) == 1, "a model was at work"
        gate.set()
        await work
        await becomes(lambda: len(trimmed) == 2)
        rounds.clear()
        await becomes(lambda: len(rounds) > 3)
        assert len(trimmed) == 2


def test_the_c_library_gives_memory_back() -> None:
    assert upkeep._trimmer()() in {None, 0, 1}
