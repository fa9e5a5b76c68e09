"""The table of Kokoro voices, which needs no model."""

from __future__ import annotations

import pytest

from services.tts.engines.kokoro_voices import SILENCE_MS, VOICES, espeak_language
from services.tts.voices import choose


@pytest.mark.parametrize(
    ("code", "count", "default"),
    [
        ("en-US", 20, "af_heart"),
        ("en-GB", 8, "bf_emma"),
        ("es", 3, "ef_dora"),
        ("fr", 1, "ff_siwis"),
        ("hi", 4, "hf_alpha"),
        ("it", 2, "if_sara"),
        ("pt-BR", 3, "pf_dora"),
    ],
)
def test_each_language_has_its_voices_and_its_default(code: str, count: int, default: str) -> None:
    assert sum(voice.language_code == code for voice in VOICES) == count
    assert choose(VOICES, code).name == default


@pytest.mark.parametrize("code", ["ja", "zh", "zh-CN"])
def test_languages_that_espeak_cannot_phonemise_for_kokoro_are_not_offered(code: str) -> None:
    assert not any(voice.language_code.startswith(code[:2]) for voice in VOICES)


def test_the_second_letter_of_a_name_is_the_gender() -> None:
    assert {voice.gender for voice in VOICES if voice.name[1] == "f"} == {"female"}
    assert {voice.gender for voice in VOICES if voice.name[1] == "m"} == {"male"}


@pytest.mark.parametrize(
    ("voice", "language"), [("bf_emma", "en-gb"), ("ff_siwis", "fr-fr"), ("pf_dora", "pt-br")]
)
def test_a_voice_is_phonemised_in_its_own_accent(voice: str, language: str) -> None:
    assert espeak_language(voice) == language


def test_every_voice_has_a_plausible_silence() -> None:
    assert all(200 < SILENCE_MS[voice.name] < 1200 for voice in VOICES)
