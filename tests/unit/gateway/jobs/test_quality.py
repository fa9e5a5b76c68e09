"""What a client may ask of made speech."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from services.gateway.jobs.abilities import AsrCapabilities
from services.gateway.jobs.spec import InvalidFields, parse
from tests.unit.gateway.jobs.test_resolve import ONE_WAY, refused, resolved
from tests.unit.gateway.world import CALL_SPEC, TEXT_SPEC, Abilities, Several

SPEECH = {"kind": "speech", "text": "Hi", "language": "pt-BR"}
TRANSCRIPTION = {"kind": "transcription", "source_language": "pt-BR"}
VERIFY = {"quality": "verify"}


class Deaf(Abilities):
    """Knows English alone."""

    def asr(self) -> AsrCapabilities:
        return replace(super().asr(), languages=("en",))


def test_workers_are_told_how_to_speak() -> None:
    names = ("quality", "allow_overlap", "keep_sounds")
    plain, asked = resolved(CALL_SPEC), {"quality": "verify", "allow_overlap": True, "keep_sounds": False}
    assert {name: plain[name] for name in names} == dict(zip(names, ("standard", False, True), strict=True))
    assert {name: resolved(CALL_SPEC | asked)[name] for name in names} == asked


@pytest.mark.parametrize("spec", [SPEECH, ONE_WAY, TRANSCRIPTION])
def test_workers_are_told_whether_to_verify(spec: dict[str, Any]) -> None:
    assert resolved(spec)["quality"] == "standard"
    assert resolved(spec | VERIFY)["quality"] == "verify"


@pytest.mark.parametrize("raw", [ONE_WAY | VERIFY, SPEECH | VERIFY])
def test_speech_is_only_verified_in_a_language_that_is_recognised(raw: dict[str, Any]) -> None:
    assert resolved(raw)["quality"] == "verify"
    code, detail = refused(raw, Deaf())
    assert code == "unverifiable_language"
    assert "pt-BR" in detail
    assert detail.endswith("Recognised: en.")


def test_the_recogniser_that_a_job_names_is_the_one_that_listens() -> None:
    way = {"kind": "speech_translation", "source_language": "auto", "target_language": "en"}
    assert refused(way | VERIFY | {"models": {"asr": "nippon"}}, Several())[0] == "unverifiable_language"


def test_where_nothing_is_spoken_nothing_is_verified() -> None:
    assert resolved(ONE_WAY | VERIFY | {"outputs": ["transcript"]}, Deaf())["quality"] == "verify"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (ONE_WAY | {"quality": "best"}, "quality"),
        (ONE_WAY | {"allow_overlap": "yes"}, "allow_overlap"),
        (ONE_WAY | {"keep_sounds": 1}, "keep_sounds"),
        (SPEECH | {"keep_sounds": True}, "keep_sounds"),
        (TEXT_SPEC | VERIFY, "quality"),
        (ONE_WAY | {"review": {"ignored": ["hole"]}}, "review"),
    ],
)
def test_what_means_nothing_is_refused(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        parse(json.dumps(raw))
    assert [error.field for error in caught.value.errors] == [field]
