"""The tones of telephone networks are found, and named by their pitches and their cadence."""

from __future__ import annotations

import numpy as np
import pytest

from services.asr.core import Samples
from services.asr.engines.base import Span
from services.asr.sounds.base import Kind, Sound
from services.asr.sounds.listening import settled, sounds
from tests.support.noises import cadence, hiss, hum, keys
from tests.support.speech import PROMPTS, beep, prompt, silence, tone

UK_RING = np.concatenate([cadence(1, 0.4, 0.2, 400, 450), cadence(1, 0.4, 2, 400, 450)])
SIT = np.concatenate(
    [silence(1), *(beep(0.33, pitch_hz, level=0.1) for pitch_hz in (950, 1400, 1800)), silence(1)]
)


def heard(samples: Samples) -> list[tuple[Kind, float, float]]:
    """Return what is told of a recording in which nobody speaks, in seconds."""
    return [
        (sound.kind, round(sound.start / 16_000, 1), round(sound.end / 16_000, 1))
        for sound in settled(sounds(hiss(samples, 40)), [])
    ]


@pytest.mark.parametrize(
    ("samples", "kind", "end_s"),
    [
        (cadence(3, 2, 4, 440, 480), Kind.RING, 14),  # United States
        (cadence(3, 1, 4, 425), Kind.RING, 11),  # Brazil, Spain, Italy and much of Europe
        (cadence(3, 1.5, 3.5, 440), Kind.RING, 11.5),  # France
        (np.tile(UK_RING, 3), Kind.RING, 7),
        (cadence(6, 0.5, 0.5, 480, 620), Kind.BUSY, 5.5),
        (cadence(12, 0.25, 0.25, 480, 620), Kind.BUSY, 5.7),
        (cadence(12, 0.25, 0.25, 425), Kind.BUSY, 5.7),
        (cadence(8, 0.375, 0.375, 400), Kind.BUSY, 5.6),
        (cadence(1, 8, 0.5, 350, 440), Kind.TONE, 8),  # dial tone
        (cadence(1, 3, 0.5, 2100), Kind.TONE, 3),  # a fax that answers
    ],
)
def test_a_signal_is_one_sound_from_its_first_to_its_last_tone(
    samples: Samples, kind: Kind, end_s: float
) -> None:
    ((found, start_s, found_end_s),) = heard(samples)
    assert found is kind
    assert start_s == 0
    assert found_end_s == pytest.approx(end_s, abs=0.11)


def test_special_information_is_a_tone() -> None:
    assert heard(SIT) == [(Kind.TONE, 1.0, 2.0)]


@pytest.mark.parametrize("pitch_hz", [500, 1000, 1400])
def test_a_beep_is_a_tone(pitch_hz: float) -> None:
    samples = np.concatenate([silence(1), beep(0.25, pitch_hz), silence(1)])
    ((kind, start_s, end_s),) = heard(samples)
    assert (kind, start_s) == (Kind.TONE, 1.0)
    assert end_s == pytest.approx(1.25, abs=0.06)


def test_keys_are_no_tones() -> None:
    (sound,) = settled(sounds(keys("0123", 0.4, 0.2)), [])
    assert sound == Sound(Kind.DTMF, sound.start, sound.end, "0123")


@pytest.mark.parametrize("samples", [tone(5), hum(5), hiss(silence(5), 0), *map(prompt, sorted(PROMPTS))])
def test_what_is_no_tone_is_none(samples: Samples) -> None:
    assert sounds(samples) == []


def test_a_tone_ends_where_somebody_speaks_between_its_bursts() -> None:
    ringing = sounds(cadence(3, 2, 4, 440, 480))
    parted = settled(ringing, [Span(3 * 16_000, 5 * 16_000)])
    assert [sound.kind for sound in parted] == [Kind.RING, Kind.RING]
    assert parted[0].end <= 3 * 16_000 < 5 * 16_000 <= parted[1].start
