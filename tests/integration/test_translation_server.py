"""The translation server over real gRPC."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos.v1 import common_pb2, models_pb2, models_pb2_grpc, translation_pb2, translation_pb2_grpc
from services.shared.errors import InternalError, Unavailable
from services.shared.rpc.server import RunningServer, start
from services.translation.core import TranslationCore
from services.translation.engines.base import Context, Turn
from services.translation.languages import Pair
from services.translation.server import spec
from services.translation.settings import TranslationSettings
from tests.unit.translation.marking import Informed, Marking, core_of

if TYPE_CHECKING:
    from protos.v1.translation_pb2_grpc import TranslationAsyncStub as Stub

FAKE = TranslationSettings(translation_engines="fake", translation_slots=3, translation_max_characters=1000)


@pytest.fixture
async def server() -> AsyncIterator[RunningServer[TranslationCore]]:
    running = await start(spec(FAKE), FAKE)
    yield running
    await running.stop()


@pytest.fixture
async def channel(server: RunningServer[TranslationCore]) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    made: Stub = translation_pb2_grpc.TranslationStub(channel)
    return made


def asked(*texts: str, source: str = "en-US", target: str = "pt-BR") -> translation_pb2.TranslateRequest:
    return translation_pb2.TranslateRequest(source_language=source, target_language=target, texts=texts)


async def code_of(stub: Stub, request: translation_pb2.TranslateRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Translate(request)
    trailers = dict(caught.value.trailing_metadata())
    return caught.value.code(), str(trailers["dragoman-code"])


async def test_texts_are_translated_one_to_one(stub: Stub) -> None:
    response = await stub.Translate(asked("Hello. Room 12?", "", "Bye"))
    assert [each.text for each in response.translations] == ["Hello_pt. Room_pt 12?", "", "Bye_pt"]
    assert (response.model.name, response.model.revision) == ("fake-marks", "1")


async def test_terms_are_forced_and_told(stub: Stub) -> None:
    request = asked("My claim with Care Plus.", "Bye")
    request.terms.add(source="claim", target="sinistro")
    request.terms.add(source="Care Plus", target="Care Plus", case_sensitive=True)
    request.terms.add(source="policy", target="apólice")
    first, second = (await stub.Translate(request)).translations
    assert first.text == "My_pt sinistro with_pt Care Plus."
    assert [(use.source, use.target, use.hit) for use in first.terms] == [
        ("claim", "sinistro", True),
        ("Care Plus", "Care Plus", True),
    ]
    assert (second.text, list(second.terms)) == ("Bye_pt", [])


async def test_the_pairs_are_told(stub: Stub) -> None:
    capabilities = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
    assert ("en", "pt") in [(pair.source_language, pair.target_language) for pair in capabilities.pairs]
    assert capabilities.model.name == "fake-marks"
    assert (capabilities.slots, capabilities.batch) == (3, 16)
    assert [model.name for model in capabilities.models] == ["fake-marks"]
    assert {len(pair.models) for pair in capabilities.pairs} == {1}
    assert {pair.pivot_language for pair in capabilities.pairs} == {""}


@asynccontextmanager
async def served(core: TranslationCore) -> AsyncIterator[Stub]:
    running = await start(replace(spec(FAKE), load=lambda: core), FAKE)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        yield translation_pb2_grpc.TranslationStub(channel)
    await running.stop()


async def test_a_way_through_english_is_told_before_and_after() -> None:
    async with served(core_of(Marking("a", "es-en"), Marking("b", "en-pt"))) as stub:
        capabilities = await stub.GetCapabilities(common_pb2.CapabilitiesRequest())
        response = await stub.Translate(asked("Hola. 12", "12", source="es-MX"))
    told = {
        (pair.source_language, pair.target_language): ([m.name for m in pair.models], pair.pivot_language)
        for pair in capabilities.pairs
    }
    assert told == {
        ("en", "pt"): (["b"], ""),
        ("es", "en"): (["a"], ""),
        ("es", "pt"): (["a", "b"], "en"),
    }
    first, second = response.translations
    assert (first.text, list(first.warnings), [model.name for model in first.models]) == (
        "Hola_en_pt. 12",
        ["pivoted"],
        ["a", "b"],
    )
    assert (list(second.warnings), list(second.models)) == ([], [])
    assert response.model.name == "b"


async def test_a_fall_back_is_told() -> None:
    away, here = Marking("away", "en-pt"), Marking("here", "en-pt")
    core = core_of(away, here)
    away.error = Unavailable("Nobody is there.", code="chat_unavailable")
    async with served(core) as stub:
        (only,) = (await stub.Translate(asked("Hello."))).translations
        here.error = InternalError("Broken.", code="translator_failed")
        refused = await code_of(stub, asked("Hello."))
    assert (only.text, list(only.warnings)) == ("Hello_pt.", ["fell_back"])
    assert [model.name for model in only.models] == ["here"]
    assert refused == (grpc.StatusCode.UNAVAILABLE, "chat_unavailable")


async def test_a_number_that_is_wrong_is_told() -> None:
    class Careless(Marking):
        def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
            return [re.sub(r"[0-9]", "7", text) for text in super().translate(texts, pair)]

    async with served(core_of(Careless("a", "en-pt"))) as stub:
        response = await stub.Translate(asked("Room 12.", "Room 77.", "Good morning."))
    assert [(each.text, list(each.warnings)) for each in response.translations] == [
        ("Room_pt 77.", ["entity_mismatch"]),
        ("Room_pt 77.", []),
        ("Good_pt morning_pt.", []),
    ]


async def test_a_translation_can_be_asked_to_be_short() -> None:
    class Knowing(Marking):
        def others(
            self, texts: Sequence[str], _pair: Pair, _context: Context, _limits: Sequence[int]
        ) -> list[list[str]]:
            return [["Oi, 12."] for _ in texts]

    request = asked("Good morning to room 12.")
    async with served(core_of(Knowing("a", "en-pt"))) as stub:
        (usual,) = (await stub.Translate(request)).translations
        request.max_characters = 10
        (short,) = (await stub.Translate(request)).translations
        request.max_characters = 3
        (too_short,) = (await stub.Translate(request)).translations
    assert (usual.text, short.text, too_short.text) == (usual.text, "Oi, 12.", usual.text)
    assert len(usual.text) > 10


@pytest.mark.models
async def test_the_real_models_leave_numbers_as_they_are() -> None:
    settings = TranslationSettings(translation_slots=1)
    running = await start(spec(settings), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Stub = translation_pb2_grpc.TranslationStub(channel)
        texts = [
            "My phone number is 3413515158.",
            "My code is four two seven.",
            "I paid $1,234.50 on 12/31/1985.",
        ]
        there = await stub.Translate(asked(*texts))
        texts = ["Meu telefone é 3413515158.", "É quatro dois sete.", "Paguei R$ 1.234,50 em 31/12/1985."]
        back = await stub.Translate(asked(*texts, source="pt", target="en-US"))
    await running.stop()
    held = [("3413515158",), ("427",), ("1.234,50", "31/12/1985")]
    held += [("3413515158",), ("427",), ("1,234.50", "12/31/1985")]
    for done, numbers in zip((*there.translations, *back.translations), held, strict=True):
        assert all(number in done.text for number in numbers)
        assert list(done.warnings) == []


async def test_a_request_may_name_the_model_and_bring_the_turns_before() -> None:
    informed = Informed("informed", "en-pt")
    request = asked("Hello.")
    request.model = "informed"
    request.turns.add(role="agent", text="Olá.", language_code="pt-BR")
    async with served(core_of(Marking("other", "en-pt"), informed)) as stub:
        assert (await stub.Translate(request)).model.name == "informed"
        request.model = "none"
        assert await code_of(stub, request) == (grpc.StatusCode.INVALID_ARGUMENT, "unknown_model")
    assert informed.told[-1].turns == (Turn("agent", "Olá.", "pt-BR"),)


async def test_the_models_of_the_server_are_listed(channel: grpc.aio.Channel) -> None:
    models: Any = models_pb2_grpc.ModelsStub(channel)  # its types know no asynchronous channel
    listed = await models.ListModels(models_pb2.ListModelsRequest())
    assert [(each.reference, each.model.name) for each in listed.models] == [("fake", "fake-marks")]


async def test_one_model_is_exchanged_for_another_at_run_time(channel: grpc.aio.Channel, stub: Stub) -> None:
    models: Any = models_pb2_grpc.ModelsStub(channel)  # its types know no asynchronous channel
    await models.SwitchModel(models_pb2.SwitchModelRequest(reference="fake", replacement="fake:again"))
    listed = await models.ListModels(models_pb2.ListModelsRequest())
    assert [each.reference for each in listed.models] == ["fake:again"]
    assert (await stub.Translate(asked("Hello."))).translations[0].text == "Hello_pt."


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (asked("hi", target="ja"), grpc.StatusCode.INVALID_ARGUMENT, "unsupported_language_pair"),
        (asked("hi", target="en-GB"), grpc.StatusCode.INVALID_ARGUMENT, "same_language"),
        (asked("hi", source="auto"), grpc.StatusCode.INVALID_ARGUMENT, "invalid_language"),
        (asked("hi " * 400), grpc.StatusCode.OUT_OF_RANGE, "text_too_long"),
    ],
)
async def test_a_bad_request_is_answered_with_a_stable_code(
    stub: Stub, request_: translation_pb2.TranslateRequest, status: grpc.StatusCode, code: str
) -> None:
    assert await code_of(stub, request_) == (status, code)


async def test_the_loaded_server_says_that_it_serves(channel: grpc.aio.Channel) -> None:
    check = health_pb2.HealthCheckRequest(service="dragoman.v1.Translation")
    health: Any = health_pb2_grpc.HealthStub(channel)  # its types know no asynchronous channel
    answer = await health.Check(check)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.models
async def test_the_real_models_answer_with_their_revision() -> None:
    settings = TranslationSettings()
    running = await start(spec(settings), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Stub = translation_pb2_grpc.TranslationStub(channel)
        response = await stub.Translate(asked("I want to cancel my order 12345."))
    await running.stop()
    (only,) = response.translations
    assert "cancelar" in only.text
    assert "12345" in only.text
    assert list(only.warnings) == []
    assert response.model.name == "firefox-en-pt"
    assert len(response.model.revision) == 12
    assert response.model.sha256.startswith(response.model.revision)
