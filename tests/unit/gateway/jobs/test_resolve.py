"""A spec against what an installation can do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.jobs.abilities import Capabilities, Pair, TranslationCapabilities
from services.gateway.jobs.resolve import resolve
from services.gateway.jobs.spec import parse
from services.shared.errors import Unavailable, Unsupported
from tests.unit.gateway.world import CALL_SPEC, TEXT_SPEC, Abilities, Several

ONE_WAY: dict[str, Any] = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-BR"}


def resolved(raw: dict[str, Any], capabilities: Capabilities | None = None) -> dict[str, Any]:
    return resolve(parse(json.dumps(raw)), capabilities or Abilities())


def refused(raw: dict[str, Any], capabilities: Capabilities | None = None) -> tuple[str, str]:
    with pytest.raises(Unsupported) as caught:
        resolved(raw, capabilities)
    return caught.value.code, caught.value.detail


def test_channels_are_numbered_and_complete() -> None:
    assert resolved(CALL_SPEC)["channels"][1] == {
        "index": 1,
        "role": "customer",
        "source_language": "pt-BR",
        "target_language": "en",
        "voice": None,
        "translator": None,
    }


def test_one_direction_for_the_whole_file_lies_on_top() -> None:
    spec = resolved(ONE_WAY | {"voices": {"pt-br": "dora"}})
    assert spec["channels"] == []
    assert (spec["source_language"], spec["target_language"], spec["voice"]) == ("en", "pt-BR", "dora")
    assert spec["audio"] == {"codec": "opus", "bitrate_kbps": None, "layout": "both"}


@pytest.mark.parametrize(
    ("more", "voices"),
    [
        ({"voices": {"agent": "dora"}}, ["dora", None]),
        ({"voices": {"en": "bob", "pt-BR": "dora"}}, ["dora", "bob"]),
        ({"voices": {"customer": "alice", "en": "bob"}}, [None, "alice"]),
    ],
)
def test_a_voice_is_chosen_by_role_then_by_language(more: dict[str, Any], voices: list[str | None]) -> None:
    assert [channel["voice"] for channel in resolved(CALL_SPEC | more)["channels"]] == voices


@pytest.mark.parametrize(("language", "voice"), [("pt-PT", "dora"), ("en-AU", "bob"), ("en", "alice")])
def test_a_variety_without_a_voice_of_its_own_is_spoken_by_another(language: str, voice: str) -> None:
    raw = {"kind": "speech", "text": "Hi", "language": language}
    assert resolved(raw | {"voice": voice})["voice"] == voice
    assert resolved(raw)["voice"] is None


@pytest.mark.parametrize(
    ("source", "translator"), [("fr", "asr"), ("pt-BR", None), ("auto", "asr"), ("pt", None)]
)
def test_into_english_recognition_translates_where_the_translator_cannot(
    source: str, translator: str | None
) -> None:
    spec = resolved(ONE_WAY | {"source_language": source, "target_language": "en"})
    assert spec["translator"] == translator


def test_a_transcription_into_english_is_recognitions_own_work() -> None:
    raw = {"kind": "transcription", "source_language": "fr", "target_language": "en"}
    assert resolved(raw)["translator"] == "asr"
    assert resolved({"kind": "transcription", "source_language": "fr"})["translator"] is None


def test_a_pair_that_is_not_there_is_refused_with_those_that_are() -> None:
    code, detail = refused(ONE_WAY | {"target_language": "ja"})
    assert code == "unsupported_language_pair"
    assert "en to pt, pt to en, any recognised language to en" in detail


def test_a_text_pair_that_is_not_there_is_refused_without_what_only_speech_can_do() -> None:
    code, detail = refused(TEXT_SPEC | {"source_language": "fr", "target_language": "en"})
    assert code == "unsupported_language_pair"
    assert detail.endswith("Supported: en to pt, pt to en.")


@pytest.mark.parametrize(
    ("raw", "code", "listed"),
    [
        (ONE_WAY | {"source_language": "ja"}, "unsupported_language", "en, pt, fr, or auto"),
        (ONE_WAY | {"target_language": "en"}, "unsupported_language_pair", "pt to en"),
        (ONE_WAY | {"voices": {"pt-BR": "alice"}}, "unknown_voice", "dora"),
        ({"kind": "speech", "text": "Hi", "language": "en", "voice": "dora"}, "unknown_voice", "alice, bob"),
        ({"kind": "speech", "text": "Hi", "language": "ja"}, "unsupported_language", "en-GB, en-US, pt-BR"),
        ({"kind": "encode", "audio": {"codec": "realaudio"}}, "unknown_codec", "opus, flac"),
        (ONE_WAY | {"audio": {"bitrate_kbps": 5}}, "invalid_bitrate", "from 6 to 510"),
        (ONE_WAY | {"audio": {"codec": "flac", "bitrate_kbps": 64}}, "invalid_bitrate", "no adjustable"),
        (
            {"kind": "transcription", "source_language": "en", "target_language": "pt"},
            "unsupported_language_pair",
            "only into en",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(raw: dict[str, Any], code: str, listed: str) -> None:
    found, detail = refused(raw)
    assert found == code
    assert listed in detail


def test_a_codec_without_a_bitrate_gets_none() -> None:
    audio = resolved({"kind": "encode", "audio": {"codec": "flac"}})["audio"]
    assert audio == {"codec": "flac", "bitrate_kbps": None, "layout": "multichannel"}


def test_without_audio_output_nobody_asks_for_voices() -> None:
    class Mute(Abilities):
        def tts(self) -> Any:
            raise Unavailable("Speech synthesis is away.")

    spec = parse(json.dumps(ONE_WAY | {"outputs": ["transcript"]}))
    assert "audio" not in resolve(spec, Mute())
    with pytest.raises(Unavailable):
        resolve(parse(json.dumps(ONE_WAY)), Mute())


def test_a_resolved_spec_holds_neither_text_nor_metadata() -> None:
    spec = resolved(TEXT_SPEC | {"metadata": {"phone": "555"}})
    assert "Room 12" not in json.dumps(spec)
    assert "555" not in json.dumps(spec)


def test_models_that_a_job_names_go_to_its_workers() -> None:
    named = {"asr": "base", "translation": "m2m"}
    assert resolved(ONE_WAY | {"models": named}, Several())["models"] == named
    assert "models" not in resolved(ONE_WAY | {"models": {}}, Several())
    text = resolved(TEXT_SPEC | {"models": {"translation": "m2m"}}, Several())
    assert text["models"] == {"translation": "m2m"}


@pytest.mark.parametrize(
    ("raw", "code", "listed"),
    [
        (ONE_WAY | {"models": {"asr": "large"}}, "unknown_model", "base, nippon"),
        (ONE_WAY | {"models": {"translation": "base"}}, "unknown_model", "tiny, m2m"),
        (TEXT_SPEC | {"models": {"translation": "nllb"}}, "unknown_model", "tiny, m2m"),
        (ONE_WAY | {"models": {"asr": "nippon"}}, "unsupported_language", "Recognised: ja,"),
        (
            {
                "kind": "transcription",
                "source_language": "ja",
                "target_language": "en",
                "models": {"asr": "nippon"},
            },
            "unsupported_language_pair",
            "only where",
        ),
    ],
)
def test_a_model_does_only_what_it_can(raw: dict[str, Any], code: str, listed: str) -> None:
    found, detail = refused(raw, Several())
    assert found == code
    assert listed in detail


def test_a_model_is_looked_for_also_where_its_service_has_nothing_to_do() -> None:
    raw = ONE_WAY | {"source_language": "auto", "target_language": "en", "models": {"translation": "gone"}}
    assert refused(raw, Several())[0] == "unknown_model"


def test_a_pair_is_left_to_a_translator_that_another_one_would_come_before() -> None:
    named = {"translation": "m2m"}
    assert resolved(TEXT_SPEC | {"models": named}, Several())["models"] == named
    assert (
        refused(TEXT_SPEC | {"target_language": "ja", "models": named}, Several())[0]
        == "unsupported_language_pair"
    )


def test_a_server_that_told_of_no_models_has_none_to_choose() -> None:
    assert refused(TEXT_SPEC | {"models": {"translation": "tiny"}})[1].endswith("Models: none.")


def test_a_way_through_a_third_language_is_a_pair() -> None:
    way = TEXT_SPEC | {"source_language": "pt-BR", "target_language": "fr"}
    assert resolved(way, Several())["target_language"] == "fr"
    assert refused(way)[0] == "unsupported_language_pair"


@pytest.mark.parametrize(
    ("language", "wish", "voice"),
    [
        ("en", "female", "alice"),
        ("en-GB", "female", "amy"),
        ("en-GB", "male", "bob"),
        ("pt-BR", "female", "dora"),
        ("pt-BR", "male", "robot-pt"),
        ("pt-BR", "robot-pt", "robot-pt"),
    ],
)
def test_a_gender_is_a_voice_of_the_language_the_default_one_first_and_a_last_resort_last(
    language: str, wish: str, voice: str
) -> None:
    raw = {"kind": "speech", "text": "Hi", "language": language, "voice": wish}
    assert resolved(raw, Several())["voice"] == voice


def test_a_role_keeps_the_voice_of_its_gender() -> None:
    spec = resolved(CALL_SPEC | {"voices": {"agent": "male", "en": "female"}}, Several())
    assert [channel["voice"] for channel in spec["channels"]] == ["robot-pt", "alice"]


def test_where_no_voice_has_the_gender_the_voices_are_listed_with_theirs() -> None:
    code, detail = refused(ONE_WAY | {"voices": {"pt-BR": "female"}})
    assert (code, detail.rpartition(": ")[2]) == ("unknown_voice", "dora.")
    spoken = {"kind": "speech", "text": "Hi", "language": "pt", "voice": "nobody"}
    assert refused(spoken, Several())[1].endswith("dora (female), rosa (female), robot-pt (male).")


@pytest.mark.parametrize("kbps", [1.5, 3, 24])
def test_a_codec_of_few_bitrates_takes_those(kbps: float) -> None:
    raw = {"kind": "encode", "audio": {"codec": "encodec", "bitrate_kbps": kbps}}
    assert json.dumps(resolved(raw, Several())["audio"]["bitrate_kbps"]) == json.dumps(kbps)


@pytest.mark.parametrize("kbps", [2, 1, 48, 12.5])
def test_and_no_other_ones(kbps: float) -> None:
    raw = {"kind": "encode", "audio": {"codec": "encodec", "bitrate_kbps": kbps}}
    assert refused(raw, Several()) == (
        "invalid_bitrate",
        "encodec takes audio.bitrate_kbps of 1.5, 3, 6, 12, 24.",
    )


def test_tens_of_thousands_of_pairs_are_not_listed_in_an_error() -> None:
    class Vast(Abilities):
        def translation(self) -> TranslationCapabilities:
            return TranslationCapabilities(tuple(Pair("en", f"x{number:05}") for number in range(40_000)))

    _, detail = refused(TEXT_SPEC, Vast())
    assert len(detail) < 2_000
    assert "39940 more: see GET /v1/stages" in detail
