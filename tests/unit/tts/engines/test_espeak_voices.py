"""espeak's tags become those of BCP-47, and each language has a voice of each gender."""

from __future__ import annotations

import pytest

from services.tts.engines.espeak_library import EspeakVoice
from services.tts.engines.espeak_voices import listed, tag


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("de", "de"),
        ("en-us", "en-US"),
        ("es-419", "es-419"),
        ("pt", "pt-PT"),
        ("pt-br", "pt-BR"),
        ("cmn", "zh"),
        ("ca-ba", "ca-x-balear"),
        ("ru-cl", "ru-x-classic"),
        ("ru-lv", "ru-LV"),
        ("en-gb-x-rp", "en-GB-x-rp"),
        ("en-gb-scotland", "en-GB-scotland"),
        ("vi-vn-x-south", "vi-VN-x-south"),
    ],
)
def test_a_tag_is_written_as_everybody_writes_it(theirs: str, ours: str) -> None:
    assert tag(theirs) == ours


def test_each_language_has_a_male_and_a_female_last_resort_the_male_by_default() -> None:
    male, female = listed([EspeakVoice("gmw/de", "de")]).items()
    assert (male[0].name, male[0].gender, male[0].default, male[1]) == ("espeak-de", "male", True, "gmw/de")
    assert (female[0].gender, female[0].default, female[1]) == ("female", False, "gmw/de+f3")
    assert male[0].last_resort
    assert female[0].last_resort


def test_the_common_region_comes_first_and_a_second_voice_of_a_tag_is_dropped() -> None:
    found = [("a", "fr-be"), ("b", "fr-fr"), ("c", "en-029"), ("d", "en-us"), ("e", "yue"), ("f", "yue")]
    voices = listed(EspeakVoice(*each) for each in found)
    males = [(voice.language_code, known) for voice, known in voices.items() if voice.default]
    assert males == [("en-US", "d"), ("en-029", "c"), ("fr-FR", "b"), ("fr-BE", "a"), ("yue", "e")]


def test_a_language_that_it_cannot_read_is_left_out() -> None:
    assert listed([EspeakVoice("jpx/ja", "ja")]) == {}
