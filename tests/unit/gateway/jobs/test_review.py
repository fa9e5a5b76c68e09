"""What a person should check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.review import digit_strings, needs_review, number_entities

numbers = st.lists(st.integers(0, 10**10).map(str), max_size=5)
words = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=6)


def sentence(parts: list[str]) -> str:
    return " and ".join(["number", *parts])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no digits at all", []),
        ("R$ 1.234,50", ["123450"]),
        ("1,234.50", ["123450"]),
        ("1 234 and 1\u00a0234 and 1'234", ["1234"] * 3),
        ("415-515-8158", ["4155158158"]),
        ("at 10:30 on 05/06", ["10", "30", "05", "06"]),
        ("10h30", ["10", "30"]),
        ("the 2nd, 3.", ["2", "3"]),
        ("١٢٣", ["123"]),
        ("10, 20", ["10", "20"]),
    ],
)
def test_numbers_become_digit_strings(text: str, found: list[str]) -> None:
    assert digit_strings(text) == found


def test_a_lost_digit_is_a_mismatch() -> None:
    (entity,) = number_entities("Card 3413515158.", "Cartão 34135158.")
    assert entity == {"kind": "number", "source": "3413515158", "target": "34135158", "match": False}


def test_a_number_that_went_missing_has_no_partner() -> None:
    assert number_entities("Room 7", "Sala")[0]["target"] is None
    assert number_entities("Sala", "Room 7")[0]["source"] is None


@given(numbers.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_the_same_numbers_match_in_any_order(orders: tuple[list[str], list[str]]) -> None:
    entities = number_entities(*map(sentence, orders))
    assert len(entities) == len(orders[0])
    assert all(entity["match"] for entity in entities)


@given(numbers, numbers)
def test_every_number_is_reported_once(sources: list[str], targets: list[str]) -> None:
    entities = number_entities(sentence(sources), sentence(targets))
    assert sorted(each["source"] for each in entities if each["source"] is not None) == sorted(sources)
    assert sorted(each["target"] for each in entities if each["target"] is not None) == sorted(targets)
    assert all(each["match"] for each in entities) == (sorted(sources) == sorted(targets))


@given(words)
def test_words_are_no_numbers(word: str) -> None:
    assert number_entities(word, word) == []


@pytest.mark.parametrize(
    ("source", "target", "warnings", "confidence", "review"),
    [
        ("Room 7", "Sala 7", [], 0.9, False),
        ("Room 7", "Sala 8", [], 0.9, True),
        ("Room", "Sala", [], 0.49, True),
        ("Room", "Sala", [], 0.5, False),
        ("Room", "Sala", ["repetition"], 0.9, True),
        ("Room", "Sala", [], None, False),
        ("Room", "Sala", ["pivoted", "last_resort_voice", "cloned_voice"], None, False),
        ("Room", "Sala", ["pivoted", "fell_back"], None, True),
    ],
)
def test_review_is_asked_for_changed_numbers_weak_recognition_and_warnings(
    source: str, target: str, warnings: list[str], confidence: float | None, *, review: bool
) -> None:
    assert needs_review(number_entities(source, target), warnings, confidence) is review
