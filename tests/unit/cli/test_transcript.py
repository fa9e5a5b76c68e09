"""A call on the terminal: every word there, in the order of time, within the width."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from services.cli import transcript
from tests.unit.cli.results import call, channel, region

WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), max_size=12)
REGIONS = st.builds(
    lambda start_ms, source, target: region(start_ms, " ".join(source), " ".join(target)),
    st.integers(0, 7_200_000),
    WORDS,
    WORDS,
)


def render(result: dict[str, Any], width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(transcript.table(result))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_turns_come_in_the_order_of_time_across_channels() -> None:
    assert [(turn.start_ms, turn.column) for turn in transcript.turns(call())] == [
        (600, 0),
        (4_504, 1),
        (65_000, 0),
    ]


def test_each_channel_has_a_column_with_its_role_and_languages() -> None:
    heading = render(call())[0]
    assert heading.index("agent  en → pt-BR") < heading.index("customer  pt-BR → en")


def test_what_was_said_stands_above_what_it_means_in_its_own_column() -> None:
    lines = render(call())
    said = next(i for i, line in enumerate(lines) if "Pedido" in line)
    column = lines[0].index("customer")
    assert lines[said].startswith("00:04")
    assert lines[said].index("Pedido") == column
    assert lines[said + 1].index("Order") == column


def test_square_brackets_in_a_call_are_no_markup() -> None:
    assert any("Pedido [47] dois." in line for line in render(call()))


def test_a_turn_to_check_is_marked() -> None:
    assert sum("(check)" in line for line in render(call())) == 1


def test_a_transcription_has_no_translation_line() -> None:
    result = {"channels": [channel(0, None, ("en", None), region(0, "Hello."))]}
    lines = [line.strip() for line in render(result) if line.strip()]
    assert lines == ["time   channel 0  en", "00:00  Hello."]


def test_a_channel_with_the_audio_of_another_says_so() -> None:
    twin = channel(1, None, ("en", "pt-BR")) | {"identical_to": 0}
    assert (
        "same audio as channel 0" in render({"channels": [channel(0, None, ("en", "pt-BR")), twin]}, 160)[0]
    )


def test_a_call_without_speech_is_an_empty_table() -> None:
    assert transcript.turns({"channels": [channel(0, "agent", ("en", "pt-BR"))]}) == []


@pytest.mark.parametrize(
    ("time_ms", "shown"), [(0, "00:00"), (999, "00:00"), (65_000, "01:05"), (7_199_999, "119:59")]
)
def test_times_are_minutes_and_seconds(time_ms: int, shown: str) -> None:
    assert transcript.clock(time_ms) == shown


@given(st.lists(st.lists(REGIONS, max_size=4), min_size=1, max_size=3), st.integers(60, 160))
def test_every_line_fits_and_every_character_is_there(
    regions: list[list[dict[str, Any]]], width: int
) -> None:
    channels = [channel(i, "x", ("en", "pt"), *each) for i, each in enumerate(regions)]
    lines = render({"channels": channels}, width)
    assert all(cell_len(line) <= width for line in lines)
    shown = "".join(lines)
    for each in (one for many in regions for one in many):
        for text in (each["source"]["text"], each["translation"]["text"]):
            assert all(shown.count(letter) >= text.count(letter) for letter in set(text) - {" "})
