"""With the real recogniser: no speech is lost to the search for sounds, and no words come out of sounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from services.asr import core as use_cases
from services.asr.core import AsrCore, Region, Samples
from services.asr.engines.base import Task
from services.asr.engines.registry import create
from services.asr.engines.trade import alone
from services.asr.settings import AsrSettings
from services.asr.sounds.base import Kind
from services.shared.config import load
from services.shared.engines import Reference
from tests.support.demo import demo_call
from tests.support.noises import cadence, hiss, hum, keys, melody
from tests.support.speech import PROMPTS, noise, prompt, silence, telephone, wrong_words

pytestmark = pytest.mark.models
SPOKEN = {
    "en": ("I would like to change the address of my account, please.", "af_heart"),
    "pt": ("Bom dia, eu queria saber quando chega o meu pedido.", "pf_dora"),
}


def never() -> bool:
    return False


@cache
def core() -> AsrCore:
    return AsrCore(alone(create(Reference("faster-whisper"), load(AsrSettings))))


def speech(name: str) -> Samples:
    if name in SPOKEN:
        return telephone(*SPOKEN[name])
    return prompt(name) if name in PROMPTS else demo_call()[name == "customer"]


def written(samples: Samples, region: Region) -> str:
    part = samples[region.start_ms * 16 : region.end_ms * 16]
    return core().transcribe(part, "en", Task.TRANSCRIBE, never).text


@pytest.mark.parametrize("name", [*sorted(PROMPTS), *SPOKEN, "agent", "customer"])
@pytest.mark.parametrize("line", [silence, lambda seconds: hum(seconds, 0.005), lambda s: noise(s, 0.003)])
def test_regions_of_speech_are_what_they_were_without_the_search(
    monkeypatch: pytest.MonkeyPatch, name: str, line: Callable[[float], Samples]
) -> None:
    said = speech(name)
    samples = said + line(len(said) / 16_000 + 1)[: len(said)]
    found = core().segment(samples, "en", never)
    assert {sound.kind for sound in found.sounds} <= {Kind.SILENCE}
    monkeypatch.setattr(use_cases, "sounds", lambda *_: [])
    assert found.regions == core().segment(samples, "en", never).regions != ()


def test_an_announcement_over_hold_music_is_written_down() -> None:
    said = prompt("en-phone-number")
    samples = melody(24) // 4
    samples[10 * 16_000 : 10 * 16_000 + len(said)] += said // 2
    found = core().segment(samples, "en", never)
    heard = [written(samples, each) for each in found.regions]
    assert wrong_words(PROMPTS["en-phone-number"], " ".join(heard)) <= 2
    assert [sound.kind for sound in found.sounds] == [Kind.MUSIC, Kind.MUSIC]


def test_what_is_said_before_and_after_keys_is_kept() -> None:
    said = prompt("en-phone-number")
    found = core().segment(np.concatenate([said, keys("5551234")[8_000:-8_000], said]), "en", never)
    assert [sound.digits for sound in found.sounds if sound.kind is Kind.DTMF] == ["5551234"]
    assert sum(region.end_ms - region.start_ms for region in found.regions) >= 2 * 0.8 * len(said) / 16


@pytest.mark.parametrize(
    "samples",
    [
        *(hiss(melody(40, seed), 30) for seed in range(3)),
        hiss(hum(30), 40),
        noise(30, 0.02),
        hiss(silence(30), 60),
        hiss(cadence(5, 1, 4, 425), 40),
        hiss(cadence(20, 0.5, 0.5, 480, 620), 40),
        hiss(cadence(10, 0.3, 1.7, 1000), 40),
        hiss(keys("0123456789*#" * 4), 30),
    ],
)
def test_no_words_come_out_of_what_is_no_speech(samples: Samples) -> None:
    parts = (Region(start_ms, start_ms + 5_000) for start_ms in range(0, len(samples) // 16 - 5_000, 5_000))
    heard = [written(samples, part) for part in (*core().segment(samples, "en", never).regions, *parts)]
    assert "".join(heard) == ""
