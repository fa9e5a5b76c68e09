"""Entities of two texts come together as pairs, and what is wrong is shown beside what it should be."""

from __future__ import annotations

from services.shared.entities.comparison import compared, pairs
from services.shared.entities.extraction import entities
from services.shared.entities.kinds import Pair

Shown = tuple[str | None, str | None, bool]


def shown(found: tuple[Pair, ...]) -> list[Shown]:
    return [
        (each.source.value if each.source else None, each.target.value if each.target else None, each.match)
        for each in found
    ]


def test_a_wrong_digit_is_shown_beside_the_right_one() -> None:
    found = pairs(entities("call 3413515158 for $5 and 12", "en"), entities("12, US$ 5, 3413515188", "pt"))
    wrong = ("3413515158", "3413515188", False)
    assert shown(found) == [wrong, ("5", "5 USD", True), ("12", "12", True)]


def test_what_one_side_has_alone_is_shown_alone() -> None:
    found = pairs(entities("room 12, 14:30", "en"), entities("14h30, amanhã, 50%", "pt"))
    assert shown(found) == [("12", None, False), ("14:30", "14:30", True), (None, "50", False)]


def test_a_name_is_looked_for_where_no_cue_shows_it() -> None:
    assert shown(compared("My name is Anna Lee", "en", "Anna Lee falando", "pt")) == [
        ("Anna Lee", "Anna Lee", True)
    ]
    assert shown(compared("My name is Anna Lee", "en", "Falando", "pt")) == [("Anna Lee", None, False)]
    assert pairs(entities("My name is Anna Lee", "en"), ()) == ()


def test_a_name_that_the_other_text_shows_differently_is_found_in_it() -> None:
    found = compared("Mr. Rudd called", "en", "O Sr. Kevin Rudd ligou", "pt")
    assert shown(found) == [("Rudd", "Rudd", True)]


def test_the_pieces_of_an_identifier_make_it_up_in_their_order_only() -> None:
    whole, pieces, swapped = (entities(text, "en") for text in ("code 0341512", "034 - 1512", "1512 - 034"))
    assert all(each.match for each in pairs(whole, pieces))
    assert not all(each.match for each in pairs(whole, swapped))


def test_thousands_of_numbers_are_compared_without_delay() -> None:
    """Were each compared with each, this would take a minute."""
    source = entities(", ".join(map(str, range(11, 2000))), "en")
    target = entities(", ".join(map(str, range(5000, 7000))), "en")
    assert all(each.match for each in pairs(source, source))
    assert not any(each.match for each in pairs(source, target))


def test_long_amounts_are_compared_to_the_last_digit() -> None:
    amounts = [entities(f"${'1,' + '234,' * 11}{end}", "en") for end in ("567", "568")]
    assert [each.match for each in pairs(*amounts)] == [False]
