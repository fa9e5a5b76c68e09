"""The core: any text in, a translation out, in order, with honest warnings."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.engines import Model
from services.shared.errors import Cancelled, InternalError, InvalidRequest, TooLarge, Unsupported
from services.translation.core import EMPTY, MISMATCH, Task, Translation, TranslationCore
from services.translation.engines.base import Turn
from services.translation.engines.fake import FakeEngine
from services.translation.engines.trade import alone
from services.translation.languages import Pair


class Recording(FakeEngine):
    """The fake engine, remembering what it was asked; `answers` are given instead when there are any."""

    def __init__(self, answers: list[str] | None = None) -> None:
        self.batches: list[list[str]] = []
        self.answers = answers

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        self.batches.append(list(texts))
        return super().translate(texts, pair) if self.answers is None else self.answers


def core_of(engine: FakeEngine | None = None, max_characters: int = 1_000_000) -> TranslationCore:
    core = TranslationCore(alone(engine or FakeEngine()), max_characters)
    if isinstance(engine, Recording):
        engine.batches.clear()  # of its self-test
    return core


def answering(*answers: str) -> TranslationCore:
    engine = Recording()
    core = core_of(engine)
    engine.answers = list(answers)
    return core


def done(core: TranslationCore, *texts: str) -> tuple[Translation, ...]:
    return core.translate(Task(texts, "en-US", "pt-BR")).texts


def texts_of(core: TranslationCore, *texts: str) -> list[str]:
    return [each.text for each in done(core, *texts)]


CORE = core_of()


def test_texts_come_back_in_order() -> None:
    assert texts_of(core_of(), "one", "two 2", "three") == ["one_pt", "two_pt 2", "three_pt"]


def test_no_texts_give_no_translations() -> None:
    assert texts_of(core_of()) == []


def test_every_sentence_is_translated_by_itself() -> None:
    engine = Recording()
    texts_of(core_of(engine), "Hello there. How are you?", "Fine.")
    assert sorted(text for batch in engine.batches for text in batch) == [
        "Fine.",
        "Hello there.",
        "How are you?",
    ]


def test_space_around_and_between_sentences_is_kept() -> None:
    assert texts_of(core_of(), "  Hi.\n\n Yes!  No. ") == ["  Hi_pt.\n\n Yes_pt!  No_pt. "]


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "👍", "427", "3413515158 - 9", "\x00", "1.250,75"])
def test_what_has_no_letters_passes_unchanged_and_unasked(text: str) -> None:
    engine = Recording()
    assert texts_of(core_of(engine), text) == [text]
    assert engine.batches == []


def test_the_model_of_the_pair_is_named() -> None:
    translations = core_of().translate(Task(["hi", "427"], "en", "pt"))
    assert translations.model == Model("fake-marks", "1")
    assert [each.models for each in translations.texts] == [(translations.model,), ()]


def test_many_sentences_go_in_batches() -> None:
    engine = Recording()
    texts_of(core_of(engine), *["Hello."] * 40)
    assert [len(batch) for batch in engine.batches] == [16, 16, 8]


def test_sentences_of_about_one_length_go_together() -> None:
    engine = Recording()
    texts_of(
        core_of(engine), "Yes.", "I want to talk to somebody about it.", "No.", "Can it be repaired at all?"
    )
    classes = [{len(text).bit_length() for text in batch} for batch in engine.batches]
    assert [len(each) for each in classes] == [1] * len(classes)


def test_a_caller_who_went_away_stops_the_work_between_batches() -> None:
    engine = Recording()
    core = core_of(engine)
    with pytest.raises(Cancelled):
        core.translate(Task(["Hello."] * 400, "en", "pt"), lambda: bool(engine.batches))
    assert 0 < len(engine.batches) < 25


def test_too_many_characters_are_refused() -> None:
    assert texts_of(core_of(max_characters=10), "12345", "67890")
    with pytest.raises(TooLarge) as caught:
        texts_of(core_of(max_characters=10), "12345", "678901")
    assert caught.value.code == "text_too_long"


def test_the_same_language_is_refused_even_without_texts() -> None:
    with pytest.raises(InvalidRequest):
        core_of().translate(Task([], "pt-BR", "pt"))


def test_an_unsupported_pair_is_refused() -> None:
    with pytest.raises(Unsupported):
        core_of().translate(Task(["hi"], "en", "ja"))


def test_turns_count_among_the_characters() -> None:
    task = Task(["12345"], "en", "pt", turns=[Turn("agent", "67890", "en")])
    assert core_of(max_characters=10).translate(task)
    with pytest.raises(TooLarge):
        core_of(max_characters=9).translate(task)


def test_a_model_can_be_named_and_an_unknown_one_is_refused() -> None:
    assert core_of().translate(Task(["hi"], "en", "pt", model="fake-marks")).texts[0].text == "hi_pt"
    with pytest.raises(Unsupported) as caught:
        core_of().translate(Task(["hi"], "en", "pt", model="babelfish"))
    assert caught.value.code == "unknown_model"


def test_a_translation_of_which_nothing_is_left_is_warned_of() -> None:
    assert done(answering(" "), "Hello")[0].warnings == (EMPTY,)
    assert done(answering("Olá"), "Hello")[0].warnings == ()


@pytest.mark.parametrize("answers", [[], ["one", "two"]])
def test_an_engine_that_loses_or_invents_texts_is_a_defect(answers: list[str]) -> None:
    core = answering(*answers)
    with pytest.raises(InternalError) as caught:
        texts_of(core, "Hello")
    assert caught.value.code == "engine_broke_contract"


def test_a_silent_engine_fails_its_self_test() -> None:
    with pytest.raises(InternalError) as caught:
        core_of(Recording([""]))
    assert caught.value.code == "self_test_failed"


@given(st.lists(st.text(), max_size=8))
def test_any_texts_give_as_many_translations_with_their_digits(texts: list[str]) -> None:
    found = done(CORE, *texts)
    assert len(found) == len(texts)
    assert [re.findall(r"\d", each.text) for each in found] == [re.findall(r"\d", text) for text in texts]
    # This engine has no mercy on the letters of codes such as "A0".
    assert all({*each.warnings} <= {MISMATCH} for each in found)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_a_text_is_translated_the_same_in_any_company(before: list[str], after: list[str]) -> None:
    by_itself = texts_of(CORE, "Order 12. Now!")
    among = texts_of(CORE, *before, "Order 12. Now!", *after)
    assert [among[len(before)]] == by_itself
