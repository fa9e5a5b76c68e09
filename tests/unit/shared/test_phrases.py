"""Phrases are found as whole words, the longest first, in any script."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.shared.phrases import Phrase, find

WORDS = st.lists(st.sampled_from(["care", "Plus", "plan", "ação", "über", "x"]), min_size=1, max_size=3)
PHRASES = st.lists(st.builds(Phrase, WORDS.map(" ".join), st.booleans()), max_size=6)


def found(text: str, *phrases: str, exact: bool = False) -> list[str]:
    return [text[match.start : match.end] for match in find(text, [Phrase(each, exact) for each in phrases])]


@pytest.mark.parametrize(
    ("text", "phrase", "times"),
    [
        ("A claim, my claim: claim.", "claim", 3),
        ("Claims and reclaim and claim_id", "claim", 0),
        ("(claim)/claim-free", "claim", 2),
        ("CLAIM Claim", "claim", 2),
        ("O SINISTRO É ÓBVIO", "óbvio", 1),
        ("Platinum  Care\nPlus", "platinum care plus", 1),
        ("C++ and C", "C++", 1),
        ("We're on 24/7 duty", "24/7", 1),
        ("number 240", "24", 0),
        ("a b a b a", "a b a", 1),
        ("कला", "कल", 0),
        ("कल आना", "कल", 1),
        ("プラチナプランを解約", "プラン", 1),
        ("我要取消白金计划", "白金", 1),
        ("플래티넘을 해지", "플래티넘", 1),
        ("ผมต้องการยกเลิก", "ยกเลิก", 1),
        ("anything", "", 0),
        ("a * b", "*", 1),
        ("a.b axb", "a.b", 1),
        ("O\u2019Brien and O'Brien", "O'Brien", 2),
        ("l'Acme, Acme\u2019s", "Acme", 2),
        ("Wi\u2011Fi", "wi-fi", 1),
        ("Cafe\u0301 CAFE\u0301", "caf\u00e9", 2),
        ("cafe\u0301", "cafe", 0),
        ("STRASSE Straße", "straße", 2),
        ("Straße", "stras", 0),
        ("\u0130STANBUL Istanbul istanbul", "\u0130stanbul", 3),
        ("DIYARBAKIR Diyarbak\u0131r", "Diyarbak\u0131r", 2),
        ("ΟΔΟΣ οδός", "οδος", 1),
    ],
)
def test_whole_words_are_found(text: str, phrase: str, times: int) -> None:
    assert len(found(text, phrase)) == times


def test_case_counts_only_where_it_is_asked_for() -> None:
    assert found("US and us", "US") == ["US", "us"]
    assert found("US and us", "US", exact=True) == ["US"]


def test_what_is_found_is_where_the_text_has_it() -> None:
    assert found("die  Cafe\u0301  \n STRASSE, ja", "café straße") == ["Cafe\u0301  \n STRASSE"]
    assert found("\u0130\u0130 kal", "kal") == ["kal"]


def test_a_text_of_nothing_but_phrases_is_searched_in_time_that_grows_with_it() -> None:
    """Were every match compared with every other, these would take minutes."""
    assert len(find("a " * 100_000, [Phrase("a")])) == 100_000
    assert find("a" * 100_000, [Phrase("a" * length) for length in range(1, 129)]) == []


def test_the_longest_phrase_wins_wherever_it_stands() -> None:
    assert found("Care Plus Golden", "Care", "Plus Golden", "Care Plus") == ["Care", "Plus Golden"]
    assert found("Care Plus Gold", "Care", "Plus", "Care Plus Gold") == ["Care Plus Gold"]


@given(st.lists(WORDS.map(" ".join), max_size=6).map(" ".join), PHRASES)
@example("x x x", [Phrase("x x"), Phrase("x")])
def test_matches_are_disjoint_and_in_order_and_say_the_phrase(text: str, phrases: list[Phrase]) -> None:
    matches = find(text, phrases)
    assert all(before.end <= after.start for before, after in pairwise(matches))
    for match in matches:
        words = text[match.start : match.end].split()
        wanted = match.phrase.text.split()
        assert (
            words == wanted if match.phrase.exact else [*map(str.lower, words)] == [*map(str.lower, wanted)]
        )
        assert text[match.start - 1 : match.start] in {"", " "}
        assert text[match.end : match.end + 1] in {"", " "}


@given(st.lists(WORDS.map(" ".join), max_size=6).map(" ".join), PHRASES)
def test_a_phrase_that_stands_alone_is_always_found(text: str, phrases: list[Phrase]) -> None:
    assert bool(find(text, phrases)) == any(
        f" {phrase.text if phrase.exact else phrase.text.lower()} "
        in f" {text if phrase.exact else text.lower()} "
        for phrase in phrases
    )


@given(st.text(), st.lists(st.builds(Phrase, st.text(), st.booleans()), max_size=4))
def test_no_text_breaks_it(text: str, phrases: list[Phrase]) -> None:
    assert all(match.phrase in phrases for match in find(text, phrases))
