"""Regions end where people pause."""

from __future__ import annotations

import pytest

from services.asr.engines.base import SAMPLE_RATE_HZ, Span
from services.asr.segmentation import Shape, regions

SHAPE = Shape()
TAIL = SAMPLE_RATE_HZ


def seconds(start: float, end: float) -> Span:
    return Span(round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ))


def middle(span: Span) -> int:
    return (span.start + span.end) // 2


def cut(spans: list[Span], shape: Shape = SHAPE) -> list[Span]:
    length = spans[-1].end + TAIL if spans else TAIL
    return regions(spans, length, shape, middle)


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
