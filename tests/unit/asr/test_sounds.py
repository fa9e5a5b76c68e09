"""Regions and sounds share a recording: what is no speech is not written down, and what is, is kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.asr.core import AsrCore, Region, Samples, Segmentation
from services.asr.engines.base import Audio, Span
from services.asr.engines.fake import FakeEngine
from services.asr.engines.trade import alone
from services.asr.sounds.base import Kind
from tests.support.noises import cadence, hum, keys, melody
from tests.support.speech import noise, silence, tone

CORE = AsrCore(alone(FakeEngine()))
PARTS = {
    "speech": tone(2),
    "word": tone(0.4),
    "keys": keys("42", 0.1, 0.1)[12_000:-12_000],
    "ring": cadence(2, 1, 2, 425),
    "beep": cadence(1, 0.3, 0, 1000),
    "music": melody(6),
    "silence": silence(11),
    "pause": silence(0.7),
    "noise": noise(1.5),
    "hum": hum(2),
}


def never() -> bool:
    return False


def found_in(samples: Samples, core: AsrCore = CORE) -> Segmentation:
    return core.segment(samples, "en", never)


class Hopeful(FakeEngine):
    """Hears somebody in whatever is long, and nobody in what is short, as a VAD does that misses context."""

    def speech_spans(self, audio: Audio) -> list[Span]:
        return [Span(16_000, 32_000)] if len(audio) > 48_000 else []


class Hearing(FakeEngine):
    """Hears somebody at one place of a whole recording, and nobody in a part of it."""

    def __init__(self, where: Span) -> None:
        super().__init__()
        self.where = where

    def speech_spans(self, audio: Audio) -> list[Span]:
        return [self.where] if len(audio) > self.where.end else []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(PARTS)), max_size=6), st.floats(0, 0.02))
def test_regions_and_sounds_never_overlap(parts: list[str], level: float) -> None:
    clean = np.concatenate([silence(0.3), *(PARTS[part] for part in parts)])
    found = found_in(clean // 2 + noise(len(clean) / 16_000 + 1, level)[: len(clean)])
    every = sorted([*found.regions, *(sound.region for sound in found.sounds)], key=lambda it: it.start_ms)
    assert all(region.start_ms < region.end_ms <= found.duration_ms for region in every)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(every))


def test_keys_that_interrupt_somebody_part_two_regions() -> None:
    found = found_in(np.concatenate([tone(2), PARTS["keys"], tone(2)]))
    (sound,) = found.sounds
    assert (sound.kind, sound.digits) == (Kind.DTMF, "42")
    before, after = found.regions
    assert before.end_ms <= sound.region.start_ms < sound.region.end_ms <= after.start_ms
    assert (before.start_ms, after.end_ms) == (0, found.duration_ms)


@pytest.mark.parametrize("part", ["keys", "ring", "beep"])
def test_nobody_speaks_in_a_signal_whatever_the_engine_hears(part: str) -> None:
    found = found_in(np.concatenate([silence(1), PARTS[part], silence(1)]))
    assert found.regions == ()
    assert len(found.sounds) == 1


def test_a_melody_is_no_region_where_the_engine_hears_nobody_in_it_alone() -> None:
    found = found_in(melody(10), AsrCore(alone(Hopeful())))
    assert found.regions == ()
    assert [sound.kind for sound in found.sounds] == [Kind.MUSIC]


def test_who_begins_over_the_end_of_music_and_goes_on_is_kept() -> None:
    hearing = Hearing(Span(6 * 16_000, 11 * 16_000))
    found = found_in(np.concatenate([melody(10), silence(5)]), AsrCore(alone(hearing)))
    assert found.regions == (Region(5_700, 11_300),)
    assert [sound.region.end_ms for sound in found.sounds] == [5_700]


def test_elsewhere_the_engine_is_not_asked_twice() -> None:
    assert found_in(noise(10), AsrCore(alone(Hopeful()))).regions == (Region(700, 2_300),)
