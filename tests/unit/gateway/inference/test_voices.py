"""Which voice says a text."""

from __future__ import annotations

import pytest

from services.gateway.inference.voices import choose
from services.gateway.jobs.abilities import TtsCapabilities, Voice
from services.shared.errors import Unsupported
from tests.unit.gateway.world import Several

TTS = TtsCapabilities((Voice("alice", "en-US"), Voice("bob", "en-GB"), Voice("dora", "pt-BR")))


@pytest.mark.parametrize(
    ("name", "language", "chosen"),
    [
        ("dora", None, ("pt-BR", "dora")),
        ("dora", "pt-PT", ("pt-PT", "dora")),
        ("alloy", None, ("en", "")),
        ("cedar", "pt", ("pt", "")),
    ],
)
def test_a_voice_and_a_language_find_each_other(
    name: str, language: str | None, chosen: tuple[str, str]
) -> None:
    assert choose(name, language, TTS) == chosen


@pytest.mark.parametrize(
    ("name", "language", "code", "listed"),
    [
        ("nobody", None, "unknown_voice", "alice, bob, dora"),
        ("dora", "en", "voice_language_mismatch", "alice, bob"),
        ("alloy", "ja", "unsupported_language", "en-US, en-GB, pt-BR"),
        ("dora", "ja", "unsupported_language", "en-US, en-GB, pt-BR"),
    ],
)
def test_what_there_is_not_is_refused_with_a_list(
    name: str, language: str | None, code: str, listed: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        choose(name, language, TTS)
    assert caught.value.code == code
    assert f": {listed}." in caught.value.detail


def test_without_voices_it_is_said_that_there_are_none() -> None:
    with pytest.raises(Unsupported, match="none"):
        choose("alloy", None, TtsCapabilities(()))


@pytest.mark.parametrize(
    ("name", "language", "chosen"),
    [
        ("female", "pt", "dora"),
        ("male", "en-GB", "bob"),
        ("female", None, "alice"),
        ("male", "pt", "robot-pt"),
    ],
)
def test_a_gender_stands_for_the_best_voice_of_it(name: str, language: str | None, chosen: str) -> None:
    assert choose(name, language, Several().tts()) == (language or "en", chosen)


def test_a_gender_that_no_voice_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Unsupported) as caught:
        choose("male", "en", TTS)
    assert (caught.value.code, caught.value.detail) == (
        "unknown_voice", "There is no male voice. Voices of en: alice, bob.",
    )  # fmt: skip


def test_the_voice_of_a_person_speaks_only_for_who_names_it() -> None:
    tts = TtsCapabilities(
        (Voice("maria", "pt-BR", "female", cloned=True), Voice("robot-pt", "pt", "male", last_resort=True))
    )
    assert choose("maria", "pt", tts) == ("pt", "maria")
    assert choose("alloy", "pt", tts, of_model=True) == ("pt", "robot-pt")
    with pytest.raises(Unsupported) as caught:
        choose("female", "pt", tts)
    assert caught.value.code == "unknown_voice"


def test_a_model_speaks_with_a_voice_of_its_own() -> None:
    tts = Several().tts()
    assert choose("alloy", "pt", tts.of("espeak"), of_model=True) == ("pt", "robot-pt")
    assert choose("alloy", "pt", tts.of("kokoro"), of_model=True) == ("pt", "dora")
    with pytest.raises(Unsupported, match="robot-pt, robot-en"):
        choose("dora", None, tts.of("espeak"), of_model=True)
