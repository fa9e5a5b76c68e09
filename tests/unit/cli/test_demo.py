"""The demo: which call it takes, and that it leaves a stack as it found it."""

from __future__ import annotations

import errno
import io
import json
import struct
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from services.cli.demo import flow
from services.cli.settings import CliSettings
from services.cli.stack.embedded import Stack
from services.cli.stack.table import Component
from services.gateway.jobs.spec import parse
from services.shared.errors import InvalidRequest

TINY = ((Component("only", "tests.unit.cli.children"),),)
BUNDLED = resources.files(flow.__package__)


def alive(settings: CliSettings) -> bool:
    return Stack(settings, TINY).find(TINY[0][0]) is not None


def test_the_bundled_call_is_telephone_audio_with_the_channels_that_the_spec_names() -> None:
    head = (BUNDLED / "call.wav").read_bytes()[:28]
    assert (head[:4], head[8:16]) == (b"RIFF", b"WAVEfmt ")
    encoding, channel_count, rate_hz = struct.unpack("<HHI", head[20:28])
    assert (encoding, rate_hz) == (7, 8000), "G.711 mu-law at 8 kHz"
    assert channel_count == len(flow.BUNDLED_CHANNELS)


def test_the_bundled_turns_lie_within_the_call_and_speak_its_languages() -> None:
    document = json.loads((BUNDLED / "call.json").read_text(encoding="utf-8"))
    languages = {(channel["role"], channel["source_language"]) for channel in flow.BUNDLED_CHANNELS}
    assert {(turn["role"], turn["language"]) for turn in document["turns"]} == languages
    assert all(
        0 <= turn["start_ms"] < turn["end_ms"] <= document["duration_ms"] for turn in document["turns"]
    )


def test_the_bundled_recording_says_whose_it_is() -> None:
    notice = (BUNDLED / "NOTICE.md").read_text(encoding="utf-8")
    assert "Allison Smith" in notice
    assert "CC BY-SA 3.0" in notice


def test_the_gateway_takes_both_specs(tmp_path: Path) -> None:
    call = tmp_path / "my.wav"
    call.touch()
    assert parse(json.dumps(flow.spec_for(None, None, None))).kind == "speech_translation"
    own = flow.spec_for(call, "en", "pt-BR")
    assert parse(json.dumps(own)).kind == "speech_translation"
    assert own["source_language"] == "en"


def test_an_own_call_must_be_there() -> None:
    with pytest.raises(InvalidRequest) as caught:
        flow.spec_for(Path("no/such/call.wav"), "en", "pt-BR")
    assert caught.value.code == "file_not_found"


@pytest.mark.parametrize(("source", "target"), [(None, None), ("en", None), (None, "pt-BR")])
def test_an_own_call_needs_its_languages(tmp_path: Path, source: str | None, target: str | None) -> None:
    call = tmp_path / "my.wav"
    call.touch()
    with pytest.raises(InvalidRequest, match="--from") as caught:
        flow.spec_for(call, source, target)
    assert caught.value.code == "languages_missing"


def test_it_stops_the_stack_that_it_started(settings: CliSettings) -> None:
    with flow.running(Stack(settings, TINY), Console(file=io.StringIO())):
        assert alive(settings)
    assert not alive(settings)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, InvalidRequest, RuntimeError])
def test_it_stops_it_also_when_something_goes_wrong(settings: CliSettings, kind: type[BaseException]) -> None:
    with pytest.raises(kind), flow.running(Stack(settings, TINY), Console(file=io.StringIO())):
        raise kind("in the middle")
    assert not alive(settings)


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "the terminal is closed"), SystemExit(1)])
def test_it_stops_it_also_when_nobody_hears_of_it(settings: CliSettings, failure: BaseException) -> None:
    class Deaf(Console):
        """A console whose terminal was closed, or whose pipe broke, which rich answers with SystemExit."""

        def print(self, *objects: Any, **options: Any) -> None:
            raise failure

    with flow.running(Stack(settings, TINY), Deaf()):
        assert alive(settings)
    assert not alive(settings)


def test_it_leaves_a_stack_alone_that_was_up_before(settings: CliSettings) -> None:
    stack = Stack(settings, TINY)
    stack.up(lambda _name, _state: None)
    try:
        with flow.running(Stack(settings, TINY), Console(file=io.StringIO())):
            pass
        assert alive(settings)
    finally:
        stack.down(lambda _name, _state: None)
