"""Texts that are cut after their sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.inference.splitting import split

SENTENCE = "This is a sentence of forty characters!!"


def words(text: str) -> list[str]:
    """Return the words of a text, those of each sentence without a letter or digit left out."""
    return [word for word in text.split() if any(map(str.isalnum, word))]


def test_a_short_text_stays_whole() -> None:
    assert split("Dr. Smith called. He asks for Ana.") == ["Dr. Smith called. He asks for Ana."]


def test_a_part_is_what_is_spoken_in_one_breath() -> None:
    parts = split(" ".join([SENTENCE] * 30))
    assert [len(part) for part in parts] == [122] * 10
    assert " ".join(parts) == " ".join([SENTENCE] * 30)


def test_a_sentence_is_never_cut() -> None:
    endless = "and so on, " * 60
    assert split(endless) == [endless.strip()]
    assert split(f"Yes. {endless}") == ["Yes.", endless.strip()]


def test_chinese_sentences_have_no_spaces_between_them() -> None:
    parts = split("你好世界再见。" * 40)
    assert [len(part) <= 160 for part in parts] == [True, True]


def test_a_paragraph_without_a_mark_ends_too() -> None:
    assert split("Title\n\n" + "a" * 200) == ["Title", "a" * 200]


def test_what_cannot_be_said_is_left_out() -> None:
    assert split("!!! ... ???") == []


@given(st.lists(st.from_regex(r"[a-z0-9]{1,12}[.!?,]?", fullmatch=True), max_size=300))
def test_no_word_is_lost_and_none_is_said_twice(said: list[str]) -> None:
    assert words(" ".join(split(" ".join(said)))) == said
