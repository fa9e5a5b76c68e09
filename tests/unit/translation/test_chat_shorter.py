"""The chat engine is asked for fewer words once, and told nothing of numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.shared.engines import Reference
from services.translation.core import MISMATCH, Task, TranslationCore
from services.translation.engines.chat import ChatEngine
from services.translation.engines.registry import create
from services.translation.engines.trade import given
from services.translation.settings import TranslationSettings
from tests.unit.translation.chat_server import Answer, ChatServer, Request, data_of, translations

USUAL, SHORT = "Muito obrigado por ligar para nós.", "Obrigado por ligar."


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer().running() as server:
        yield server


@pytest.fixture
def core(chat: ChatServer) -> Iterator[TranslationCore]:
    settings = TranslationSettings(translation_chat_url=chat.url, translation_chat_languages="en,pt-BR")
    engine = create(Reference("chat", "tiny"), settings)
    assert isinstance(engine, ChatEngine)
    yield TranslationCore(given({Reference("chat", "tiny"): engine}), 10_000)
    engine.close()


def asked(core: TranslationCore, chat: ChatServer, text: str, most: int = 0) -> tuple[str, tuple[str, ...]]:
    chat.requests.clear()  # of the self-test
    (done,) = core.translate(Task([text], "en", "pt", max_characters=most)).texts
    return done.text, done.warnings


def wordy(request: Request) -> Answer:
    return translations(SHORT if "most_characters" in data_of(request) else USUAL)


def test_it_is_asked_once_for_fewer_words_with_the_number_of_characters(
    core: TranslationCore, chat: ChatServer
) -> None:
    chat.answer = wordy
    assert asked(core, chat, "Thank you so much for calling us.", most=20) == (SHORT, ())
    first, second = chat.requests
    assert "most_characters" not in data_of(first)
    assert data_of(second)["most_characters"] == [20]
    assert "fewer words" in second["messages"][0]["content"]
    assert "fewer words" not in first["messages"][0]["content"]


def test_what_is_short_enough_is_not_asked_for_again(core: TranslationCore, chat: ChatServer) -> None:
    chat.answer = wordy
    assert asked(core, chat, "Thank you so much for calling us.", most=len(USUAL)) == (USUAL, ())
    assert len(chat.requests) == 1


@pytest.mark.parametrize("answer", [translations(), Answer(500), translations("Obrigado por 5.")])
def test_an_answer_that_is_of_no_use_leaves_the_usual_translation(
    core: TranslationCore, chat: ChatServer, answer: Answer
) -> None:
    chat.answer = lambda request: answer if "most_characters" in data_of(request) else translations(USUAL)
    assert asked(core, chat, "Thank you so much for calling us.", most=20) == (USUAL, ())
    assert len(chat.requests) == 2


def test_a_number_goes_as_it_is_and_in_disguise_only_where_it_was_changed(
    core: TranslationCore, chat: ChatServer
) -> None:
    chat.answer = lambda request: translations(
        *(text.replace("98765", "98756") for text in data_of(request)["sentences"])
    )
    assert asked(core, chat, "My number is 98765.") == ("My number is 98765.", ())
    first, second = (data_of(request)["sentences"] for request in chat.requests)
    assert first == ["My number is 98765."]
    assert "98765" not in second[0]


def test_a_number_that_it_never_says_is_warned_of(core: TranslationCore, chat: ChatServer) -> None:
    chat.answer = lambda _: translations("Meu número é esse.")
    text, warnings = asked(core, chat, "My number is 98765.")
    assert (text, warnings) == ("Meu número é esse.", (MISMATCH,))
