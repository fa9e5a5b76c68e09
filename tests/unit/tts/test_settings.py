"""The TTS room's settings are bounded and come from the environment."""

from __future__ import annotations

import pytest

from services.shared.config import load
from services.shared.errors import Misconfigured
from services.tts.settings import TtsSettings


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_TTS_SLOTS", "5")
    assert load(TtsSettings).tts_slots == 5


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DRAGOMAN_TTS_THREADS", "0"),
        ("DRAGOMAN_TTS_SLOTS", "0"),
        ("DRAGOMAN_TTS_QUEUE", "-1"),
        ("DRAGOMAN_TTS_MAX_STRETCH", "0.9"),
        ("DRAGOMAN_TTS_MAX_STRETCH", "2.1"),
        ("DRAGOMAN_TTS_MAX_CHARACTERS", "0"),
        ("DRAGOMAN_TTS_WORKERS", "none"),
    ],
)
def test_a_value_out_of_range_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable):
        load(TtsSettings)
