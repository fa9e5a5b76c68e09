"""Engines are found by name, and a wrong name or a missing package says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.codec.engines import registry
from services.codec.settings import CodecSettings
from services.shared.engines import Reference, references
from services.shared.errors import Misconfigured


@pytest.mark.parametrize("name", ["pyav", "fake"])
def test_engines_without_a_model_can_be_made(name: str) -> None:
    assert "wav" in registry.create(Reference(name), CodecSettings()).codecs


def test_the_default_engines_are_among_them() -> None:
    assert {each.engine for each in references(CodecSettings().codec_engines)} <= set(registry.ENGINES)


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.create(Reference("sox"), CodecSettings())
    assert caught.value.code == "unknown_engine"
    for name in registry.ENGINES:
        assert name in caught.value.detail


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(registry.ENGINES["pyav"], packages=("a_package_that_is_not_there",))
    monkeypatch.setattr(registry, "ENGINES", {"pyav": lacking})
    with pytest.raises(Misconfigured) as caught:
        registry.create(Reference("pyav"), CodecSettings())
    assert caught.value.code == "missing_package"
    assert "a_package_that_is_not_there" in caught.value.detail
    assert "pip install -r requirements/lite.txt" in caught.value.detail


def test_settings_reach_the_decoder() -> None:
    settings = CodecSettings(codec_decoder_cpu_s=7, codec_decoder_wall_s=8, codec_decoder_memory_bytes=9)
    engine = registry.create(Reference("pyav"), settings)
    assert vars(engine)["_settings"].cpu_s == 7
    assert vars(engine)["_settings"].memory_bytes == 9
    assert vars(engine)["_sandbox"].wall_s == 8
