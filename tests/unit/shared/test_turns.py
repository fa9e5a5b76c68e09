"""Who answers whom is told by what was said, not by the padding around it."""

from __future__ import annotations

from services.asr.engines.base import SAMPLE_RATE_HZ, Span
from services.asr.segmentation import Shape, regions
from services.shared.turns import PADDING_MS, answered_from_ms

A_SECOND = SAMPLE_RATE_HZ


def region_ms(start_s: int, end_s: int) -> tuple[int, int]:
    """Return the region that is made of one span of speech."""
    (region,) = regions([Span(start_s * A_SECOND, end_s * A_SECOND)], 10 * A_SECOND, Shape(), lambda _: 0)
    return region.start * 1000 // SAMPLE_RATE_HZ, region.end * 1000 // SAMPLE_RATE_HZ


def test_the_padding_is_that_of_the_regions() -> None:
    assert Shape().padding * 1000 == PADDING_MS * SAMPLE_RATE_HZ


def test_who_begins_when_the_other_has_ended_answers() -> None:
    reply_ms, _ = region_ms(4, 6)
    assert reply_ms == answered_from_ms(*region_ms(2, 4))


def test_who_begins_before_that_speaks_at_the_same_time() -> None:
    assert region_ms(3, 6)[0] < answered_from_ms(*region_ms(2, 4))


def test_no_region_answers_one_that_began_with_it() -> None:
    assert answered_from_ms(1000, 1400) == 1001
