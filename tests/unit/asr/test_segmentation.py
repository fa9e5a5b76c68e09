"""Regions cover all speech, never overlap, never grow too long, and end where people pause."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.base import SAMPLE_RATE_HZ, Span
from services.asr.segmentation import Shape, regions

SHAPE = Shape()
TAIL = SAMPLE_RATE_HZ


def seconds(start: float, end: float) -> Span:
    return Span(round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ))


def laid_out(stretches: list[tuple[int, int]]) -> list[Span]:
    """Return spans from pairs of a pause and a length."""
    spans, now = [], 0
    for pause, length in stretches:
        spans.append(Span(now + pause, now + pause + length))
        now += pause + length
    return spans


def middle(span: Span) -> int:
    return (span.start + span.end) // 2


def cut(spans: list[Span], shape: Shape = SHAPE) -> list[Span]:
    length = spans[-1].end + TAIL if spans else TAIL
    return regions(spans, length, shape, middle)


pauses = st.integers(1, 2 * SAMPLE_RATE_HZ)
lengths = st.one_of(st.integers(1, 5 * SAMPLE_RATE_HZ), st.integers(1, 90 * SAMPLE_RATE_HZ))
speech = st.lists(st.tuples(pauses, lengths), max_size=30).map(laid_out)
shapes = st.builds(Shape, longest=st.integers(2 * SAMPLE_RATE_HZ, 28 * SAMPLE_RATE_HZ))


@given(speech, shapes)
def test_regions_are_in_order_and_disjoint_and_inside_the_audio(spans: list[Span], shape: Shape) -> None:
    found = cut(spans, shape)
    assert all(region.start < region.end for region in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    if found:
        assert found[0].start >= 0
        assert found[-1].end <= spans[-1].end + TAIL


@given(speech, shapes)
def test_no_region_is_longer_than_allowed(spans: list[Span], shape: Shape) -> None:
    assert all(region.end - region.start <= shape.longest for region in cut(spans, shape))


@given(speech, shapes)
def test_every_sample_of_speech_is_in_a_region(spans: list[Span], shape: Shape) -> None:
    found = cut(spans, shape)
    for span in spans:
        covered = sum(max(0, min(span.end, region.end) - max(span.start, region.start)) for region in found)
        assert covered == span.end - span.start


@given(speech)
def test_a_long_pause_always_ends_a_region(spans: list[Span]) -> None:
    found = cut(spans)
    for before, after in pairwise(spans):
        if after.start - before.end > SHAPE.pause:
            assert any(before.end <= region.end <= after.start for region in found)
            assert any(before.end <= region.start <= after.start for region in found)


@given(speech)
def test_a_region_reaches_at_most_the_padding_into_silence(spans: list[Span]) -> None:
    starts, ends = {span.start for span in spans}, {span.end for span in spans}
    for region in cut(spans):
        if not any(span.start < region.start < span.end for span in spans):
            assert min(abs(region.start - start) for start in starts) <= SHAPE.padding
        if not any(span.start < region.end < span.end for span in spans):
            assert min(abs(region.end - end) for end in ends) <= SHAPE.padding


@given(speech)
def test_nothing_is_cut_where_all_speech_fits_comfortably(spans: list[Span]) -> None:
    tight = [
        Span(span.start, span.end)
        for span in laid_out(
            [(min(1600, span.start + 1), min(span.end - span.start, 4000)) for span in spans]
        )
    ]
    assert len(cut(tight)) == (1 if tight else 0)


def test_no_speech_gives_no_region() -> None:
    assert cut([]) == []


def test_a_short_pause_inside_a_sentence_stays_inside_its_region() -> None:
    assert cut([seconds(1, 3), seconds(3.5, 5)]) == [seconds(0.7, 5.3)]


def test_two_turns_are_two_regions() -> None:
    assert cut([seconds(1, 3), seconds(4, 5)]) == [seconds(0.7, 3.3), seconds(3.7, 5.3)]


def test_padding_meets_in_the_middle_of_a_narrow_gap() -> None:
    shape = Shape(pause=0)
    assert cut([seconds(1, 2), seconds(2.2, 3)], shape) == [seconds(0.7, 2.1), seconds(2.1, 3.3)]


def test_a_monologue_is_parted_at_its_widest_breath() -> None:
    spans = [seconds(0, 4), seconds(4.1, 9), seconds(9.5, 14), seconds(14.1, 18)]
    assert [region.start for region in cut(spans)] == [0, seconds(9.25, 10).start]


def test_a_monologue_without_a_breath_stays_whole_while_it_fits() -> None:
    spans = [seconds(0, 8), seconds(8.2, 16), seconds(16.2, 24)]
    assert len(cut(spans)) == 1


def test_a_pause_near_an_end_does_not_leave_a_fragment_behind() -> None:
    spans = [seconds(0, 0.5), seconds(1.08, 10), seconds(10.5, 20)]
    assert [round(region.start / SAMPLE_RATE_HZ) for region in cut(spans)] == [0, 10]


def test_speech_without_any_pause_is_cut_where_it_is_quietest() -> None:
    asked: list[Span] = []

    def quietest(span: Span) -> int:
        asked.append(span)
        return middle(span)

    found = regions([seconds(0, 40)], 40 * SAMPLE_RATE_HZ, SHAPE, quietest)
    assert len(found) == 2
    assert found[0].end == found[1].start == middle(asked[0])


@pytest.mark.parametrize("length", [1, 10, 1000])
def test_a_recording_that_ends_in_speech_ends_its_region_there(length: int) -> None:
    assert regions([Span(0, length)], length, SHAPE, middle) == [Span(0, length)]
