"""Speech begins with its region, in order, never over the reply to it, and as early as that lets it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.codec.placing import Spoken, starts_ms
from services.shared.turns import answered_from_ms

Regions = list[Spoken]


def answers(region: Spoken, other: Spoken) -> bool:
    """Say whether a region answers one of another channel."""
    since_ms = answered_from_ms(other.start_ms, other.end_ms)
    return region.channel != other.channel and region.start_ms >= since_ms


# Of each region: the silence before it, its length, and that of its speech.
lengths_ms = st.tuples(st.integers(0, 3000), st.integers(1, 5000), st.integers(0, 7000))


@st.composite
def calls(draw: st.DrawFn) -> Regions:
    """Up to three channels of disjoint regions, in any order."""
    regions = []
    for channel in range(draw(st.integers(1, 3))):
        end_ms = 0
        for quiet_ms, slot_ms, duration_ms in draw(st.lists(lengths_ms, max_size=8)):
            start_ms, end_ms = end_ms + quiet_ms, end_ms + quiet_ms + slot_ms
            regions.append(Spoken(channel, start_ms, end_ms, duration_ms))
    return draw(st.permutations(regions))


def must_wait_for(regions: Regions, starts: list[int], index: int, *, allow_overlap: bool) -> list[int]:
    """Return every time before which a region's speech must not begin."""
    mine = regions[index]
    times = [mine.start_ms]
    for other, start_ms in zip(regions, starts, strict=True):
        before_on_channel = other.channel == mine.channel and other.start_ms < mine.start_ms
        if before_on_channel or (not allow_overlap and answers(mine, other)):
            times.append(start_ms + other.duration_ms)
    return times


@given(calls(), st.booleans())
def test_speech_begins_as_soon_as_it_may_and_no_sooner(regions: Regions, allow_overlap: bool) -> None:
    starts = starts_ms(regions, allow_overlap=allow_overlap)
    for index, start_ms in enumerate(starts):
        assert start_ms == max(must_wait_for(regions, starts, index, allow_overlap=allow_overlap))


@given(calls())
def test_no_reply_begins_before_what_it_answers_is_over(regions: Regions) -> None:
    starts = starts_ms(regions)
    for reply, reply_ms in zip(regions, starts, strict=True):
        for other, start_ms in zip(regions, starts, strict=True):
            if answers(reply, other):
                assert reply_ms >= start_ms + other.duration_ms


@given(calls(), st.booleans())
def test_a_channels_speech_keeps_its_order(regions: Regions, allow_overlap: bool) -> None:
    starts = starts_ms(regions, allow_overlap=allow_overlap)
    for channel in range(3):
        mine = [(at, each) for each, at in zip(regions, starts, strict=True) if each.channel == channel]
        mine.sort(key=lambda placed: placed[1].start_ms)
        for (before_ms, before), (after_ms, _) in pairwise(mine):
            assert after_ms >= before_ms + before.duration_ms


@given(calls())
def test_without_overrun_nothing_moves(regions: Regions) -> None:
    fitting = []
    for each in regions:
        following = [other.start_ms for other in regions if other is not each]
        room_ms = [start_ms - each.start_ms for start_ms in following if start_ms >= each.start_ms]
        fitting.append(replace(each, duration_ms=min([each.duration_ms, *room_ms])))
    assert starts_ms(fitting) == [each.start_ms for each in regions]


@given(calls())
def test_the_order_in_which_regions_come_does_not_matter(regions: Regions) -> None:
    placed = dict(zip(regions, starts_ms(regions), strict=True))
    assert starts_ms(sorted(regions, key=repr)) == [placed[each] for each in sorted(regions, key=repr)]


TURNS = [Spoken(0, 0, 2000, 3000), Spoken(1, 1800, 4000, 1000), Spoken(0, 5000, 6000, 1000)]


@pytest.mark.parametrize(("allow_overlap", "expected"), [(False, [0, 3000, 5000]), (True, [0, 1800, 5000])])
def test_a_silence_takes_up_the_delay(allow_overlap: bool, expected: list[int]) -> None:
    assert starts_ms(TURNS, allow_overlap=allow_overlap) == expected


@pytest.mark.parametrize(("region_ms", "expected_ms"), [(1399, 1399), (1400, 3000), (3500, 3500)])
def test_what_begins_within_the_padding_of_both_is_a_reply(region_ms: int, expected_ms: int) -> None:
    assert starts_ms([Spoken(0, 0, 2000, 3000), Spoken(1, region_ms, 5000, 1000)]) == [0, expected_ms]


def test_who_spoke_at_the_same_time_may_do_so_again() -> None:
    assert starts_ms([Spoken(0, 0, 4000, 5000), Spoken(1, 2000, 3000, 2000)]) == [0, 2000]
