"""The names of models, and of languages."""

from __future__ import annotations

import pytest

from services.gateway.inference import models
from services.gateway.inference.language_names import name_of
from services.gateway.jobs import ports
from services.shared.errors import NotFound, Unavailable
from tests.unit.gateway.world import Abilities


class Named(Abilities):
    """An installation whose services say their models, but for one that never answered."""

    def asr(self) -> ports.AsrCapabilities:
        return ports.AsrCapabilities(("en",), translates_to_english=True, model="whisper-base-int8")

    def tts(self) -> ports.TtsCapabilities:
        raise Unavailable("It never answered.")

    def translation(self) -> ports.TranslationCapabilities:
        return ports.TranslationCapabilities((("en", "pt"),), model="firefox-tiny")


def test_the_models_of_services_that_answered_are_listed() -> None:
    listed = models.names(Named())
    assert {"whisper-base-int8", "whisper-1", "firefox-tiny"} <= {*listed}
    assert "tts-1" not in listed


def test_a_service_that_never_said_its_model_has_the_aliases() -> None:
    assert models.names(Abilities())[0] == "whisper-1"
    models.check("tts-1", "tts", Abilities())


def test_a_model_is_asked_for_by_its_name_or_an_alias_of_its_service() -> None:
    models.check("whisper-base-int8", "asr", Named())
    models.check("gpt-4o-transcribe", "asr", Named())
    for unknown in ("gpt-5", "tts-1", ""):
        with pytest.raises(NotFound) as caught:
            models.check(unknown, "asr", Named())
        assert caught.value.code == "model_not_found"
        assert "whisper-base-int8" in caught.value.detail
    with pytest.raises(Unavailable):
        models.check("tts-1", "tts", Named())


@pytest.mark.parametrize(
    ("code", "name"),
    [("en", "english"), ("pt-BR", "portuguese"), ("yue", "cantonese"), ("tlh", "tlh"), ("", "unknown")],
)
def test_languages_have_english_names(code: str, name: str) -> None:
    assert name_of(code) == name
