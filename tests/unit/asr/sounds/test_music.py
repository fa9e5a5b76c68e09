"""Music is told from speech by its notes, and long silence from both."""

from __future__ import annotations

import numpy as np
import pytest

from services.asr.core import Samples
from services.asr.engines.base import Span
from services.asr.sounds.base import Kind
from services.asr.sounds.listening import settled, sounds
from tests.support.noises import cadence, hiss, hum, melody, mobile
from tests.support.speech import PROMPTS, noise, prompt, silence, tone

TALK = np.concatenate([prompt(name) for name in sorted(PROMPTS)] * 3)


@pytest.mark.parametrize("seed", range(4))
def test_music_is_found_from_its_beginning_to_its_end(seed: int) -> None:
    (found,) = sounds(melody(30, seed))
    assert (found.kind, found.start) == (Kind.MUSIC, 0)
    assert found.end == pytest.approx(30 * 16_000, abs=320)


def test_music_is_found_on_a_bad_line() -> None:
    (found,) = sounds(hiss(melody(20), 15))
    assert found.kind is Kind.MUSIC
    assert found.end - found.start > 18 * 16_000


@pytest.mark.parametrize("gain_db", [-20, -35])
def test_music_is_found_however_quiet_it_is(gain_db: float) -> None:
    (found,) = sounds((melody(20) * 10 ** (gain_db / 20)).astype(np.int16))
    assert found.kind is Kind.MUSIC
    assert found.end - found.start > 18 * 16_000


def test_music_is_found_through_a_mobile_telephones_codec() -> None:
    (found,) = sounds(mobile(melody(20)))
    assert found.kind is Kind.MUSIC
    assert found.end - found.start > 18 * 16_000


def test_a_voice_through_a_mobile_telephones_codec_is_no_music() -> None:
    assert Kind.MUSIC not in {sound.kind for sound in sounds(mobile(TALK))}


@pytest.mark.parametrize(
    "samples", [TALK, hiss(TALK, 20), TALK + hum(len(TALK) / 16_000 + 1)[: len(TALK)], noise(20), tone(20)]
)
def test_what_is_no_music_is_none(samples: Samples) -> None:
    assert Kind.MUSIC not in {sound.kind for sound in sounds(samples)}


def test_a_busy_signal_is_no_music() -> None:
    assert {sound.kind for sound in sounds(cadence(20, 0.5, 0.5, 480, 620))} == {Kind.BUSY}


def test_music_under_four_seconds_is_not_told() -> None:
    assert sounds(np.concatenate([silence(2), melody(2), silence(2)])) == []


def test_music_is_told_around_those_who_speak_over_it() -> None:
    found = sounds(melody(30))
    told = settled(found, [Span(160_000, 240_000)])
    assert [(sound.kind, sound.start, sound.end) for sound in told] == [
        (Kind.MUSIC, 0, 160_000),
        (Kind.MUSIC, 240_000, found[0].end),
    ]


@pytest.mark.parametrize("line", [silence(12), hum(12, 0.005), noise(12, 0.001)])
def test_long_silence_is_told_whatever_the_line_is_like(line: Samples) -> None:
    (found,) = sounds(np.concatenate([line, prompt("en-press-9")]))
    assert (found.kind, found.start) == (Kind.SILENCE, 0)
    assert found.end == pytest.approx(12 * 16_000, abs=0.3 * 16_000)


def test_shorter_silence_is_not_told() -> None:
    speech = prompt("en-press-9")
    assert sounds(np.concatenate([speech, silence(8), speech])) == []


def test_loud_noise_is_no_silence() -> None:
    assert sounds(noise(20)) == []
