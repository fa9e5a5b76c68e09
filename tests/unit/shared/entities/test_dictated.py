"""Numbers dictated with pauses are one number, lists of quantities are not."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.shared.entities.comparison import matched
from services.shared.entities.numerals import numerals
from tests.unit.shared.entities.test_numerals_in_words import in_words


def values(text: str, language: str) -> list[str]:
    """The values of a text's numbers, in quotes those that are spelled."""
    return [f"'{one.value}'" if one.spelled else one.value for one in numerals(text, language)]


@pytest.mark.parametrize(
    ("language", "said", "digits"),
    [
        ("en", "twenty-one, sixty-seven, eleven, ninety-nine, oh nine", "2167119909"),
        ("en", "forty-six, oh nine", "4609"),
        ("en", "twenty-one sixty-seven, eleven ninety-nine, oh nine", "2167119909"),
        ("en", "four one, seventeen", "4117"),
        ("pt", "onze, dez, trinta e três, quatro, nove", "11103349"),
        ("pt", "quarenta e seis, meia dois", "4662"),
        ("es", "veintiuno, sesenta y siete, once, cero nueve", "21671109"),
        ("fr", "vingt et un, soixante-sept, onze, zéro neuf", "21671109"),
        ("it", "ventuno, sessantasette, undici, zero nove", "21671109"),
    ],
)
def test_groups_with_commas_between_are_one_number(language: str, said: str, digits: str) -> None:
    (found,) = numerals(f"xyz {said}.", language)
    assert (found.value, found.text, found.spelled) == (digits, said, True)


@pytest.mark.parametrize(
    ("language", "said", "expected"),
    [
        ("en", "two, three and four", ["2", "3", "4"]),
        ("en", "press one, two, three or four", ["1", "2", "3", "4"]),
        ("en", "press 1, 2, 3 or 4", ["1", "2", "3", "4"]),
        ("en", "ten, twenty, thirty percent", ["10", "20", "30"]),
        ("en", "twenty, thirty at most", ["20", "30"]),
        ("en", "at two, two thirty pm", ["2", "2", "30"]),
        ("en", "two thirty, three fifteen, four forty-five", ["2", "30", "3", "15", "4", "45"]),
        ("en", "nineteen ninety-nine, twenty oh six", ["1999", "2006"]),
        ("en", "Oh, twenty-one, thirty-two, eleven", ["'213211'"]),
        ("pt", "dez, vinte e trinta", ["10", "20", "30"]),
        ("es", "once, doce y trece", ["11", "12", "13"]),
        ("fr", "onze, douze, treize euros", ["11", "12", "13"]),
        ("it", "dieci, undici, dodici o tredici", ["10", "11", "12", "13"]),
    ],
)
def test_quantities_and_times_with_commas_between_stay_apart(
    language: str, said: str, expected: list[str]
) -> None:
    assert values(said, language) == expected


@pytest.mark.parametrize(
    ("said", "translated"),
    [
        ("ten, twenty and thirty", "dez, vinte e trinta"),
        ("ten, twenty, thirty", "10, 20 e 30"),
        ("two, three and four", "2, 3 e 4"),
        ("ten, twenty, thirty percent", "10, 20, 30 por cento"),
        ("one, two, three", "uma, duas, três"),
        ("twenty-one, sixty-seven, oh nine", "21, 67, 09"),
        ("at two thirty, three fifteen, four forty-five", "às 2h30, 3h15, 4h45"),
        ("67 117", "67 117"),
        ("67 117", "67.117"),
        ("it is 54 829, yes", "é 54 829, sim"),
        ("482-913", "quatro oito dois, nove um três"),
    ],
)
def test_lists_and_groups_match_however_they_are_written(said: str, translated: str) -> None:
    assert matched(said, "en", translated, "pt")
    assert matched(translated, "pt", said, "en")


def test_groups_with_a_wrong_digit_do_not_match() -> None:
    assert not matched("54 829", "en", "54 828", "pt")
    assert not matched("482-913", "en", "quatro oito dois, nove um quatro", "pt")
    assert not matched("sixty, sixty-two, oh eight", "en", "sessenta, sessenta e dois, oh oito", "pt")


GROUPS = st.lists(st.integers(2, 99), min_size=3, max_size=7)


@given(st.sampled_from(["en", "es", "pt", "fr", "it"]), GROUPS, st.data())
def test_no_group_of_a_dictated_number_may_change(
    language: str, groups: list[int], data: st.DataObject
) -> None:
    at, wrong = data.draw(st.integers(0, len(groups) - 1)), data.draw(st.integers(2, 99))
    assume(wrong != groups[at])
    said, figures, corrupted = (
        ", ".join(in_words(each, language) for each in groups),
        ", ".join(map(str, groups)),
        ", ".join(map(str, [*groups[:at], wrong, *groups[at + 1 :]])),
    )
    assert matched(said, language, figures, "de")
    assert not matched(said, language, corrupted, "de")
