"""Whatever is said, regions cover all of it, never overlap, never grow too long, and touch no sound."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.asr.engines.base import SAMPLE_RATE_HZ, Span
from services.asr.segmentation import Shape, regions
from services.asr.sounds.base import free

SHAPE = Shape()
TAIL = SAMPLE_RATE_HZ


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


taken = st.lists(st.tuples(pauses, st.integers(1, 3 * SAMPLE_RATE_HZ)), max_size=10).map(laid_out)


@given(speech, taken, shapes)
def test_no_region_touches_what_is_taken_and_all_speech_beside_it_is_kept(
    spans: list[Span], others: list[Span], shape: Shape
) -> None:
    length = max([span.end for span in spans + others], default=0) + TAIL
    found = regions(spans, length, shape, middle, others)
    both = sorted([*found, *others], key=lambda span: span.start)
    assert all(before.end <= after.start for before, after in pairwise(both))
    for span in spans:
        for part in free(span, others):
            covered = sum(max(0, min(part.end, each.end) - max(part.start, each.start)) for each in found)
            assert covered == part.end - part.start or part.end - part.start < SAMPLE_RATE_HZ // 10
