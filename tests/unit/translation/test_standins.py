"""What stands for numbers, dates and names while their sentence is translated."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.translation.protection import disguised
from services.translation.standins import DISGUISES, Demand, Disguise, Sort

FIRST, _, THIRD, FOURTH, _ = DISGUISES
TEXT = "Call 3413515158 before 05/03/2026 or 2:30 pm, asks Ana."
NUMBER = Demand(5, 15, "3413515158", exact=True, sort=Sort.FIGURE)
DATE = Demand(23, 33, "03/05/2026", exact=True, sort=Sort.DATE)
TIME = Demand(37, 44, "14h30", exact=True, sort=Sort.TIME, frail=False)
NAME = Demand(51, 54, "Ana", exact=True, sort=Sort.NAME, frail=False)
ALL = [NUMBER, DATE, TIME, NAME]
WANTED = "Call 3413515158 before 03/05/2026 or 14h30, asks Ana."


def test_what_models_change_goes_in_disguise_at_once_and_the_rest_later() -> None:
    first, third = (disguised(TEXT, ALL, each).text for each in (FIRST, THIRD))
    assert "3413515158" not in first
    assert "2026" not in first
    assert "2:30 pm, asks Ana" in first
    assert not any(each in third for each in ("3413515158", "2026", "2:30 pm", "Ana"))


@pytest.mark.parametrize("disguise", [THIRD, FOURTH])
def test_all_of_them_stand_in_a_translation_that_copies_what_stands_for_them(disguise: Disguise) -> None:
    worn = disguised(TEXT, ALL, disguise)
    assert worn.revealed(worn.text) == WANTED


def test_a_number_is_a_short_one_and_a_date_is_the_same_whichever_way_round() -> None:
    number, date = disguised(TEXT, [NUMBER, DATE], FIRST).marks
    assert len(number) == len({*number}) == 3
    assert date[:2] == date[3:] != date[2:]


@pytest.mark.parametrize("lost", ["", "{0}", "{0} {0}", "{1}, {0}, {1}", "{0}{1}", "{0}1 {1}"])
def test_what_stands_for_a_number_must_be_there_just_once(lost: str) -> None:
    worn = disguised(
        "From 11111 to 22222.", [replace(NUMBER, start=5, end=10), replace(NUMBER, start=14, end=19)], FIRST
    )
    assert worn.revealed(lost.format(*worn.marks)) is None
    assert worn.revealed("{1} {0}".format(*worn.marks)) is not None


@given(
    st.lists(st.from_regex(r"[0-9]{1,16}", fullmatch=True), min_size=1, max_size=40),
    st.sampled_from([FIRST, THIRD]),
)
def test_any_numbers_come_out_of_a_copy_as_they_went_in(numbers: list[str], disguise: Disguise) -> None:
    text, demands = "", []
    for number in numbers:
        text += "a "
        demands.append(Demand(len(text), len(text) + len(number), number, exact=True, sort=Sort.FIGURE))
        text += f"{number}, "
    worn = disguised(text, demands, disguise)
    assert len(worn.marks) == len(numbers)
    assert worn.revealed(worn.text) == text


@pytest.mark.parametrize("said", ["{0}", "US{0}", "US $ {1}", "{1} $"])
def test_an_amount_is_one_of_dollars_that_languages_write_as_they_like(said: str) -> None:
    worn = disguised("It was €87.60 then.", [replace(NUMBER, start=7, end=13, sort=Sort.MONEY)], FIRST)
    (mark,) = worn.marks
    assert worn.text == f"It was {mark} then."
    assert worn.revealed(f"Foi {said.format(mark, mark[1:])}.") == "Foi 3413515158."


def test_a_full_stop_that_belongs_to_a_time_ends_the_sentence_too() -> None:
    text = "Call at 2:30 p.m."
    worn = disguised(text, [replace(TIME, start=8, end=len(text), frail=True)], FIRST)
    assert worn.revealed(worn.text) == "Call at 14h30."
