"""Engines are found by name, and a wrong name or a missing package says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.codec.engines import registry
from services.codec.settings import CodecSettings
from services.shared.errors import Misconfigured


def test_every_engine_can_be_made() -> None:
    for name in registry.ENGINES:
        assert "wav" in registry.create(name, CodecSettings()).codecs


def test_the_default_engine_is_one_of_them() -> None:
    assert CodecSettings().codec_engine in registry.ENGINES


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.create("sox", CodecSettings())
    assert caught.value.code == "unknown_engine"
    for name in registry.ENGINES:
        assert name in caught.value.detail


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(registry.ENGINES["pyav"], packages=("a_package_that_is_not_there",))
    monkeypatch.setattr(registry, "ENGINES", {"pyav": lacking})
    with pytest.raises(Misconfigured) as caught:
        registry.create("pyav", CodecSettings())
    assert caught.value.code == "missing_package"
    assert "a_package_that_is_not_there" in caught.value.detail
    assert "run make setup, or pip install -r requirements/lite.txt" in caught.value.detail


def test_settings_reach_the_decoder() -> None:
    settings = CodecSettings(codec_decoder_cpu_s=7, codec_decoder_wall_s=8, codec_decoder_memory_bytes=9)
    engine = registry.create("pyav", settings)
    assert vars(engine)["_settings"].cpu_s == 7
    assert vars(engine)["_settings"].memory_bytes == 9
    assert vars(engine)["_sandbox"].wall_s == 8
