"""Figures side by side: one number in groups, or several."""

from __future__ import annotations

import pytest

from services.shared.entities.numerals import numerals


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("341-351-5158", "3413515158"),
        ("(341) 351-5158", "3413515158"),
        ("341 351 5158", "3413515158"),
        ("+55 (11) 98765-4321", "5511987654321"),
        ("555-1234", "5551234"),
        ("4111 1111 1111 1111", "4111111111111111"),
        ("123.456.789-09", "12345678909"),
        ("12.345.678/0001-90", "12345678000190"),
        ("06.12.34.56.78", "0612345678"),
        ("3413515158", "3413515158"),
        ("0042", "0042"),
        ("3 4 1", "341"),
        ("4, 2, 7", "427"),
        ("912 345 678", "912345678"),
        ("123 456", "123456"),
    ],
)
def test_digits_in_groups_that_are_no_quantity_are_spelled(written: str, digits: str) -> None:
    (found,) = numerals(f"It is {written}.", "en")
    assert (found.value, found.text, found.spelled) == (digits, written, True)


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("10-15", ["10", "15"]),
        ("2025-2026", ["2025", "2026"]),
        ("1418 - 1450", ["1418", "1450"]),
        ("29 3/4", ["29", "3", "4"]),
        ("1 3/4", ["1", "3", "4"]),
        ("2:30", ["2", "30"]),
        ("May 5 2026", ["5", "2026"]),
        ("the 2008 400 richest", ["2008", "400"]),
        ("press 1, 2 or 3", ["1", "2", "3"]),
        ("(5) items", ["5"]),
        ("Formula 1 seven times", ["1", "7"]),
    ],
)
def test_numbers_that_stand_close_but_mean_each_their_own_stay_apart(written: str, values: list[str]) -> None:
    assert [one.value for one in numerals(written, "en")] == values
