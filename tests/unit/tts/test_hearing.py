"""What was heard is compared word by word, and speech that is too long is heard in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.hearing import compared, pieces_of


@pytest.mark.parametrize(
    ("said", "heard", "rate", "match"),
    [
        ("Your balance is $1,234.50.", "your balance is 1234 dollars and 50 cents", 0, True),
        ("Please hold the line.", "please hold a line", 0.25, True),
        ("Please hold.", "", 1, True),
        ("Please hold.", "please hold on to the line", 2, True),
        ("Call 3413515158.", "Call 341-351-5158.", 0, True),
    ],
)
def test_words_that_differ_are_counted(said: str, heard: str, rate: float, match: bool) -> None:
    found = compared(said, heard, "en")
    assert (found.word_error_rate, found.entities_match) == (rate, match)
    assert found.is_good(0.25) is (match and rate <= 0.25)


@pytest.mark.parametrize(
    ("said", "heard", "match"),
    [
        ("Your code is 482913.", "your code is 482-913", True),
        ("Phone 555 432 10987", "phone 5.5, 5.4.3.2.1.0987", True),
        ("It is 45.5 degrees.", "it is 455 degrees", False),
        ("You have 455 points.", "you have 45.5 points", False),
        ("Your code is 482913.", "your code is 482-931", False),
    ],
)
def test_digits_may_be_grouped_otherwise_but_a_point_counts(said: str, heard: str, match: bool) -> None:
    assert compared(said, heard, "en").entities_match is match


@pytest.mark.parametrize(
    ("said", "heard", "language"),
    [
        ("您的号码是13800138000。", "您的號碼是13800138000", "zh"),
        ("少々お待ち下さい。", "少々お待ちください", "ja"),
    ],
)
def test_of_scripts_without_spaces_characters_are_counted(said: str, heard: str, language: str) -> None:
    found = compared(said, heard, language)
    assert 0 < found.word_error_rate < 0.5
    assert found.entities_match


def test_one_lost_digit_is_never_good() -> None:
    found = compared("The long number of your order that you asked for is 3413515158.",
                     "The long number of your order that you asked for is 341351558.", "en")  # fmt: skip
    assert found.word_error_rate < 0.25
    assert not found.is_good(1)


def test_long_speech_is_cut_where_it_is_quiet() -> None:
    speech = np.full(24_000 * 5, 3000, "<i2")
    speech[24_000 * 2 : 24_000 * 2 + 480] = 0
    first, *rest = pieces_of(speech.tobytes(), 24_000, 3_000)
    assert len(first) == 24_000 * 2 * 2
    assert b"".join((first, *rest)) == speech.tobytes()


@given(samples=st.integers(0, 5_000), longest_ms=st.integers(20, 2_000))
def test_no_piece_is_longer_than_one_may_be_and_nothing_is_lost(samples: int, longest_ms: int) -> None:
    speech = np.arange(samples, dtype="<i2").tobytes()
    pieces = list(pieces_of(speech, 1_000, longest_ms))
    assert b"".join(pieces) == speech
    assert max(map(len, pieces)) <= longest_ms * 2
    assert all(pieces[:-1])
