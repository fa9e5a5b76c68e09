"""Engines by name, and what an operator is told when one cannot be had."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from services.shared.config import load
from services.shared.engines import Reference
from services.shared.errors import Misconfigured
from services.translation.engines.fake import FakeEngine
from services.translation.engines.registry import ENGINES, create
from services.translation.settings import TranslationSettings


def test_the_default_engine_is_a_known_one() -> None:
    assert TranslationSettings().translation_engines in ENGINES


def test_the_fake_engine_needs_nothing() -> None:
    assert isinstance(create(Reference("fake"), TranslationSettings()), FakeEngine)


def test_an_unknown_engine_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="chat, ctranslate2, fake, fxtranslate, transformers") as caught:
        create(Reference("babelfish"), TranslationSettings())
    assert caught.value.code == "unknown_engine"


@pytest.mark.parametrize("engine", ["fxtranslate", "ctranslate2"])
def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Misconfigured, match=r"requirements/lite\.txt") as caught:
        create(Reference(engine), TranslationSettings())
    assert caught.value.code == "missing_package"


def test_a_missing_model_names_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="dragoman models pull lite") as caught:
        create(Reference("fxtranslate"), TranslationSettings(models_dir=tmp_path))
    assert caught.value.code == "model_missing"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_TRANSLATION_ENGINES", "fake")
    monkeypatch.setenv("DRAGOMAN_TRANSLATION_SLOTS", "9")
    settings = load(TranslationSettings)
    assert (settings.translation_engines, settings.translation_slots) == ("fake", 9)
