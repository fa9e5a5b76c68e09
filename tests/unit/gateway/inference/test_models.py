"""The names of models, and of languages."""

from __future__ import annotations

import pytest

from services.gateway.inference import models
from services.gateway.inference.language_names import name_of
from services.gateway.jobs import abilities
from services.shared.errors import NotFound, Unavailable
from tests.unit.gateway.world import Abilities


class Named(Abilities):
    """An installation whose services say their models, but for one that never answered."""

    def asr(self) -> abilities.AsrCapabilities:
        base = abilities.AsrModel(abilities.Model("whisper-base-int8"), ("en",), translates_to_english=True)
        small = abilities.AsrModel(abilities.Model("whisper-small-int8"), ("en",), translates_to_english=True)
        return abilities.AsrCapabilities(("en",), translates_to_english=True, models=(base, small))

    def tts(self) -> abilities.TtsCapabilities:
        raise Unavailable("It never answered.")

    def translation(self) -> abilities.TranslationCapabilities:
        return abilities.TranslationCapabilities((), models=(abilities.Model("firefox-tiny"),))


def test_the_models_of_services_that_answered_are_listed() -> None:
    listed = models.names(Named())
    assert {"whisper-base-int8", "whisper-small-int8", "whisper-1", "firefox-tiny"} <= {*listed}
    assert "tts-1" not in listed


def test_a_service_that_never_said_its_model_has_the_aliases() -> None:
    assert models.names(Abilities())[0] == "whisper-1"
    assert models.chosen("tts-1", "tts", Abilities()) == {}


def test_a_model_is_asked_for_by_its_name_and_an_alias_leaves_it_to_the_service() -> None:
    assert models.chosen("whisper-small-int8", "asr", Named()) == {"asr": "whisper-small-int8"}
    assert models.chosen("gpt-4o-transcribe", "asr", Named()) == {}
    for unknown in ("gpt-5", "tts-1", ""):
        with pytest.raises(NotFound) as caught:
            models.chosen(unknown, "asr", Named())
        assert caught.value.code == "model_not_found"
        assert "whisper-base-int8" in caught.value.detail
    with pytest.raises(Unavailable):
        models.chosen("tts-1", "tts", Named())


@pytest.mark.parametrize(
    ("code", "name"),
    [("en", "english"), ("pt-BR", "portuguese"), ("yue", "cantonese"), ("tlh", "tlh"), ("", "unknown")],
)
def test_languages_have_english_names(code: str, name: str) -> None:
    assert name_of(code) == name
