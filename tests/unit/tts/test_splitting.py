"""Splitting keeps every word and cuts where a speaker would breathe."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.splitting import MOST_CHARACTERS, split

words = st.text("abcdefghijçãéñ0123456789.,;!?", min_size=1, max_size=14)
texts = st.lists(words, max_size=120).map(" ".join)


@given(texts)
def test_pieces_joined_by_spaces_are_the_words_of_the_text(text: str) -> None:
    spoken = " ".join(piece.text for piece in split(text))
    assert spoken == (" ".join(text.split()) if any(map(str.isalnum, text)) else "")


@given(texts, st.integers(5, 200))
def test_no_piece_is_longer_than_the_limit_unless_it_is_one_word(text: str, most: int) -> None:
    for piece in split(text, most):
        assert len(piece.text) <= most or " " not in piece.text


@given(texts)
def test_no_piece_could_be_joined_with_the_next_one(text: str) -> None:
    for left, right in itertools.pairwise(split(text)):
        assert len(left.text) + 1 + len(right.text) > MOST_CHARACTERS


def test_a_short_text_is_one_piece_without_pause() -> None:
    (piece,) = split("Bom dia. Em que posso ajudar?")
    assert piece.text == "Bom dia. Em que posso ajudar?"
    assert piece.pause_ms == 0


def test_a_long_text_is_cut_at_sentences_first() -> None:
    sentence = "O técnico chega amanhã de manhã, entre as oito e as dez horas."
    pieces = split(" ".join([sentence] * 5))
    assert [piece.text.count(sentence) for piece in pieces] == [2, 2, 1]


def test_a_long_sentence_is_cut_at_clauses() -> None:
    clause = "quando a instalação terminar e o equipamento estiver ligado,"
    pieces = split(" ".join([clause] * 4))
    assert all(piece.text.endswith(",") for piece in pieces)


def test_a_clause_without_marks_is_cut_between_words() -> None:
    pieces = split("palavra " * 60)
    assert len(pieces) > 1
    assert max(len(piece.text) for piece in pieces) <= MOST_CHARACTERS


def test_the_pause_after_a_sentence_is_longer_than_after_a_clause() -> None:
    after_sentence, after_clause, after_word, last = split("one two. three, four five.", 8)
    assert after_sentence.pause_ms > after_clause.pause_ms > after_word.pause_ms == last.pause_ms == 0


def test_hindi_sentences_end_at_their_own_mark() -> None:
    assert len(split("नमस्ते। मैं ठीक हूँ।", 14)) == 2


def test_line_breaks_and_tabs_are_spaces() -> None:
    assert [piece.text for piece in split(" one\n\ttwo ")] == ["one two"]


def test_a_text_of_punctuation_only_has_no_pieces() -> None:
    assert split("… ?! - \n") == ()
    assert split("") == ()


def test_the_first_clause_is_cut_off_for_who_waits_and_the_rest_is_as_ever() -> None:
    text = "Yes, of course, I will do that. Then " + "I call back and " * 12
    first, *rest = split(text, first_clause=True)
    assert first.text == "Yes, of course,"
    assert rest == list(split(text[len("Yes, of course, ") :]))


@given(texts)
def test_with_the_first_clause_cut_off_no_word_is_lost(text: str) -> None:
    assert [piece.text for piece in split(text, first_clause=True) if not piece.text] == []
    spoken = " ".join(piece.text for piece in split(text, first_clause=True))
    assert spoken == (" ".join(text.split()) if any(map(str.isalnum, text)) else "")


@pytest.mark.parametrize("text", ["One clause alone.", "no mark at all in here", f"{'word ' * 60}, end."])
def test_a_text_without_a_short_first_clause_is_split_as_ever(text: str) -> None:
    assert split(text, first_clause=True) == split(text)


def test_scripts_without_spaces_are_cut_at_their_own_marks() -> None:
    sentence = "从昨天晚上开始，我就无法登录我的账户了。"  # noqa: RUF001 - its own marks
    pieces = split(sentence * 12)
    assert "".join(piece.text for piece in pieces) == sentence * 12
    assert all(piece.text.endswith("。") for piece in pieces)
    assert all(len(piece.text) * 3 <= MOST_CHARACTERS for piece in pieces)
    assert pieces[0].pause_ms > 0


def test_scripts_without_spaces_and_marks_are_cut_all_the_same() -> None:
    assert max(len(piece.text) for piece in split("明日" * 200)) <= MOST_CHARACTERS // 3
