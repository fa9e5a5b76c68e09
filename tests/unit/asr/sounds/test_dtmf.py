"""Keys are found as the networks' own receivers find them, and never in a voice."""

from __future__ import annotations

import numpy as np
import pytest

from services.asr.core import Samples
from services.asr.sounds.dtmf import dtmf
from tests.support.noises import cadence, hiss, hum, keys, melody
from tests.support.speech import PROMPTS, prompt, silence, tone

ALL = "0123456789ABCD*#"


def digits(samples: Samples) -> str:
    return "".join(sound.digits for sound in dtmf(samples))


@pytest.mark.parametrize("on_s", [0.04, 0.07, 0.25])
def test_every_key_is_found(on_s: float) -> None:
    assert digits(keys(ALL, on_s, 0.04)) == ALL


@pytest.mark.parametrize(("snr_db", "on_s"), [(20, 0.04), (10, 0.05)])
def test_keys_are_found_in_noise(snr_db: float, on_s: float) -> None:
    assert digits(hiss(keys(ALL, on_s, 0.05), snr_db)) == ALL


def test_a_key_that_is_pressed_again_is_found_again() -> None:
    assert digits(keys("77700", 0.05, 0.04)) == "77700"


def test_a_key_is_where_it_was_pressed() -> None:
    (key,) = dtmf(keys("5", 0.1))
    assert key.start == pytest.approx(16_000, abs=160)
    assert key.end == pytest.approx(17_600, abs=160)


@pytest.mark.parametrize("off_pitch", [0.985, 1.015])
def test_a_telephone_may_be_out_of_tune_by_a_little(off_pitch: float) -> None:
    assert digits(keys(ALL, 0.06, 0.06, off_pitch)) == ALL


@pytest.mark.parametrize("off_pitch", [0.96, 1.04])
def test_two_tones_that_are_beside_those_of_the_keys_are_no_key(off_pitch: float) -> None:
    assert digits(keys("0123456789", 0.06, 0.06, off_pitch)) == ""


def test_what_is_shorter_than_a_key_is_none() -> None:
    assert digits(keys(ALL, 0.02, 0.08)) == ""


def test_keys_on_a_line_that_hums_are_found() -> None:
    pressed = keys("2580")
    assert digits(pressed + hum(len(pressed) / 16_000, 0.01)[: len(pressed)]) == "2580"


@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_a_voice_presses_no_keys(name: str) -> None:
    assert digits(prompt(name)) == ""


@pytest.mark.parametrize(
    "samples",
    [silence(3), tone(3), melody(20), hum(3), cadence(5, 0.5, 0.5, 480, 620), hiss(silence(5), 0)],
)
def test_other_sounds_press_no_keys(samples: Samples) -> None:
    assert digits(samples) == ""


def test_a_recording_that_is_shorter_than_a_frame_has_no_keys() -> None:
    assert dtmf(np.zeros(100, np.int16)) == []
