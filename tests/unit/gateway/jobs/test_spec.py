"""The job spec."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs import spec
from services.gateway.jobs.spec import FieldError, InvalidFields, JobSpec, SpeechTranslationSpec, parse
from services.shared.errors import InvalidRequest

CALL: dict[str, Any] = {"kind": "speech_translation", "source_language": "en", "target_language": "pt-br"}
TEXT: dict[str, Any] = {
    "kind": "text_translation",
    "text": "Good morning",
    "source_language": "en",
    "target_language": "pt",
}
SPEECH: dict[str, Any] = {"kind": "speech", "text": "Hello", "language": "en"}
CHANNEL: dict[str, Any] = {"source_language": "en", "target_language": "pt"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["kind", "channels", "source_language", "target_language", "outputs", "audio", "voices", "max_stretch",
     "priority", "metadata", "input", "text", "language", "voice"]
)  # fmt: skip


def wrong(raw: dict[str, Any]) -> dict[str, str]:
    """Return the wrong fields of a spec and what is said about them."""
    with pytest.raises(InvalidFields) as caught:
        parse(json.dumps(raw))
    assert caught.value.code == "invalid_spec"
    return {error.field: error.message for error in caught.value.errors}


def attempt(raw: str) -> tuple[JobSpec | None, tuple[FieldError, ...]]:
    """Return the spec, or what is wrong with it."""
    try:
        return parse(raw), ()
    except InvalidFields as error:
        return None, error.errors


def test_what_is_left_out_gets_the_documented_defaults() -> None:
    parsed = parse(json.dumps(CALL))
    assert isinstance(parsed, SpeechTranslationSpec)
    assert parsed.outputs == ("transcript", "subtitles", "audio")
    assert (parsed.audio.codec, parsed.audio.bitrate_kbps, parsed.audio.layout) == ("opus", None, "both")
    assert (parsed.max_stretch, parsed.priority, parsed.metadata) == (1.25, "batch", {})
    assert parsed.target_language == "pt-BR"


def test_the_example_of_the_design_is_a_spec() -> None:
    parse(
        json.dumps(
            {
                "kind": "speech_translation",
                "channels": [
                    {"role": "agent", "source_language": "en", "target_language": "pt-BR"},
                    {"role": "customer", "source_language": "pt-BR", "target_language": "en"},
                ],
                "outputs": ["transcript", "subtitles", "audio"],
                "audio": {"codec": "opus", "bitrate_kbps": 24, "layout": "per_channel"},
                "voices": {"agent": "dora", "en": "alice"},
                "priority": "batch",
                "metadata": {"call_id": "42"},
            }
        )
    )


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "transcription", "source_language": "auto", "target_language": "en"},
        TEXT,
        SPEECH,
        {"kind": "encode", "audio": {"codec": "mp3"}},
        {"kind": "decode", "input": {"encoding": "mulaw"}},
    ],
    ids=lambda raw: str(raw["kind"]),
)
def test_every_kind_has_a_short_form(raw: dict[str, Any]) -> None:
    assert parse(json.dumps(raw)).kind == raw["kind"]


@pytest.mark.parametrize("raw", ["{kind: speech", "", "[1,", '{"kind"}', "\x00", "[" * 10_000])
def test_what_is_not_json_is_refused_with_its_place(raw: str) -> None:
    with pytest.raises(InvalidRequest, match=r"not JSON.*line \d+ column \d+") as caught:
        parse(raw)
    assert caught.value.code == "invalid_spec"


@pytest.mark.parametrize(
    ("raw", "field", "says"),
    [
        (CALL | {"glossary": "g"}, "glossary", "unknown field for the kind speech_translation"),
        (CALL | {"glossary_id": "g"}, "glossary_id", "must be the id of a glossary"),
        (CALL | {"callback_url": "https://x"}, "callback_url", "unknown field"),
        (TEXT | {"audio": {}}, "audio", "unknown field"),
        (CALL | {"kind": "telepathy"}, "kind", "must be one of"),
        ({"source_language": "en"}, "kind", "must be one of"),
        (CALL | {"target_language": "Portuguese!"}, "target_language", "BCP-47"),
        (CALL | {"target_language": "auto!"}, "target_language", "BCP-47"),
        (CALL | {"max_stretch": 2.5}, "max_stretch", "less than or equal to 2"),
        (CALL | {"priority": "urgent"}, "priority", "interactive"),
        (CALL | {"outputs": []}, "outputs", "at least 1"),
        (CALL | {"audio": {"bitrate_kbps": "24"}}, "audio.bitrate_kbps", "valid number"),
        (CALL | {"models": {"tts": "kokoro"}}, "models.tts", "unknown field"),
        (CALL | {"models": {"asr": ""}}, "models.asr", "at least 1 character"),
        (CALL | {"audio": {"layout": "multichannel"}}, "audio.layout", "per_channel"),
        (CALL | {"metadata": {"agent": 7}}, "metadata.agent", "valid string"),
        (CALL | {"input": {"encoding": "opus"}}, "input.encoding", "mulaw"),
        (CALL | {"voices": {"nobody": "alice"}}, "", "neither a role nor a target language"),
        (CALL | {"channels": [CHANNEL]}, "", "either channels, or source_language"),
        ({"kind": "transcription"}, "", "either channels, or source_language"),
        ({"kind": "speech_translation", "source_language": "en"}, "", "target_language is missing"),
        ({"kind": "speech_translation", "channels": [CHANNEL] * 9}, "channels", "at most 8"),
        (
            {"kind": "speech_translation", "channels": [CHANNEL | {"role": "a b"}]},
            "channels.0.role",
            "letters",
        ),
        (TEXT | {"text": " \n"}, "text", "must not be blank"),
        (TEXT | {"text": "x" * 20_001}, "text", "at most 20000"),
        (SPEECH | {"text": "x" * 5_001}, "text", "at most 5000"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_wrong(raw: dict[str, Any], field: str, says: str) -> None:
    assert says in wrong(raw)[field]


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(wrong(TEXT | {"text": "", "target_language": "?", "tempo": 1})) == {
        "text", "target_language", "tempo"
    }  # fmt: skip


def test_the_longest_text_is_taken() -> None:
    parse(json.dumps(TEXT | {"text": "x" * spec.MAX_TEXT_CHARACTERS}))
    parse(json.dumps(SPEECH | {"text": "x" * spec.MAX_SPEECH_CHARACTERS}))


@given(st.binary(max_size=200))
def test_bytes_never_do_more_than_be_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(raw)
    assert caught.value.code == "invalid_spec"


@given(st.sampled_from(spec.kinds()), st.dictionaries(fields | st.text(max_size=8), json_values, max_size=6))
def test_any_json_is_a_spec_or_is_refused_with_its_fields(kind: str, raw: dict[str, Any]) -> None:
    spec_or_none, errors = attempt(json.dumps(raw | {"kind": kind}))
    if spec_or_none is None:
        assert errors
        assert all(error.message for error in errors)
    else:
        assert parse(spec_or_none.model_dump_json()) == spec_or_none


@given(
    st.lists(
        st.fixed_dictionaries(
            {"source_language": st.sampled_from(["auto", "en", "PT-br"]), "target_language": st.just("fr")},
            optional={"role": st.sampled_from(["agent", "customer"]), "voice": st.just("alice")},
        ),
        min_size=1,
        max_size=8,
    )
)
def test_channels_are_kept_in_order(channels: list[dict[str, str]]) -> None:
    parsed = parse(json.dumps({"kind": "speech_translation", "channels": channels}))
    assert isinstance(parsed, SpeechTranslationSpec)
    assert [each.role for each in parsed.directions()] == [each.get("role") for each in channels]
