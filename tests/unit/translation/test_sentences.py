"""Cutting texts into sentences loses nothing and cuts where a sentence ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.translation.sentences import MOST_CHARACTERS, split

PUNCTUATED = st.text(alphabet=st.sampled_from('aB9.!?…,;: \n\t"”)é。'), max_size=300)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" ", [" "]),
        ("Hello", ["Hello"]),
        ("Hello. How are you?  Fine!", ["Hello. ", "How are you?  ", "Fine!"]),
        ("One...\ntwo", ["One...\n", "two"]),
        ("First line\n\n  second line", ["First line\n\n  ", "second line"]),
        ("A line. \nanother", ["A line. ", "\n", "another"]),
        ('"Stop!" Then he left.', ['"Stop!" ', "Then he left."]),
        ("Olá. Água não.", ["Olá. ", "Água não."]),
        ("It costs 3.50 dollars. Yes.", ["It costs 3.50 dollars. ", "Yes."]),
        ("Write to anna@example.com now.", ["Write to anna@example.com now."]),
        ("Really? yes.", ["Really? yes."]),
        ("O Dr. Silva e a Sra. Lima.", ["O Dr. Silva e a Sra. Lima."]),
        ("Mr. Smith. He left.", ["Mr. Smith. ", "He left."]),
        ("Ask J. Smith.", ["Ask J. Smith."]),
        ("...", ["..."]),
        ("你好。再见。", ["你好。", "再见。"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_a_long_sentence_is_cut_after_a_comma() -> None:
    text = "one two three four, five six seven, eight nine"
    assert split(text, 40) == ["one two three four, five six seven, ", "eight nine"]


def test_a_long_sentence_without_commas_is_cut_at_a_space() -> None:
    assert split("aaaa bbbb cccc dddd", 12) == ["aaaa bbbb ", "cccc dddd"]


def test_an_early_comma_does_not_make_a_tiny_piece() -> None:
    assert split("So, aaaa bbbb cccc", 12) == ["So, aaaa ", "bbbb cccc"]


def test_an_endless_word_is_cut_anywhere() -> None:
    assert split("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


@given(st.text() | PUNCTUATED, st.integers(1, 50))
def test_the_pieces_are_the_text_and_none_is_too_long(text: str, most: int) -> None:
    pieces = split(text, most)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= most for piece in pieces)


@pytest.mark.parametrize("run", [".", " ", "\n", '."', ". ", "! \n", ",", "Mr. ", "a", "… "])
def test_a_long_run_of_anything_is_cut_in_linear_steps(run: str) -> None:
    text = run * (50_000 // len(run))
    pieces = split(text)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= MOST_CHARACTERS
