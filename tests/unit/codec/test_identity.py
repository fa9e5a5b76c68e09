"""Channels that carry the same audio are found, also after a lossy codec."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.engines.base import Samples, Target
from services.codec.engines.pyav import PyavEngine, PyavSettings
from services.codec.identity import identical_to
from tests.support import recordings

ONE, OTHER = (recordings.tone(20, 8000, pitch)[:, 0] for pitch in (440, 620))
SILENCE = np.zeros_like(ONE)
ENGINE = PyavEngine(PyavSettings())


def test_one_channel_is_itself() -> None:
    assert identical_to([ONE]) == (0,)
    assert identical_to([]) == ()


def test_different_channels_are_themselves() -> None:
    assert identical_to([ONE, OTHER, SILENCE]) == (0, 1, 2)


def test_equal_channels_point_to_the_first() -> None:
    assert identical_to([ONE, OTHER, ONE, OTHER, ONE]) == (0, 1, 0, 1, 0)


def test_two_silent_channels_are_the_same() -> None:
    assert identical_to([SILENCE, ONE, SILENCE]) == (0, 1, 0)


def test_a_difference_at_the_very_end_is_found() -> None:
    late = ONE.copy()
    late[-8000:] = OTHER[-8000:]
    assert identical_to([ONE, late]) == (0, 1)


def test_noise_of_the_least_bits_is_no_difference() -> None:
    noise = np.random.default_rng(1).integers(-4, 5, len(ONE)).astype(np.int16)
    assert identical_to([ONE, ONE + noise]) == (0, 0)
    assert identical_to([noise, noise[::-1]]) == (0, 0)


@pytest.mark.parametrize("amplitude", [1, 30])
def test_a_quiet_speaker_is_not_nobody(amplitude: int) -> None:
    quiet = recordings.tone(20, 8000, amplitude=amplitude)[:, 0]
    whisper = SILENCE.copy()
    whisper[-800:] = quiet[-800:]
    assert identical_to([SILENCE, quiet, whisper]) == (0, 1, 1)
    assert identical_to([whisper, SILENCE, SILENCE]) == (0, 1, 1)


def test_crosstalk_does_not_make_two_speakers_one() -> None:
    agent = np.where(np.arange(len(ONE)) < 80_000, ONE, 0)
    customer = np.where(np.arange(len(ONE)) < 80_000, 0, OTHER)
    leaking = (customer + agent * 0.05).astype(np.int16)
    assert identical_to([agent.astype(np.int16), leaking]) == (0, 1)


def test_a_quieter_copy_is_another_recording() -> None:
    assert identical_to([ONE, (ONE * 0.5).astype(np.int16)]) == (0, 1)


def test_the_loudest_samples_do_not_overflow() -> None:
    loud = np.full(1000, -32768, np.int16)
    assert identical_to([loud, loud, np.full(1000, 32767, np.int16)]) == (0, 0, 2)


def speech_like(seconds: float, rate_hz: int) -> Samples:
    """Return bursts of coloured noise, which are harder on a codec than tones."""
    random = np.random.default_rng(3)
    noise = np.convolve(random.normal(0, 3000, round(seconds * rate_hz)), np.full(8, 0.3), "same")
    bursts = np.sin(2 * np.pi * 2 * np.arange(len(noise)) / rate_hz) > 0
    return (noise * bursts).clip(-30_000, 30_000).astype(np.int16)


LOSSY = [("opus", 40), ("opus", 64), ("mp3", 48), ("aac", 48)]


@pytest.mark.parametrize(("codec", "kbps"), [*LOSSY, ("flac", 0)])
def test_a_mono_recording_saved_as_stereo_is_found_out(codec: str, kbps: int) -> None:
    mono = speech_like(5, 24_000)
    data = recordings.encoded(ENGINE, np.stack([mono, mono], axis=1), Target(codec, 24_000, 2, kbps))
    assert recordings.opened(ENGINE, data).identical_to == (0, 0)


@pytest.mark.parametrize(("codec", "kbps"), LOSSY)
def test_two_speakers_stay_two_after_a_lossy_codec(codec: str, kbps: int) -> None:
    data = recordings.encoded(ENGINE, recordings.tone(5, 24_000, 300, 500), Target(codec, 24_000, 2, kbps))
    assert recordings.opened(ENGINE, data).identical_to == (0, 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_the_first_of_each_kind_stands_for_the_others(kinds: list[int]) -> None:
    channels = [recordings.tone(0.05, 8000, 200 * (kind + 1))[:, 0] for kind in kinds]
    assert identical_to(channels) == tuple(kinds.index(kind) for kind in kinds)
