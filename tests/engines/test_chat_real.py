"""The chat engine with a real model behind a real OpenAI-compatible server: the protocol, not the quality.

The model has 270 million parameters and was not made to translate; that it keeps to the JSON is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr

from protos.v1 import translation_pb2, translation_pb2_grpc
from services.shared.engines import Reference
from services.shared.errors import Misconfigured
from services.shared.glossary import Term
from services.shared.rpc.server import start
from services.translation.core import TranslationCore
from services.translation.engines import chat_endpoint
from services.translation.engines.base import Context, Turn, UnusableAnswer
from services.translation.engines.chat import ChatEngine
from services.translation.engines.registry import create
from services.translation.engines.trade import residents
from services.translation.languages import Pair
from services.translation.server import spec
from services.translation.settings import TranslationSettings
from tests.engines.llama_server import KEY, NAME, Llama, running, weights

EN_PT = Pair("en", "pt")
GREETINGS = ["Good morning.", "I want to cancel my order.", "Thank you."]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module")
def llama(model: Path) -> Iterator[Llama]:
    with running(model) as server:
        yield server


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model never comes to the end of its JSON."""
    monkeypatch.setattr(chat_endpoint, "_TOKENS_PER_CHARACTER", 0)
    monkeypatch.setattr(chat_endpoint, "_MORE_TOKENS", 4)


def settings_for(llama: Llama, key: str = KEY) -> TranslationSettings:
    return TranslationSettings(
        translation_engines=f"chat:{NAME},fake",
        translation_chat_url=llama.url,
        translation_chat_key=SecretStr(key),
        translation_chat_languages="en,pt-BR",
        translation_chat_timeout_s=600,
    )


@pytest.fixture
def engine_for() -> Iterator[Callable[[TranslationSettings], ChatEngine]]:
    """Makes engines, and closes them."""
    with ExitStack() as stack:

        def made(settings: TranslationSettings) -> ChatEngine:
            engine = create(Reference("chat", NAME), settings)
            assert isinstance(engine, ChatEngine)
            stack.callback(engine.close)
            return engine

        yield made


@pytest.fixture
def engine(llama: Llama, engine_for: Callable[[TranslationSettings], ChatEngine]) -> ChatEngine:
    return engine_for(settings_for(llama))


def test_several_sentences_come_back_one_to_one(engine: ChatEngine) -> None:
    done = engine.translate(GREETINGS, EN_PT)
    assert len(done) == len(GREETINGS)
    assert all(done)


def test_context_goes_along(engine: ChatEngine) -> None:
    context = Context((Term("order", "pedido"),), (Turn("agent", "How can I help you?", "en"),))
    (done,) = engine.translate_in(["Thank you."], EN_PT, context)
    assert done


def test_the_same_request_has_the_same_answer(engine: ChatEngine) -> None:
    assert engine.translate(GREETINGS, EN_PT) == engine.translate(GREETINGS, EN_PT)


def test_a_wrong_key_is_refused(
    llama: Llama, engine_for: Callable[[TranslationSettings], ChatEngine]
) -> None:
    with pytest.raises(Misconfigured) as caught:
        engine_for(settings_for(llama, key="sk-wrong")).translate(["Thank you."], EN_PT)
    assert caught.value.code == "chat_refused"


@pytest.mark.usefixtures("cut_off")
def test_an_answer_that_is_cut_off_is_unusable(engine: ChatEngine) -> None:
    with pytest.raises(UnusableAnswer):
        engine.translate(GREETINGS, EN_PT)


async def answered(llama: Llama) -> translation_pb2.TranslateResponse:
    """Ask a translation server that has the chat model first, and the fake engine after it."""
    settings = settings_for(llama)
    core = TranslationCore(residents(settings), settings.translation_max_characters)
    server = await start(replace(spec(settings), load=lambda: core), settings)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: translation_pb2_grpc.TranslationAsyncStub = translation_pb2_grpc.TranslationStub(channel)
        request = translation_pb2.TranslateRequest(
            source_language="en", target_language="pt-BR", texts=["Good morning.", "Thank you."]
        )
        response = await stub.Translate(request)
    await server.stop()
    with core.residents.use() as chat:
        chat.close()
    return response


async def test_a_translation_server_answers_with_the_chat_model(llama: Llama) -> None:
    response = await answered(llama)
    assert [[model.name for model in each.models] for each in response.translations] == [[NAME]] * 2
    assert [list(each.warnings) for each in response.translations] == [[], []]


@pytest.mark.usefixtures("cut_off")
async def test_what_the_chat_model_cannot_do_another_engine_does_and_it_is_told(llama: Llama) -> None:
    response = await answered(llama)
    assert [each.text for each in response.translations] == ["Good_pt morning_pt.", "Thank_pt you_pt."]
    assert [list(each.warnings) for each in response.translations] == [["fell_back"]] * 2
    assert [[model.name for model in each.models] for each in response.translations] == [["fake-marks"]] * 2
