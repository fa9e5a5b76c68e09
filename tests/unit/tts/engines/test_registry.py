"""Engines are found by name, and what is missing is named."""

from __future__ import annotations

import pytest

from services.shared.engines import EngineSpec, Reference
from services.shared.errors import Misconfigured
from services.tts.engines import registry
from services.tts.engines.fake import FakeEngine
from services.tts.settings import TtsSettings


def test_the_fake_engine_needs_nothing() -> None:
    assert isinstance(registry.create(Reference("fake"), TtsSettings()), FakeEngine)


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="espeak, fake, kokoro, piper") as refused:
        registry.create(Reference("festival"), TtsSettings())
    assert refused.value.code == "unknown_engine"


def test_a_missing_package_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = EngineSpec("absent", "services.tts.engines.absent", ("no_such_package",), "full", "")
    monkeypatch.setattr(registry, "ENGINES", {"absent": absent})
    with pytest.raises(Misconfigured, match=r"no_such_package: .*requirements/full.txt") as refused:
        registry.create(Reference("absent"), TtsSettings())
    assert refused.value.code == "missing_package"


@pytest.mark.parametrize("name", registry.ENGINES)
def test_every_engine_says_what_it_is(name: str) -> None:
    spec = registry.ENGINES[name]
    assert spec.name == name
    assert spec.description
    assert bool(spec.extra) == bool(spec.packages)
