"""Entities of a result: beside what became of them, and when they were said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.entities import Text, listed, owners_of

SPACES = st.text(" \t\n\u00a0\u3000", max_size=3)
WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=8), max_size=8
)


def word(text: str, number: int, confidence: float = 0.9) -> dict[str, Any]:
    start_ms = 1000 + 400 * number
    return {"text": text, "start_ms": start_ms, "end_ms": start_ms + 300, "confidence": confidence}


def said(text: str, language: str = "en", *, words: list[dict[str, Any]] | None = None) -> Text:
    made = [word(each, number) for number, each in enumerate(text.split())] if words is None else words
    return Text(text, language, made, {"start_ms": 900, "end_ms": 9000, "confidence": 0.6})


@given(WORDS, st.data())
def test_each_character_lies_in_its_word_however_words_are_spaced(
    words: list[str], data: st.DataObject
) -> None:
    text, owners = "", list[int | None]()
    for number, each in enumerate(words):
        gap = data.draw(SPACES)
        text += gap + each
        owners += [None] * len(gap) + [number] * len(each)
    heard = [word(data.draw(SPACES) + each, number) for number, each in enumerate(words)]
    assert owners_of(text, heard) == owners


@given(st.text(max_size=40), st.lists(st.text(max_size=8), max_size=8))
def test_words_of_another_text_are_no_error_and_stay_in_order(text: str, words: list[str]) -> None:
    owners = owners_of(text, [word(each, number) for number, each in enumerate(words)])
    known = [owner for owner in owners if owner is not None]
    assert len(owners) == len(text)
    assert known == sorted(known)
    for character, owner in zip(text, owners, strict=True):
        assert owner is None or character in words[owner]


def test_an_entity_was_said_in_its_words_and_is_as_sure_as_the_least_sure_of_them() -> None:
    words = [word("Card", 0), word("3413", 1, 0.8), word("515158,", 2, 0.4), word("please.", 3)]
    (entity,) = listed(said("Card 3413515158, please.", words=words), Text("Cartão 3413515158.", "pt-BR"))
    assert (entity["start_ms"], entity["end_ms"], entity["confidence"]) == (1400, 2100, 0.4)
    assert (entity["source"], entity["target"], entity["match"]) == ("3413515158", "3413515158", True)


def test_words_that_do_not_make_up_the_text_serve_where_they_do() -> None:
    words = [word("Um", 0), word("room", 1), word("47", 2), word("now", 3)]
    (entity,) = listed(said("Room 47, now.", words=words), None)
    assert (entity["start_ms"], entity["end_ms"]) == (1800, 2100)


def test_without_words_an_entity_was_said_somewhere_in_its_region() -> None:
    (entity,) = listed(said("Room 47", words=[]), None)
    assert (entity["start_ms"], entity["end_ms"], entity["confidence"]) == (900, 9000, 0.6)


def test_of_a_text_that_nobody_said_there_are_no_times() -> None:
    (entity,) = listed(Text("Room 47", "en"), Text("Quarto 47", "pt"))
    assert (entity["start_ms"], entity["end_ms"], entity["confidence"]) == (None, None, None)


def test_a_lost_digit_is_a_mismatch_and_so_is_a_number_from_nowhere() -> None:
    (lost,) = listed(said("Card 3413515158."), Text("Cartão 34135158.", "pt-BR"))
    assert (lost["source_text"], lost["target_text"], lost["match"]) == ("3413515158", "34135158", False)
    (invented,) = listed(said("The room"), Text("A sala 47", "pt-BR"))
    assert (invented["source"], invented["source_text"], invented["start_ms"]) == (None, None, None)
    assert (invented["target_text"], invented["match"]) == ("47", False)


def test_what_is_not_translated_matches_nothing_and_lists_no_small_words() -> None:
    (entity,) = listed(said("One moment, room 47."), None)
    assert (entity["source"], entity["target"], entity["target_text"], entity["match"]) == (
        "47",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("text", ["Número quatro dois sete.", "São 25% de desconto."])
def test_what_is_passed_on_as_it_is_matches_whatever_language_was_declared(text: str) -> None:
    (entity,) = listed(said(text, "en"), Text(text, "pt-BR"))
    assert entity["match"] is True
    assert entity["source"] == entity["target"]
