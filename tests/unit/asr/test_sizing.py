"""Slots, threads and batches where nobody said how many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.settings import AsrSettings
from services.asr.sizing import Sizing, sizing
from services.shared.threads import cores


@pytest.mark.parametrize(
    ("available", "slots", "threads"), [(1, 1, 1), (2, 2, 1), (4, 4, 1), (8, 8, 1), (16, 8, 2), (64, 8, 8)]
)
def test_every_core_has_a_thread_of_one_slot(available: int, slots: int, threads: int) -> None:
    chosen = sizing(available, "cpu")
    assert (chosen.slots, chosen.threads) == (slots, threads)


@given(st.integers(1, 512), st.integers(0, 16), st.integers(0, 16))
def test_what_is_chosen_never_passes_the_cores(available: int, slots: int, threads: int) -> None:
    chosen = sizing(available, "cpu", slots, threads)
    assert chosen.slots >= 1
    assert chosen.threads >= 1
    if not (slots and threads) and max(slots, threads) <= available:
        assert chosen.slots * chosen.threads <= available


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_asked_for_is_taken(device: str) -> None:
    assert sizing(2, device, slots=3, threads=5, batch=7) == Sizing(3, 5, 7)


def test_a_gpu_takes_larger_batches() -> None:
    assert sizing(8, "cuda").batch > sizing(8, "cpu").batch


def test_the_settings_say_what_was_chosen() -> None:
    settings = AsrSettings(asr_slots=3, asr_threads=1, asr_batch=5)
    assert (settings.asr_slots_chosen, settings.asr_threads_chosen, settings.asr_batch_chosen) == (3, 1, 5)
    assert AsrSettings().asr_slots_chosen * AsrSettings().asr_threads_chosen <= max(1, cores())
