"""The knobs of scaling, and that they agree with those of the rooms."""

from __future__ import annotations

import pytest

from services.asr.settings import AsrSettings
from services.codec.settings import CodecSettings
from services.gateway.scaling.policy import Terms
from services.gateway.scaling.settings import ScalingSettings
from services.shared.config import load
from services.shared.errors import Misconfigured
from services.translation.settings import TranslationSettings
from services.tts.settings import TtsSettings


def test_slots_and_workers_are_by_default_what_the_rooms_have() -> None:
    rooms = (AsrSettings(), TranslationSettings(), TtsSettings(), CodecSettings())
    for service, room in zip(("asr", "translation", "tts", "codec"), rooms, strict=True):
        for name in (f"{service}_slots", f"{service}_workers"):
            assert getattr(ScalingSettings(), name) == getattr(room, name)


def test_the_terms_of_a_service_come_from_the_settings() -> None:
    settings = ScalingSettings(scaling_tts_replicas="2-7", scaling_headroom_slots=3, tts_workers=5)
    assert settings.terms_of("tts") == Terms(
        least=2,
        most=7,
        horizon_s=150,
        cold_start_s=90,
        hold_s=90,
        idle_s=300,
        headroom_slots=3,
        worker_slots=5,
    )
    assert settings.terms_of("codec").headroom_slots == 0
    assert settings.terms_of("codec").least == 1


@pytest.mark.parametrize("wrong", ["3", "5-2", "0-0", "-1-2", "a-b", "1-99999"])
def test_a_range_of_replicas_that_makes_no_sense_is_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_SCALING_ASR_REPLICAS", wrong)
    with pytest.raises(Misconfigured, match="DRAGOMAN_SCALING_ASR_REPLICAS"):
        load(ScalingSettings)
