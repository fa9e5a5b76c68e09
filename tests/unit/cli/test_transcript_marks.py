"""What stands out in a call on the terminal: numbers that changed, reasons to look, sounds."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from services.cli import transcript
from tests.unit.cli.results import channel, region

RED = "\x1b[1;31m"
BOLD = "\x1b[1m"
LANGUAGES = ("en", "pt-BR")


def entity(text: str, target: str) -> dict[str, Any]:
    """Return an entity of both texts."""
    return {"kind": "digits", "source_text": text, "target_text": target, "match": text == target}


def turn(**more: Any) -> dict[str, Any]:
    return region(4_000, "Room 12, code 4 2 7.", "Quarto 12, código 47.", review=True) | more


def sound(kind: str, start_s: int, end_s: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "start_ms": start_s * 1000, "end_ms": end_s * 1000, **more}


def rendered(*channels: dict[str, Any], colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, color_system="standard" if colour else None, force_terminal=colour)
    console.print(transcript.table({"channels": channels}))
    return out.getvalue()


def shown(*sounds: list[dict[str, Any]], **more: Any) -> list[str]:
    """Return the sounds that are shown of a call whose channels have these."""
    channels = [channel(i, "x", LANGUAGES) | {"sounds": each} for i, each in enumerate(sounds)]
    channels[-1] |= more
    return [line.split("  ", 1)[1].strip() for line in rendered(*channels).splitlines() if "[" in line]


def test_a_turn_says_why_to_check_it_and_what_became_of_a_number() -> None:
    told = turn(
        review_reasons=["entity_mismatch", "speech_late"],
        entities=[entity("12", "12"), entity("4 2 7", "47")],
    )
    text = rendered(channel(0, "agent", LANGUAGES, told))
    assert "(check: entity_mismatch, speech_late)" in text
    assert "4 2 7 ≠ 47" in text
    assert "12 ≠" not in text
    coloured = rendered(channel(0, "agent", LANGUAGES, told), colour=True)
    assert f"{RED}4 2 7\x1b[0m" in coloured, "what does not match is red"
    assert f"{BOLD}12\x1b[0m" in coloured, "what does is bold"


def test_a_number_is_not_marked_within_another_one() -> None:
    told = region(0, "Room 15, then 1, then 15.") | {
        "entities": [entity("1", "2"), entity("15", "15"), entity("15", "15")]
    }
    coloured = rendered(channel(0, "agent", LANGUAGES, told), colour=True)
    assert f"Room {BOLD}15\x1b[0m, then {RED}1\x1b[0m, then {BOLD}15\x1b[0m." in coloured


def test_sounds_stand_where_they_were_heard() -> None:
    sounds = [
        sound("music", 12, 40),
        sound("dtmf", 1, 3, digits="42#"),
        sound("crosstalk", 50, 51, of=0),
    ]
    assert shown(sounds) == [
        "[dtmf 42# 00:01-00:03]",
        "[music 00:12-00:40]",
        "[crosstalk of channel 0 00:50-00:51]",
    ]


def test_silence_is_shown_when_nobody_speaks_and_not_while_another_does() -> None:
    alone = [sound("silence", 5, 20)]
    assert shown(alone) == ["[silence 00:05-00:20]"]
    assert shown(alone, []) == []
    assert shown(alone, [sound("silence", 11, 60)]) == [], "9 s together are none"
    assert shown([sound("silence", 5, 40)], [sound("silence", 0, 10), sound("silence", 12, 60)]) == [
        "[silence 00:12-00:40]"
    ]
    assert shown(alone, [], identical_to=0) == ["[silence 00:05-00:20]"], "it has no sounds of its own"
