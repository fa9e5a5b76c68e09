"""Which voice says a text."""

from __future__ import annotations

import pytest

from services.gateway.inference.voices import choose
from services.gateway.jobs.ports import TtsCapabilities, Voice
from services.shared.errors import Unsupported

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
