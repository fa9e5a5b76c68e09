"""Who decides how something is read: the glossary, the rules for numbers, or the engine."""

from __future__ import annotations

import pytest

from services.shared.glossary import Pronunciation
from services.tts.request import SpeechRequest
from services.tts.spoken.reading import spoken


def test_a_pronunciation_wins_over_how_its_number_would_be_read() -> None:
    read = (Pronunciation("B12", "bee twelve"), Pronunciation("4821", "forty-eight 21"))
    request = SpeechRequest("Your code 4821 and B12 cost $5", "en", pronunciations=read)
    assert request.pronounced == "Your code forty-eight 21 and bee twelve cost $5"
    assert request.script == "Your code forty-eight 21 and bee twelve cost five dollars"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Call 911, or 911-555-0132.",
         "Call nine eleven, or nine one, one, five, five, five, zero one three two."),
        ("Mail info@example.com at EXAMPLE 24", "Mail info at example dot com at eggs-ample two four"),
    ],
)  # fmt: skip
def test_it_does_not_take_a_longer_number_apart(text: str, read: str) -> None:
    wished = (Pronunciation("911", "nine eleven"), Pronunciation("example", "eggs-ample"),
              Pronunciation("example 24", "eggs-ample two four"))  # fmt: skip
    assert SpeechRequest(text, "en", pronunciations=wished).script == read


@pytest.mark.parametrize("mark", ["0", "12 ", "a1"])
def test_what_is_longer_than_anybody_would_say_is_left_to_the_engine(mark: str) -> None:
    long = f"It is {'7' * 64}."
    assert len(spoken(long, "en")) > 4 * len(long)
    endless = mark * 5_000
    assert len(spoken(endless, "en")) <= 4 * len(endless)
    assert spoken("0" * 5_000, "en") == "0" * 5_000
