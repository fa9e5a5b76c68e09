"""The core: any text in, a translation out, in order, with honest warnings."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import Cancelled, InternalError, InvalidRequest, TooLarge, Unsupported
from services.translation.core import EMPTY, TranslationCore
from services.translation.engines.base import Model
from services.translation.engines.fake import FakeEngine
from services.translation.languages import Pair


class Recording(FakeEngine):
    """The fake engine, remembering what it was asked; `answers` are given instead when there are any."""

    def __init__(self, answers: list[str] | None = None) -> None:
        self.batches: list[list[str]] = []
        self._answers = answers

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        self.batches.append(list(texts))
        return super().translate(texts, pair) if self._answers is None else self._answers


def core_of(engine: FakeEngine | None = None, max_characters: int = 1_000_000) -> TranslationCore:
    return TranslationCore(engine or FakeEngine(), max_characters)


def texts_of(core: TranslationCore, *texts: str) -> list[str]:
    return [each.text for each in core.translate(texts, "en-US", "pt-BR", lambda: False).texts]


def warnings_of(text: str, answer: str) -> tuple[str, ...]:
    core = core_of(Recording([answer]))
    return core.translate([text], "en", "pt", lambda: False).texts[0].warnings


def test_texts_come_back_in_order() -> None:
    assert texts_of(core_of(), "one", "two 2", "three") == ["one_pt", "two_pt 2", "three_pt"]


def test_no_texts_give_no_translations() -> None:
    assert texts_of(core_of()) == []


def test_every_sentence_is_translated_by_itself() -> None:
    engine = Recording()
    texts_of(core_of(engine), "Hello there. How are you?", "Fine.")
    assert engine.batches == [["Hello there.", "How are you?", "Fine."]]


def test_space_around_and_between_sentences_is_kept() -> None:
    assert texts_of(core_of(), "  Hi.\n\n Yes!  No. ") == ["  Hi_pt.\n\n Yes_pt!  No_pt. "]


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "👍", "427", "3413515158 - 9", "\x00", "1.250,75"])
def test_what_has_no_letters_passes_unchanged_and_unasked(text: str) -> None:
    engine = Recording()
    assert texts_of(core_of(engine), text) == [text]
    assert engine.batches == []


def test_the_model_of_the_pair_is_named() -> None:
    done = core_of().translate(["hi"], "en", "pt", lambda: False)
    assert done.model == Model("fake-marks", "1")


def test_many_sentences_go_in_batches() -> None:
    engine = Recording()
    texts_of(core_of(engine), *["Hello."] * 40)
    assert [len(batch) for batch in engine.batches] == [16, 16, 8]


def test_a_caller_who_went_away_stops_the_work_between_batches() -> None:
    engine = Recording()
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        core_of(engine).translate(["Hello."] * 40, "en", "pt", lambda: next(answers))
    assert len(engine.batches) == 1


def test_too_many_characters_are_refused() -> None:
    assert texts_of(core_of(max_characters=10), "12345", "67890")
    with pytest.raises(TooLarge) as caught:
        texts_of(core_of(max_characters=10), "12345", "678901")
    assert caught.value.code == "text_too_long"


def test_the_same_language_is_refused_even_without_texts() -> None:
    with pytest.raises(InvalidRequest):
        core_of().translate([], "pt-BR", "pt", lambda: False)


def test_an_unsupported_pair_is_refused() -> None:
    with pytest.raises(Unsupported):
        core_of().translate(["hi"], "en", "ja", lambda: False)


def test_a_translation_of_which_nothing_is_left_is_warned_of() -> None:
    assert warnings_of("Hello", " ") == (EMPTY,)
    assert warnings_of("Hello", "Olá") == ()


@pytest.mark.parametrize("answers", [[], ["one", "two"]])
def test_an_engine_that_loses_or_invents_texts_is_a_defect(answers: list[str]) -> None:
    with pytest.raises(InternalError) as caught:
        texts_of(core_of(Recording(answers)), "Hello")
    assert caught.value.code == "engine_broke_contract"


def test_a_silent_engine_fails_its_self_test() -> None:
    core_of().self_test()
    with pytest.raises(InternalError) as caught:
        core_of(Recording([""])).self_test()
    assert caught.value.code == "self_test_failed"


@given(st.lists(st.text(), max_size=8))
def test_any_texts_give_as_many_translations_with_their_digits(texts: list[str]) -> None:
    done = core_of().translate(texts, "en", "pt", lambda: False).texts
    assert len(done) == len(texts)
    assert [re.findall(r"\d", each.text) for each in done] == [re.findall(r"\d", text) for text in texts]
    assert all(each.warnings == () for each in done)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_a_text_is_translated_the_same_in_any_company(before: list[str], after: list[str]) -> None:
    alone = texts_of(core_of(), "Order 12. Now!")
    among = texts_of(core_of(), *before, "Order 12. Now!", *after)
    assert [among[len(before)]] == alone
