"""The job spec that the options of `dragoman submit` make; the gateway itself judges it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli.submission import SubmitOptions
from services.gateway.jobs.spec import kinds, parse
from services.shared.errors import InvalidRequest

CALL = Path("call.wav")


@pytest.mark.parametrize(
    "options",
    [
        SubmitOptions(CALL, source="en", target="pt-BR"),
        SubmitOptions(CALL, channel=["agent:en:pt-BR", "customer:pt-BR:en"]),
        SubmitOptions(CALL, source="auto", target="en", codec="opus", bitrate=24, layout="both"),
        SubmitOptions(CALL, source="en", target="pt-BR", encoding="mulaw", rate=8000, channels=2),
        SubmitOptions(CALL, kind="transcription", channel=["agent:auto"]),
        SubmitOptions(kind="text_translation", text="Olá", source="pt-BR", target="en"),
        SubmitOptions(kind="speech", text="Hello", language="en", voice="af_heart", codec="mp3"),
        SubmitOptions(CALL, kind="encode", codec="opus", layout="multichannel"),
        SubmitOptions(CALL, kind="decode", encoding="alaw"),
        SubmitOptions(CALL, kind="encode", codec="encodec", bitrate=1.5),
        SubmitOptions(CALL, source="en", target="pt-BR", voices=["pt-BR:female"], asr_model="base"),
        SubmitOptions(kind="text_translation", text="Olá", source="pt", target="en", translation_model="m2m"),
    ],
)
def test_the_gateway_takes_what_the_options_make(options: SubmitOptions) -> None:
    assert parse(json.dumps(options.spec())).kind == options.kind


def test_every_kind_of_the_gateway_is_named_in_the_help() -> None:
    described = str(SubmitOptions.__annotations__["kind"])
    assert all(kind in described for kind in kinds())


def test_what_was_not_asked_for_is_left_out() -> None:
    assert SubmitOptions(CALL, source="en", target="pt-BR").spec() == {
        "kind": "speech_translation",
        "source_language": "en",
        "target_language": "pt-BR",
    }


def test_channels_are_roles_and_languages() -> None:
    assert SubmitOptions(CALL, channel=["agent:en:pt-BR", "customer:pt-BR"]).spec()["channels"] == [
        {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
        {"role": "customer", "source_language": "pt-BR"},
    ]


@pytest.mark.parametrize("channel", ["", "agent", ":en:pt-BR", "agent:"])
def test_a_channel_written_wrongly_says_how_to_write_it(channel: str) -> None:
    with pytest.raises(InvalidRequest, match="ROLE:FROM:TO") as caught:
        SubmitOptions(CALL, channel=[channel]).spec()
    assert caught.value.code == "channel_syntax"


def test_a_file_without_a_header_is_declared() -> None:
    declared = SubmitOptions(CALL, encoding="mulaw", rate=16000, channels=2).spec()["input"]
    assert declared == {"encoding": "mulaw", "sample_rate_hertz": 16000, "channel_count": 2}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (SubmitOptions(), "file_missing"),
        (SubmitOptions(Path("no/such/file.wav")), "file_not_found"),
        (SubmitOptions(Path("no/such/file.wav"), kind="speech", text="Hello"), "file_not_found"),
        (SubmitOptions(kind="speech"), "text_missing"),
        (SubmitOptions(kind="text_translation"), "text_missing"),
    ],
)
def test_a_missing_input_is_noticed_before_anything_is_sent(options: SubmitOptions, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        options.require_input()
    assert caught.value.code == code


def test_an_input_that_is_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "call.wav").touch()
    SubmitOptions(tmp_path / "call.wav").require_input()
    SubmitOptions(kind="speech", text="Hello").require_input()


def test_models_and_voices_go_where_the_gateway_looks_for_them() -> None:
    spec = SubmitOptions(
        CALL,
        channel=["agent:en:pt-BR"],
        voices=["agent:male", "pt-BR:pf_dora"],
        asr_model="base",
        translation_model="owner/m2m",
    ).spec()
    assert spec["voices"] == {"agent": "male", "pt-BR": "pf_dora"}
    assert spec["models"] == {"asr": "base", "translation": "owner/m2m"}


@pytest.mark.parametrize("voice", ["", "female", "agent:", ":female"])
def test_a_voice_of_nobody_says_how_to_write_it(voice: str) -> None:
    with pytest.raises(InvalidRequest, match="ROLE:VOICE") as caught:
        SubmitOptions(CALL, voices=[voice]).spec()
    assert caught.value.code == "voice_syntax"
