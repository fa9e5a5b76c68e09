"""What the segment stage tells of sounds and of other channels that are heard in one."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from protos.v1 import asr_pb2, common_pb2
from services.asr import worker
from services.shared.stage import Work


def region(start_ms: int, end_ms: int) -> common_pb2.Region:
    return common_pb2.Region(start_ms=start_ms, end_ms=end_ms)


def leak(start_ms: int, end_ms: int, of: int = 1) -> dict[str, int]:
    return {"of": of, "start_ms": start_ms, "end_ms": end_ms}


def parted(*crosstalk: Mapping[str, int]) -> tuple[list[dict[str, Any]], list[common_pb2.Region]]:
    return worker._parted([region(1_000, 3_000), region(5_000, 6_000)], crosstalk)


def test_a_region_of_the_other_channels_speaker_is_a_sound() -> None:
    leaked, own = parted(leak(900, 2_900))
    assert leaked == [{"kind": "crosstalk", "start_ms": 1_000, "end_ms": 3_000, "of": 1}]
    assert own == [region(5_000, 6_000)]


@pytest.mark.parametrize("crosstalk", [[], [leak(1_000, 2_500)], [leak(3_000, 5_000)], [leak(5_300, 9_000)]])
def test_a_region_that_is_not_nearly_all_cross_talk_is_kept(crosstalk: list[dict[str, int]]) -> None:
    leaked, own = parted(*crosstalk)
    assert leaked == []
    assert own == [region(1_000, 3_000), region(5_000, 6_000)]


@pytest.mark.parametrize("word", [(0, 600), (14_000, 14_600), (27_400, 28_000)])
def test_a_word_of_somebody_who_speaks_here_keeps_a_long_region_of_cross_talk(word: tuple[int, int]) -> None:
    whole = region(0, 28_000)
    crosstalk = [leak(0, word[0]), leak(word[1], 28_000)]
    assert worker._parted([whole], crosstalk) == ([], [whole])
    assert worker._parted([whole], [leak(0, 14_000), leak(14_400, 27_700)])[1] == []


def test_cross_talk_of_two_channels_counts_together_and_is_told_of_the_one_that_is_heard_most() -> None:
    leaked, own = parted(leak(1_000, 1_700, of=1), leak(1_700, 3_000, of=2))
    assert [each["of"] for each in leaked] == [2]
    assert own == [region(5_000, 6_000)]


def test_the_regions_that_are_left_are_counted_and_borrow_what_the_others_leave() -> None:
    payload = {"channel": 0, "audio": "channel.wav", "crosstalk": [leak(0, 9_000)]}
    work = cast("Work", SimpleNamespace(claim=SimpleNamespace(index="c0", payload=payload)))
    own = asr_pb2.SegmentResponse(regions=[region(5_000, 6_000)], language_code="en", duration_ms=9_000)
    (child,) = worker._children(work, own)
    assert child.index == "c0r0"
    assert child.payload == {
        "channel": 0,
        "audio": "channel.wav",
        "region": 0,
        "start_ms": 5_000,
        "end_ms": 6_000,
        "borrow_ms": 3_000,
        "source_language": "en",
    }


def test_keys_are_told_and_other_sounds_have_none() -> None:
    keys = asr_pb2.Sound(kind="dtmf", region=region(10, 90), digits="5")
    music = asr_pb2.Sound(kind="music", region=region(100, 9_000))
    assert worker._sound(keys) == {"kind": "dtmf", "start_ms": 10, "end_ms": 90, "digits": "5"}
    assert worker._sound(music) == {"kind": "music", "start_ms": 100, "end_ms": 9_000}
