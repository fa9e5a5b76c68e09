"""The chat engine against a real HTTP server that behaves in every way it can."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from services.shared.engines import Reference
from services.shared.errors import (
    DragomanError,
    InternalError,
    InvalidRequest,
    Misconfigured,
    Overloaded,
    Timeout,
    Unavailable,
)
from services.shared.glossary import Term
from services.translation.core import FELL_BACK, Task, TranslationCore
from services.translation.engines.base import Context, Turn, UnusableAnswer
from services.translation.engines.chat import ChatEngine
from services.translation.engines.fake import FakeEngine
from services.translation.engines.registry import create
from services.translation.engines.trade import given, residents
from services.translation.languages import Pair
from services.translation.settings import TranslationSettings
from tests.contract.translation_suite import CHECKS, Check, named
from tests.unit.translation.chat_server import (
    Answer,
    ChatServer,
    Request,
    completion,
    data_of,
    marking,
    translations,
)

EN_PT = Pair("en", "pt")
NOWHERE = "http://127.0.0.1:9/v1"
KEY = "sk-secret-of-the-test"
EngineFor = Callable[..., ChatEngine]


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer().running() as server:
        yield server


def settings_for(url: str | None, **more: Any) -> TranslationSettings:
    return TranslationSettings(
        translation_engines="chat:llama",
        translation_chat_url=url,
        **{"translation_chat_languages": "en,pt-BR,es", "translation_chat_key": SecretStr(KEY), **more},
    )


@pytest.fixture
def engine_for() -> Iterator[EngineFor]:
    """Makes engines, and closes them."""
    with ExitStack() as stack:

        def made(url: str, **more: Any) -> ChatEngine:
            engine = create(Reference("chat", "llama"), settings_for(url, **more))
            assert isinstance(engine, ChatEngine)
            stack.callback(engine.close)
            return engine

        yield made


@pytest.fixture
def engine(chat: ChatServer, engine_for: EngineFor) -> ChatEngine:
    return engine_for(chat.url)


@pytest.mark.parametrize("check", CHECKS, ids=named)
def test_it_keeps_the_promises_of_an_engine(engine: ChatEngine, check: Check) -> None:
    check(engine)


def test_several_sentences_go_in_one_request_with_model_key_and_context(
    chat: ChatServer, engine: ChatEngine
) -> None:
    context = Context((Term("claim", "sinistro"),), (Turn("agent", "Hello.", "en"),))
    assert engine.translate_in(["One.", "Two."], EN_PT, context) == ["One.!", "Two.!"]
    (request,) = chat.requests
    assert data_of(request) == {
        "before": [{"role": "agent", "language": "en", "text": "Hello."}],
        "terms": [{"source": "claim", "target": "sinistro"}],
        "sentences": ["One.", "Two."],
    }
    assert "from en to pt-BR" in request["messages"][0]["content"]
    assert (request["model"], request["temperature"], request["stream"]) == ("llama", 0.0, False)
    assert request["response_format"]["type"] == "json_schema"
    assert chat.paths == ["/v1/chat/completions"]
    assert chat.headers[0]["authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_is_sent(chat: ChatServer, engine_for: EngineFor) -> None:
    engine_for(chat.url, translation_chat_key=None).translate(["One."], EN_PT)
    assert "authorization" not in chat.headers[0]


def test_an_unusable_answer_is_asked_for_once_more_and_warmer(chat: ChatServer, engine: ChatEngine) -> None:
    answers = iter([translations("too", "many"), translations("Um.")])
    chat.answer = lambda _: next(answers)
    assert engine.translate(["One."], EN_PT) == ["Um."]
    assert [request["temperature"] for request in chat.requests] == [0.0, 0.5]


UNUSABLE = {
    "rubbish": completion("I am a large language model."),
    "a wrong count": translations("a", "b"),
    "an empty count": translations(),
    "no string": translations(7),
    "cut off": completion('{"translations": ["a"]}', "length"),
    "a refusal": completion(None),
    "no JSON": Answer(body=b"<html>200 OK</html>"),
    "no choice": Answer(body=b'{"choices": []}'),
    "a list": Answer(body=b"[]"),
    "nothing": Answer(body=b""),
    "no UTF-8": Answer(body=b"\xff\xfe"),
    "a deep body": Answer(body=b"[" * 100_000),
    "a huge body": Answer(body=translations("Um.").body + b" " * (5 * 1024**2)),
    "packed bytes": Answer(body=b"\x1f\x8b\x08\x00", headers={"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_after_two_unusable_answers_it_gives_up(chat: ChatServer, engine: ChatEngine, answer: Answer) -> None:
    chat.answer = lambda _: answer
    with pytest.raises(UnusableAnswer) as caught:
        engine.translate(["Secret words."], EN_PT)
    assert caught.value.code == "unusable_answer"
    assert len(chat.requests) == 2


FAILURES: dict[str, tuple[Answer, type[DragomanError], str]] = {
    "fails": (Answer(500), Unavailable, "chat_unavailable"),
    "is being started": (Answer(503), Unavailable, "chat_unavailable"),
    "has waited too long": (Answer(504), Timeout, "chat_timeout"),
    "is busy": (Answer(429), Overloaded, "chat_busy"),
    "wants another key": (Answer(401), Misconfigured, "chat_refused"),
    "has no such model": (Answer(404), Misconfigured, "chat_refused"),
    "redirects": (Answer(307, headers={"location": "/v1/elsewhere"}), Misconfigured, "chat_redirects"),
    "finds the request too long": (Answer(413), InternalError, "chat_not_understood"),
}


@pytest.mark.parametrize(("answer", "error", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_each_failure_has_its_error_and_is_not_asked_again(
    chat: ChatServer, engine: ChatEngine, answer: Answer, error: type[DragomanError], code: str
) -> None:
    chat.answer = lambda _: answer
    with structlog.testing.capture_logs() as logs, pytest.raises(error) as caught:
        engine.translate(["Secret words."], EN_PT)
    assert caught.value.code == code
    assert chat.paths == ["/v1/chat/completions"]
    told = f"{caught.value!r}{logs!r}"
    assert "Secret" not in told
    assert KEY not in told


def test_an_address_where_nobody_listens_is_unavailable(engine_for: EngineFor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        engine = engine_for(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(Unavailable) as caught:
            engine.translate(["One."], EN_PT)
    assert caught.value.code == "chat_unavailable"


def test_an_address_that_hangs_up_is_unavailable(chat: ChatServer, engine: ChatEngine) -> None:
    chat.answer = lambda _: Answer(body=b"{", headers={"content-length": "100", "connection": "close"})
    with pytest.raises(Unavailable):
        engine.translate(["One."], EN_PT)


def test_an_address_that_never_answers_times_out(chat: ChatServer, engine_for: EngineFor) -> None:
    def hang(_: Request) -> Answer:
        chat.released.wait()
        return Answer()

    chat.answer = hang
    engine = engine_for(chat.url, translation_chat_timeout_s=0.2)
    with pytest.raises(Timeout) as caught:
        engine.translate(["One."], EN_PT)
    assert caught.value.code == "chat_timeout"


def test_an_answer_that_never_ends_times_out(chat: ChatServer, engine_for: EngineFor) -> None:
    chat.answer = lambda _: Answer(headers={"content-length": "1000000"}, drips=True)
    with pytest.raises(Timeout):
        engine_for(chat.url, translation_chat_timeout_s=0.3).translate(["One."], EN_PT)


def test_a_busy_address_is_left_alone_for_as_long_as_it_says(chat: ChatServer, engine: ChatEngine) -> None:
    chat.answer = lambda _: Answer(429, headers={"retry-after": "30"})
    for _ in range(3):
        with pytest.raises(Overloaded):
            engine.translate(["One."], EN_PT)
    assert len(chat.requests) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_does_not_take_the_full_request_is_asked_plainly_from_then_on(
    chat: ChatServer, engine: ChatEngine, status: int
) -> None:
    chat.answer = lambda request: Answer(status) if "response_format" in request else marking(request)
    assert engine.translate(["One."], EN_PT) == ["One.!"]
    assert engine.translate(["Two."], EN_PT) == ["Two.!"]
    assert ["response_format" in request for request in chat.requests] == [True, False, False]
    assert chat.requests[-1].keys() == {"model", "messages", "stream"}


def test_a_server_that_takes_no_form_of_the_request_is_told_of(chat: ChatServer, engine: ChatEngine) -> None:
    chat.answer = lambda _: Answer(400)
    with pytest.raises(InternalError) as caught:
        engine.translate(["One."], EN_PT)
    assert caught.value.code == "chat_not_understood"
    chat.answer = marking
    engine.translate(["One."], EN_PT)
    assert "response_format" in chat.requests[-1]


def test_no_proxy_of_the_environment_sees_the_call(
    chat: ChatServer, engine_for: EngineFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert engine_for(chat.url).translate(["One."], EN_PT) == ["One.!"]


@pytest.mark.parametrize(
    ("model", "change", "code"),
    [
        ("", {}, "chat_incomplete"),
        ("llama", {"translation_chat_url": None}, "chat_incomplete"),
        ("llama", {"translation_chat_url": "http://host:port/v1"}, "chat_incomplete"),
        ("llama", {"translation_chat_key": SecretStr("two\nlines")}, "chat_incomplete"),
        ("llama", {"translation_chat_languages": "en"}, "chat_languages"),
        ("llama", {"translation_chat_languages": "en,pt-BR,pt-PT"}, "chat_languages"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start(model: str, change: dict[str, Any], code: str) -> None:
    settings = settings_for(NOWHERE).model_copy(update=change)
    with pytest.raises(Misconfigured) as caught:
        create(Reference("chat", model), settings)
    assert caught.value.code == code


def test_languages_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        create(Reference("chat", "x"), settings_for(NOWHERE, translation_chat_languages="en,?"))


def test_a_server_starts_while_the_address_is_away_or_answers_nonsense(chat: ChatServer) -> None:
    chat.answer = lambda _: completion("nonsense")
    for url in (chat.url, NOWHERE):
        with structlog.testing.capture_logs() as logs:
            held = residents(settings_for(url))
        with held.use() as batched:
            batched.close()
        assert [line["event"] for line in logs if line["log_level"] == "warning"][-1] == "engine away"
        assert [status.model.name for status in held.statuses] == ["llama"]


def test_a_server_does_not_start_with_a_wrong_key(chat: ChatServer) -> None:
    chat.answer = lambda _: Answer(401)
    with pytest.raises(Misconfigured):
        residents(settings_for(chat.url))


def test_another_engine_answers_while_the_address_is_away_and_no_longer(
    chat: ChatServer, engine_for: EngineFor
) -> None:
    core = TranslationCore(
        given({Reference("chat", "llama"): engine_for(chat.url), Reference("fake"): FakeEngine()}), 1000
    )
    task = Task(["Good morning."], "en", "pt")
    chat.answer = lambda _: Answer(502)
    (done,) = core.translate(task).texts
    assert (done.text, done.warnings) == ("Good_pt morning_pt.", (FELL_BACK,))
    assert [model.name for model in done.models] == ["fake-marks"]
    chat.answer = marking
    (done,) = core.translate(task).texts
    assert (done.text, done.warnings) == ("Good morning.!", ())
    assert [model.name for model in done.models] == ["llama"]


def test_a_failing_request_is_not_repeated_for_each_sentence(chat: ChatServer, engine_for: EngineFor) -> None:
    core = TranslationCore(given({Reference("chat", "llama"): engine_for(chat.url)}), 1000)
    chat.requests.clear()
    chat.answer = lambda _: Answer(502)
    with pytest.raises(Unavailable):
        core.translate(Task(["One.", "Two.", "Three."], "en", "pt"))
    assert len(chat.requests) == 1
