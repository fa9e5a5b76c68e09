"""Engines are found by name, and what is missing is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.asr.engines import registry
from services.asr.engines.fake import FakeEngine
from services.asr.settings import AsrSettings
from services.shared.engines import Reference
from services.shared.errors import Misconfigured

SETTINGS = AsrSettings()


def test_the_fake_engine_is_there_without_a_model() -> None:
    assert isinstance(registry.create(Reference("fake"), SETTINGS), FakeEngine)


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="fake, faster-whisper") as caught:
        registry.create(Reference("sphinx"), SETTINGS)
    assert caught.value.code == "unknown_engine"


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(registry.ENGINES["faster-whisper"], packages=("no_such_package",))
    monkeypatch.setattr(registry, "ENGINES", {"faster-whisper": bare})
    with pytest.raises(Misconfigured, match=r"no_such_package.*requirements/lite\.txt") as caught:
        registry.create(Reference("faster-whisper"), SETTINGS)
    assert caught.value.code == "missing_package"


def test_a_model_that_is_not_installed_is_told_how_to_get(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="models pull lite") as caught:
        registry.create(Reference("faster-whisper"), AsrSettings(models_dir=tmp_path))
    assert caught.value.code == "model_missing"


def test_a_model_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.create(Reference("faster-whisper", "whisper-enormous"), AsrSettings())
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize("name", list(registry.ENGINES))
def test_every_engine_says_what_it_is(name: str) -> None:
    assert registry.ENGINES[name].name == name
    assert registry.ENGINES[name].description
