"""`dragoman stages`, run as a user runs it."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from services.cli.main import app
from tests.support.stub_gateway import StubGateway

ABILITIES: dict[str, Any] = {
    "languages": ["en", "pt"],
    "translates_to_english": True,
    "pairs": [
        {"source_language": "en", "target_language": "pt", "models": ["tiny"], "pivot_language": None},
        {"source_language": "en", "target_language": "es", "models": ["tiny"], "pivot_language": None},
        {"source_language": "pt", "target_language": "fr", "models": ["tiny", "m2m"], "pivot_language": "en"},
    ],
    "voices": [
        {"name": "alice", "language": "en-US", "gender": "female", "default": True},
        {"name": "bob", "language": "en-US", "gender": "male"},
        {"name": "ana", "language": "en-US", "gender": "female", "cloned": True},
        {"name": "robot", "language": "cy", "last_resort": True},
    ],
    "codecs": [
        {"name": "opus", "bitrates_kbps": [6, 256], "default_bitrate_kbps": 24},
        {
            "name": "encodec",
            "bitrates_kbps": [1.5, 3, 6],
            "default_bitrate_kbps": 6,
            "model": {"name": "encodec-24khz"},
        },
        {"name": "flac", "bitrates_kbps": None, "default_bitrate_kbps": 0},
    ],
    "models": {
        "asr": [{"name": "base", "revision": "1", "languages": ["en", "pt"], "translates_to_english": True}]
    },
}
DEPTH = {"name": "asr.transcribe", "queued": 7, "running": 2, "done": 40}


def shown(gateway: StubGateway, abilities: dict[str, Any]) -> list[list[str]]:
    """Return the words of each line."""
    gateway.say("GET /v1/stages", {"stages": [DEPTH], "scaling": [], "capabilities": abilities})
    done = CliRunner().invoke(app, ["stages"], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return [line.split() for line in done.output.splitlines()]


def test_it_says_how_much_work_there_is_and_who_can_do_it(gateway: StubGateway) -> None:
    lines = shown(gateway, ABILITIES)
    assert ["asr.transcribe", "7", "2", "40"] in lines
    assert ["base", "1", "yes", "en", "pt"] in lines


def test_pairs_are_gathered_by_what_they_go_through(gateway: StubGateway) -> None:
    lines = shown(gateway, ABILITIES)
    assert ["en", "tiny", "pt", "es"] in lines
    assert ["pt", "tiny,", "m2m", "via", "en", "fr"] in lines


def test_voices_stand_by_language_and_gender(gateway: StubGateway) -> None:
    lines = shown(gateway, ABILITIES)
    assert ["en-US", "alice*", "ana+", "bob"] in lines
    assert ["cy", "robot!"] in lines


def test_codecs_show_their_bitrates(gateway: StubGateway) -> None:
    lines = shown(gateway, ABILITIES)
    assert ["opus", "6", "to", "256", "24"] in lines
    assert ["encodec", "1.5,", "3,", "6", "6", "encodec-24khz"] in lines
    assert ["flac"] in lines


def test_a_service_that_has_not_answered_yet_is_no_service_that_can_do_nothing(gateway: StubGateway) -> None:
    lines = shown(gateway, {"pairs": [], "voices": None})
    assert sum(line[:4] == ["The", "service", "has", "not"] for line in lines) == 3
