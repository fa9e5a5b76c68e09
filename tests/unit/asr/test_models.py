"""Several models in one core: which one a call gets, and what becomes of calls while one is exchanged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.asr.core import AUTO, AsrCore
from services.asr.engines.base import UNGUIDED, AsrEngine, Audio, Guidance, Hypothesis, Task
from services.asr.engines.fake import FakeEngine
from services.asr.engines.trade import Ability, AsrTrade, alone, given, residents
from services.asr.settings import AsrSettings
from services.shared.engines import Reference
from services.shared.errors import InternalError, Misconfigured, NotFound, Unsupported
from services.shared.residents import Residents
from tests.support.speech import tone


def never() -> bool:
    return False


class English(FakeEngine):
    """An engine that knows English only."""

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    @property
    def translates_to_english(self) -> bool:
        return False


class Failing(FakeEngine):
    """An engine that raises, or computes nonsense."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    def transcribe(
        self,
        audio: Audio,
        language: str | None,
        task: Task,
        cancelled: Callable[[], bool] = never,
        guidance: Guidance = UNGUIDED,
    ) -> Hypothesis:
        if self._error is not None:
            raise self._error
        return replace(super().transcribe(audio, language, task), confidence=float("nan"))


SMALL, LARGE = Reference("small"), Reference("large")


@pytest.fixture
def core() -> AsrCore:
    """A small model for English, and a large one for all."""
    return AsrCore(given({SMALL: English("small"), LARGE: FakeEngine("large")}))


@pytest.mark.parametrize(
    ("language", "task", "model"),
    [
        ("en-US", Task.TRANSCRIBE, "small"),
        ("pt-BR", Task.TRANSCRIBE, "large"),
        ("en", Task.TRANSLATE, "large"),
        (AUTO, Task.TRANSCRIBE, "large"),
    ],
)
def test_the_first_model_that_can_do_it_is_taken(
    core: AsrCore, language: str, task: Task, model: str
) -> None:
    assert core.transcribe(tone(1), language, task, never).model.name == model
    if task is Task.TRANSCRIBE:
        assert core.segment(tone(1), language, never).model.name == model


def test_a_model_may_be_named(core: AsrCore) -> None:
    assert core.transcribe(tone(1), "en", Task.TRANSCRIBE, never, model="large").model.name == "large"
    assert core.segment(tone(1), "en", never, model="large").model.name == "large"


def test_a_model_that_nobody_knows_is_refused_with_the_known_ones(core: AsrCore) -> None:
    for call in (
        lambda: core.segment(tone(1), "en", never, model="enormous"),
        lambda: core.transcribe(tone(1), "en", Task.TRANSCRIBE, never, model="enormous"),
    ):
        with pytest.raises(NotFound, match="small, large") as caught:
            call()
        assert caught.value.code == "unknown_model"


@pytest.mark.parametrize(
    ("language", "task", "code"),
    [("pt", Task.TRANSCRIBE, "unsupported_language"), ("en", Task.TRANSLATE, "unsupported_task")],
)
def test_a_model_that_is_named_is_not_replaced_by_one_that_can_do_it(
    core: AsrCore, language: str, task: Task, code: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        core.transcribe(tone(1), language, task, never, model="small")
    assert caught.value.code == code


def test_what_the_models_can_do_is_known(core: AsrCore) -> None:
    assert [each.description for each in core.models] == [
        Ability(("en",), translates_to_english=False),
        Ability(("en", "es", "pt"), translates_to_english=True),
    ]


def test_calls_go_on_while_a_model_is_exchanged() -> None:
    engines: dict[Reference, AsrEngine] = {SMALL: FakeEngine("small"), LARGE: FakeEngine("large")}
    held: Residents[AsrEngine, Ability] = Residents((SMALL,), AsrTrade(engines.__getitem__))
    core, over = AsrCore(held), threading.Event()
    heard: set[str] = set()

    def ask() -> None:
        while not over.is_set():
            heard.add(core.transcribe(tone(0.5), "en", Task.TRANSCRIBE, never).model.name)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(50):
        held.switch(SMALL, LARGE)
        held.switch(LARGE, SMALL)
    over.set()
    asking.join()
    assert heard <= {"small", "large"}
    assert heard


def test_the_settings_name_several_engines_in_order() -> None:
    found = residents(AsrSettings(asr_engines="fake,fake:second"))
    assert [each.model.name for each in found.statuses] == ["fake-counter", "second"]


def test_an_engine_that_is_not_there_ends_the_start() -> None:
    with pytest.raises(Misconfigured):
        residents(AsrSettings(asr_engines="fake,sphinx"))


@pytest.mark.parametrize("error", [RuntimeError("damaged weights"), ValueError("wrong shape"), None])
def test_an_engine_that_does_not_work_fails_its_self_test(error: Exception | None) -> None:
    with pytest.raises(InternalError, match="fake-counter") as caught:
        alone(Failing(error))
    assert caught.value.code == "self_test_failed"
