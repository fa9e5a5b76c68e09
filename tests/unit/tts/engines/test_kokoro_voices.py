"""The table of Kokoro voices, which needs no model."""

from __future__ import annotations

import pytest

from services.shared.engines import Model, Reference
from services.tts.engines import kokoro_voices
from services.tts.engines.base import Voice
from services.tts.engines.kokoro_voices import SILENCE_MS, readable, reading_language
from services.tts.voices import choose, offers


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> tuple[Voice, ...]:
    """The voices where all packages are installed."""
    monkeypatch.setattr(kokoro_voices, "has_reader", lambda _language: True)
    return readable()


@pytest.mark.parametrize(
    ("code", "count", "default"),
    [
        ("en-US", 20, "af_heart"),
        ("en-GB", 8, "bf_emma"),
        ("es", 3, "ef_dora"),
        ("fr", 1, "ff_siwis"),
        ("hi", 4, "hf_alpha"),
        ("it", 2, "if_sara"),
        ("ja", 5, "jf_alpha"),
        ("pt-BR", 3, "pf_dora"),
        ("zh", 8, "zf_xiaobei"),
    ],
)
def test_each_language_has_its_voices_and_its_default(
    every: tuple[Voice, ...], code: str, count: int, default: str
) -> None:
    assert sum(voice.language_code == code for voice in every) == count
    cast = (Reference("kokoro"), Model("kokoro", "1"), every)
    assert choose(offers((cast,)), code).voice.name == default


def test_languages_that_nothing_installed_reads_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kokoro_voices, "has_reader", lambda language: language not in {"ja", "zh"})
    assert {voice.language_code for voice in readable()}.isdisjoint({"ja", "zh"})
    assert len(readable()) == len(SILENCE_MS) - 13


def test_the_second_letter_of_a_name_is_the_gender(every: tuple[Voice, ...]) -> None:
    assert {voice.gender for voice in every if voice.name[1] == "f"} == {"female"}
    assert {voice.gender for voice in every if voice.name[1] == "m"} == {"male"}


@pytest.mark.parametrize(
    ("voice", "language"), [("bf_emma", "en-gb"), ("ff_siwis", "fr-fr"), ("jf_alpha", "ja")]
)
def test_a_voice_is_read_to_in_its_own_accent(voice: str, language: str) -> None:
    assert reading_language(voice) == language


def test_every_voice_has_a_plausible_silence(every: tuple[Voice, ...]) -> None:
    assert all(200 < SILENCE_MS[voice.name] < 1400 for voice in every)
