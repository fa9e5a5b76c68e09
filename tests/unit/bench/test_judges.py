"""What the benchmarks of fidelity judge by, on cases whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from dragoman.parts import Speech
from tests.bench.fidelity import translation
from tests.bench.fidelity.codec_marks import aligned
from tests.bench.fidelity.no_speech import SECONDS, pieces
from tests.bench.fidelity.sampling import sampled
from tests.bench.fidelity.timing import Spoken, replies_cut, self_cut
from tests.bench.fidelity.wording import error_rate, numbers_alike


def spoken(channel: int, start_ms: int, end_ms: int, at_ms: int, duration_ms: int) -> Spoken:
    speech = Speech(duration_ms=duration_ms, start_ms=at_ms, end_ms=at_ms + duration_ms)
    return Spoken("a call", channel, start_ms, end_ms, speech)


def test_a_reply_that_begins_before_the_speech_is_over_is_noticed() -> None:
    question, reply = spoken(0, 0, 1_000, 0, 1_500), spoken(1, 1_200, 2_000, 1_200, 800)
    assert replies_cut([reply, question]) == [(question, reply)]


def test_a_reply_that_waits_is_none() -> None:
    assert replies_cut([spoken(0, 0, 1_000, 0, 1_500), spoken(1, 1_200, 2_000, 1_500, 800)]) == []


def test_who_spoke_at_the_same_time_may_be_heard_at_the_same_time() -> None:
    assert replies_cut([spoken(0, 0, 1_000, 0, 1_500), spoken(1, 900, 2_000, 900, 800)]) == []


def test_speech_over_the_next_of_its_own_channel_is_noticed() -> None:
    one, after = spoken(0, 0, 1_000, 0, 1_500), spoken(0, 1_200, 2_000, 1_200, 800)
    assert self_cut([after, one]) == [(one, after)]
    assert self_cut([one, spoken(1, 1_200, 2_000, 1_200, 800)]) == []


@pytest.mark.parametrize(
    ("language", "said", "same", "other"),
    [
        ("en", "It is 4 2 7.", "it is four two seven", "it is four two"),
        ("es", "Son 35 minutos.", "son treinta y cinco minutos", "son treinta y seis minutos"),
        ("fr", "Il y a 72 clients.", "il y a soixante-douze clients", "il y a soixante-deux clients"),
        ("it", "Prema 28.", "prema ventotto", "prema ventidue"),
        ("pt-BR", "São 610 reais.", "são seiscentos e dez reais", "são seiscentos reais"),
    ],
)
def test_numbers_are_alike_however_they_are_written_but_another_one_is_an_error(
    language: str, said: str, same: str, other: str
) -> None:
    assert error_rate([(said, language)], [same], numbers_alike) == 0
    assert error_rate([(said, language)], [other], numbers_alike) > 0


@pytest.mark.parametrize("delay", [-40, 0, 312])
def test_a_codecs_delay_is_taken_back(delay: int) -> None:
    sound = np.random.default_rng(1).normal(0, 3_000, 8_000).astype(np.int16)
    late = np.concatenate([np.zeros(delay, np.int16), sound]) if delay >= 0 else sound[-delay:]
    back = aligned(sound, late, 8_000)
    assert len(back) == len(sound)
    assert np.array_equal(back[100:7_900], sound[100:7_900])


def test_numbers_are_the_same_however_they_are_grouped() -> None:
    assert translation.numbers("1,234.50 in 2026") == translation.numbers("Em 2026 foram 1.234,50.")
    assert translation.numbers("3 and 3") - translation.numbers("3 e 4")


def test_a_share_of_a_sample_is_the_same_each_time() -> None:
    assert sampled(range(100), 0.1) == sampled(range(100), 0.1)
    assert len(sampled(range(100), 0.1, most=50)) == 5
    assert len(sampled(range(3), 0.01)) == 1
    assert sampled([], 0.5) == []


@pytest.mark.parametrize("kind", SECONDS)
def test_what_is_no_speech_lasts_as_long_as_asked(kind: str) -> None:
    assert sum(len(samples) for _, samples in pieces(kind, 70.0)) == 70 * 16_000
