"""Which decodings are trusted, and what becomes of what the library returns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.base import Model
from services.asr.engines.faster_whisper import (
    Decoding,
    FasterWhisperEngine,
    _hypothesis,
    _is_sound,
    _Passage,
)

SENTENCE = " Please hold the line while I look at your order."
LOOP = " thank you" * 40


def passage(
    text: str = SENTENCE, end_s: float = 3.0, log_probability: float = -0.2, weakest: float = 0.9
) -> _Passage:
    words = [{"word": f" {word}", "start": 0.1, "end": 0.2, "probability": weakest} for word in text.split()]
    return _Passage(text, end_s, log_probability, max(len(words), 1), words)


def test_a_plain_sentence_that_ends_with_its_region_is_trusted() -> None:
    assert _is_sound([passage()], 3.2)


@pytest.mark.parametrize(
    "doubtful",
    [
        [],
        [passage("")],
        [passage("  ")],
        [passage(LOOP)],
        [passage(log_probability=-0.7)],  # the model is half sure at most
        [passage(weakest=0.1)],  # it guessed a word
        [passage(end_s=9.0)],  # it goes on in the silence after the region
        [passage(end_s=0.8)],  # it stopped before the region did
    ],
)
def test_a_decoding_that_went_wrong_is_not_trusted(doubtful: list[_Passage]) -> None:
    assert not _is_sound(doubtful, 3.2)


def test_one_weak_passage_among_many_words_does_not_spoil_the_rest() -> None:
    assert _is_sound([passage(), passage(" Hm.", log_probability=-1.5)], 3.2)


def test_confidence_is_the_mean_probability_of_a_token() -> None:
    heard = _hypothesis([passage(log_probability=math.log(0.8))], 3.2, "en")
    assert heard.confidence == pytest.approx(0.8)
    assert heard.text == SENTENCE.strip()
    assert heard.warnings == ()


def test_a_guess_is_marked() -> None:
    assert _hypothesis([passage(log_probability=-1.2)], 3.2, "en").warnings == ("low_confidence",)


def test_a_loop_is_marked() -> None:
    assert _hypothesis([passage(LOOP)], 3.2, "en").warnings == ("repetition",)


@pytest.mark.parametrize("nothing", [[], [passage(" ")]])
def test_nothing_said_is_an_empty_text_and_not_an_error(nothing: list[_Passage]) -> None:
    heard = _hypothesis(nothing, 3.2, "pt")
    assert (heard.text, heard.language, heard.confidence, heard.words) == ("", "pt", 0.0, ())
    assert heard.warnings == ("no_speech",)


times = st.floats(-5, 40, allow_nan=False)


@given(st.lists(st.tuples(times, times)), st.floats(0.1, 30))
def test_words_stay_inside_the_region_and_never_run_backwards(
    spans: list[tuple[float, float]], duration_s: float
) -> None:
    words = [{"word": " a", "start": start, "end": end, "probability": 0.5} for start, end in spans]
    heard = _hypothesis([_Passage(" a", 1.0, -0.1, 1, words)], duration_s, "en")
    marks = [mark for word in heard.words for mark in (word.start_ms, word.end_ms)]
    assert marks == sorted(marks)
    assert all(0 <= mark <= round(duration_s * 1000) for mark in marks)
    assert [word.text for word in heard.words] == ["a"] * len(spans)


def test_a_folder_without_a_model_is_an_error_and_never_a_download(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"model\.bin"):
        FasterWhisperEngine(tmp_path, Model("empty", "0"), Decoding())
