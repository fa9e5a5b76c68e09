"""Speech has its region and the silence of its channel, and none of it that others need to answer in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.shared.artifacts.local import LocalArtifacts
from services.shared.leases import Lease
from services.shared.ledger.ledger import Ledger
from services.shared.ledger.records import Child, Claim, NewJob, Node, Output
from services.shared.rpc.client import Channels
from services.shared.stage import Work
from services.shared.tasks import DECODE, SEGMENT, SYNTHESIZE, TRANSCRIBE
from services.tts.fitting import room_ms
from tests.support.calls import instant, take

GRAPH = (Node(DECODE, "job"), Node(SEGMENT, "channel"), Node(TRANSCRIBE, "region"))
Span = tuple[int, int]

# From the regions of each channel but the first, None where it is not cut yet, to slot and borrowed silence.
Room = Callable[..., tuple[int, int]]


@pytest.fixture
def room(ledger: Ledger, tmp_path: Path) -> Room:
    """Says how much time the speech of a region has."""

    def found(
        *others: list[Span] | None, own: Span = (10_000, 13_000), same: tuple[int, ...] = (), **spec: bool
    ) -> tuple[int, int]:
        books = instant(ledger)
        books.submit(NewJob("job_1", "acme", "speech_translation", "batch", GRAPH, spec))
        identical_to = [*range(len(others) + 1), *same]
        channels = tuple(Child(f"c{channel}", {}) for channel in sorted({*identical_to}))
        books.complete(take(books, f"job_1:{DECODE}:job"), Output({"identical_to": identical_to}, channels))
        for channel, regions in enumerate(((own, (15_000, 16_000)), *others)):
            if regions is not None:
                cut = [
                    Child(f"c{channel}r{number}", {"start_ms": start_ms, "end_ms": end_ms})
                    for number, (start_ms, end_ms) in enumerate(regions)
                ]
                books.complete(take(books, f"job_1:{SEGMENT}:c{channel}"), Output({}, tuple(cut)))
        payload = {"channel": 0, "start_ms": own[0], "end_ms": own[1], "borrow_ms": 15_000 - own[1]}
        claim = Claim("unit_1", "job_1", SYNTHESIZE, "c0r0", 1, 0, "acme", spec, payload, {})
        return room_ms(Work(claim, LocalArtifacts(tmp_path), Channels(str), Lease(claim), 1.0, books))

    return found


def test_one_speaker_may_borrow_all_silence(room: Room) -> None:
    assert room() == (3000, 2000)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([(0, 9000), (13_700, 15_000), (16_000, 17_000)], (3000, 700)),
        ([(13_000, 15_000)], (3000, 0)),
        ([(12_400, 15_000)], (2400, 0)),
        ([(12_300, 15_000)], (3000, 2000)),
        ([(12_300, 13_500), (14_100, 15_000)], (3000, 1100)),
        ([(0, 10_500)], (3000, 2000)),
        ([(20_000, 21_000)], (3000, 2000)),
        ([], (3000, 2000)),
    ],
    ids=[
        "a reply", "a reply at once", "a reply within the padding", "both at once",
        "both at once, then a reply", "before it", "long after it", "nobody",
    ],
)  # fmt: skip
def test_no_more_than_until_somebody_answers(
    room: Room, regions: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    assert room(regions) == expected


def test_the_first_answer_of_all_channels_counts(room: Room) -> None:
    assert room([(14_000, 15_000)], [(13_500, 14_000)], [(14_500, 15_000)]) == (3000, 500)


def test_it_is_found_among_many_regions(room: Room) -> None:
    quiet = [(start_ms, start_ms + 100) for start_ms in [*range(0, 9000, 150), *range(13_300, 60_000, 150)]]
    assert room(quiet) == (3000, 300)


def test_a_short_region_keeps_half_of_its_slot(room: Room) -> None:
    assert room([(10_100, 12_000)], own=(10_000, 10_700)) == (350, 0)


def test_a_job_may_allow_overlap(room: Room) -> None:
    assert room([(12_500, 15_000)], allow_overlap=True) == (3000, 2000)


def test_what_is_not_known_yet_is_not_waited_for(room: Room) -> None:
    assert room(None, [(13_500, 14_000)]) == (3000, 500)


def test_a_channel_with_the_same_audio_answers_nobody(room: Room) -> None:
    assert room([(13_900, 14_500)], same=(0, 1)) == (3000, 900)
