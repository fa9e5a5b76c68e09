"""How much of a region is encoded, and which decodings of a short window are trusted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.whisper_text import Passage
from services.asr.engines.whisper_window import VERIFIED, WINDOW_S, Trust, Windows, cut, size_of
from tests.unit.asr.engines.passages import LOOP, passage

TRUST = Trust()


@given(st.floats(0.01, 29))
def test_a_window_holds_its_region_with_silence_after_it(duration_s: float) -> None:
    windows = Windows()
    length_s = windows.of(duration_s)
    assert length_s in windows.lengths_s
    assert length_s == WINDOW_S or length_s >= duration_s + windows.margin_s


@given(st.lists(st.floats(0.01, 29), min_size=2).map(sorted))
def test_a_longer_region_never_has_a_shorter_window(durations_s: list[float]) -> None:
    lengths_s = [Windows().of(each) for each in durations_s]
    assert all(before <= after for before, after in pairwise(lengths_s))


def test_an_engine_may_have_no_window_but_the_whole() -> None:
    assert Windows((WINDOW_S,)).of(1.0) == WINDOW_S


def test_a_window_is_filled_up_with_what_is_silence_to_the_model() -> None:
    def extractor(_audio: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.full((80, 301), 1.5, np.float32)

    window = cut(extractor, np.zeros(48_000, np.float32), 12)
    assert window.shape == (80, 1200)
    assert set(np.unique(window[:, :300])) == {1.5}
    assert set(np.unique(window[:, 300:])) == {-0.5}


def test_a_plain_sentence_that_ends_with_its_region_is_trusted() -> None:
    assert TRUST.in_([passage()], 3.2)


@pytest.mark.parametrize(
    "doubtful",
    [
        [],
        [passage("")],
        [passage("  ")],
        [passage(LOOP)],
        [passage(" and so, and so, and so, and so, and so")],  # too short to compress well
        [passage(log_probability=-1.2)],
        [passage(weakest=0.02)],  # it guessed a word
        [passage(end_s=9.0)],  # it goes on in the silence after the region
        [passage(end_s=0.8)],  # it stopped before the region did
    ],
)
def test_a_decoding_that_went_wrong_is_not_trusted(doubtful: list[Passage]) -> None:
    assert not TRUST.in_(doubtful, 3.2)


def test_one_weak_passage_among_many_words_does_not_spoil_the_rest() -> None:
    assert TRUST.in_([passage(), passage(" Hm.", log_probability=-1.5)], 3.2)


@pytest.mark.parametrize(
    ("width", "multilingual", "name"),
    [
        (384, True, "tiny"),
        (512, True, "base"),
        (512, False, "base.en"),
        (1280, True, "large"),
        (64, True, ""),
    ],
)
def test_a_size_is_told_by_the_width_of_the_model(width: int, multilingual: bool, name: str) -> None:
    assert size_of(width, multilingual=multilingual) == name


def test_only_what_was_measured_is_trusted_in_short_windows() -> None:
    assert {"base"} == VERIFIED
