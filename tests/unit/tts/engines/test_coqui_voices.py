"""The speakers of coqui-tts under names and language codes that clients understand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from services.tts.cloning import ClonedVoice, Consent
from services.tts.engines.coqui_voices import bcp47, speakers, with_cloned


def cloned(name: str, *languages: str) -> ClonedVoice:
    consent = Consent("Ana", date(2026, 1, 31), "I agree.", "Legal", "0" * 64)
    return ClonedVoice(name, languages, "female", consent, np.zeros(8, np.float32), 16_000)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("en", "en"),
        ("en-us", "en-US"),
        ("pt_BR", "pt-BR"),
        ("zh-cn", "zh-CN"),
        ("cmn", "zh"),
        ("zh-hans", "zh-Hans"),
        ("es-419", "es-419"),
    ],
)
def test_languages_are_written_as_bcp_47_writes_them(theirs: str, ours: str) -> None:
    assert bcp47(theirs) == ours


def test_the_only_speaker_of_a_model_is_named_after_it() -> None:
    (only,) = speakers([], ["de"], only="thorsten")
    assert (only.voice.name, only.voice.language_code, only.name, only.language) == (
        "thorsten",
        "de",
        "",
        "de",
    )
    assert only.voice.default
    assert not only.voice.gender


def test_each_speaker_of_one_language_keeps_its_name_and_the_first_is_the_default() -> None:
    found = speakers(["p225", "p226\n"], ["en"])
    assert [(each.voice.name, each.voice.default) for each in found] == [("p225", True), ("p226", False)]
    assert found[1].name == "p226\n", "the library is asked for what it knows"


def test_speakers_of_several_languages_are_told_apart_and_each_language_has_one_default() -> None:
    found = speakers(["Ana Souza", "Ben"], ["pt-br", "zh-cn"])
    assert [each.voice.name for each in found] == [
        "Ana_Souza-pt-BR",
        "Ben-pt-BR",
        "Ana_Souza-zh-CN",
        "Ben-zh-CN",
    ]
    assert [each.voice.language_code for each in found if each.voice.default] == ["pt-BR", "zh-CN"]


def test_the_most_common_region_of_a_language_comes_first() -> None:
    first, *_others = speakers([], ["en-gb", "en-us", "en-au"], "m")
    assert first.voice.language_code == "en-US"


def test_a_cloned_voice_speaks_the_languages_agreed_to_and_is_no_default_beside_others() -> None:
    own = speakers(["Ben"], ["en", "pt", "de"])
    added = with_cloned(own, [cloned("ana", "pt-BR", "en-GB")], ["en", "pt", "de"])[len(own) :]
    assert [(each.voice.name, each.voice.language_code) for each in added] == [
        ("ana-en", "en"),
        ("ana-pt", "pt"),
    ]
    assert all(each.voice.cloned and not each.voice.default for each in added)
    assert {each.voice.gender for each in added} == {"female"}
    assert not any(each.voice.cloned for each in own)


def test_where_nobody_else_speaks_the_first_cloned_voice_is_the_default() -> None:
    found = with_cloned((), [cloned("ana", "pt"), cloned("bia", "pt")], ["en", "pt"])
    assert [(each.voice.name, each.voice.default) for each in found] == [("ana", True), ("bia", False)]
