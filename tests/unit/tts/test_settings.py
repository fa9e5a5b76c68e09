"""The TTS room's settings are bounded and come from the environment."""

from __future__ import annotations

import os

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
        ("DRAGOMAN_TTS_THREADS", "-1"),
        ("DRAGOMAN_TTS_SLOTS", "-1"),
        ("DRAGOMAN_TTS_DEVICE", "tpu"),
        ("DRAGOMAN_TTS_QUEUE", "-1"),
        ("DRAGOMAN_TTS_MAX_STRETCH", "0.9"),
        ("DRAGOMAN_TTS_MAX_STRETCH", "2.1"),
        ("DRAGOMAN_TTS_MIN_STRETCH", "0.4"),
        ("DRAGOMAN_TTS_MIN_STRETCH", "1.1"),
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


@pytest.mark.parametrize(
    ("cores", "threads", "slots", "chosen"),
    [
        (2, 0, 0, (1, 2)),
        (1, 0, 0, (1, 1)),
        (64, 0, 0, (1, 8)),
        (4, 2, 0, (2, 2)),
        (1, 2, 0, (2, 1)),
        (4, 3, 7, (3, 7)),
    ],
)
def test_one_thread_for_each_of_as_many_slots_as_there_are_cores_unless_it_is_said(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, slots: int, chosen: tuple[int, int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)))
    here = TtsSettings(tts_threads=threads, tts_slots=slots)
    assert (here.tts_threads_chosen, here.tts_slots_chosen) == chosen
