"""Where the speech of a call lies, and how it fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.model import UnitRecord
from services.gateway.jobs.timing import _joined, _shared_ms, summary
from services.shared import tasks
from tests.unit.gateway.jobs.test_result import SPEC, call, composed, done, speech, transcript

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda each: (each[0], sum(each))), max_size=8
)
HEARD = {"word_error_rate": 0.0, "entities_match": True, "passes": 1}


def spoken(*turns: tuple[str, int, int]) -> dict[str, Any]:
    """Return the result of a call in which regions of a second are spoken at given times, by index."""
    units, documents = call()
    units, placements = units[:3], {}
    for number, (index, start_ms, end_ms) in enumerate(turns):
        span = {"start_ms": 2000 * number, "end_ms": 2000 * number + 1000, "borrow_ms": 500}
        units += [
            done(tasks.TRANSCRIBE, index, {"transcript": "t"}, **span),
            done(tasks.SYNTHESIZE, index, speech(duration_ms=end_ms - start_ms, stretch=1.0), **span),
        ]
        placements[index] = {"start_ms": start_ms, "end_ms": end_ms}
    units.append(done(tasks.ENCODE, "job", {"files": [], "placements": placements}))
    return composed("speech_translation", units, documents | {"t": transcript("Room")})


def overlaps(result: dict[str, Any]) -> list[int]:
    return [region["speech"]["overlap_ms"] for channel in result["channels"] for region in channel["regions"]]


def test_speech_that_runs_into_the_reply_says_for_how_long() -> None:
    result = spoken(("c0r0", 0, 2300), ("c1r0", 2000, 3000), ("c0r1", 4000, 5000))
    assert overlaps(result) == [300, 0, 300]
    assert result["timing"]["overlapping"] == 2


def test_speech_of_its_own_channel_and_what_only_touches_is_no_overlap() -> None:
    assert overlaps(spoken(("c0r0", 0, 2000), ("c1r0", 2000, 3000), ("c0r1", 1500, 2000))) == [0, 0, 0]


@given(SPANS, st.tuples(st.integers(0, 40), st.integers(0, 9)))
def test_time_that_is_shared_counts_once(spans: list[tuple[int, int]], at: tuple[int, int]) -> None:
    mine = (at[0], sum(at))
    shared = {ms for ms in range(*mine) if any(start <= ms < end for start, end in spans)}
    assert _shared_ms(mine, _joined(spans)) == len(shared)


def test_the_call_sums_up_its_speech() -> None:
    fits = {"duration_ms": 1100, "slot_ms": 1000, "stretch": 1.0, "borrowed_ms": 0, "delay_ms": 0,
            "spoken_text": None, "overlap_ms": 0}  # fmt: skip
    late = fits | {"duration_ms": 1101, "stretch": 1.2, "borrowed_ms": 9, "delay_ms": 1}
    slow = fits | {"duration_ms": 900, "stretch": 0.9}
    assert summary([fits, late, slow, fits | {"spoken_text": "Oi.", "overlap_ms": 5}]) == {
        "regions": 4,
        "within_slot": 3,
        "stretched": 1,
        "slowed": 1,
        "borrowed": 1,
        "delayed": 1,
        "shortened": 1,
        "overlapping": 1,
    }


def made(units: list[UnitRecord], **more: Any) -> list[UnitRecord]:
    return [*units[:5], done(tasks.SYNTHESIZE, "c0r0", speech(**more), **units[3].payload), units[6]]


def test_a_shorter_text_that_was_spoken_is_shown_beside_the_translation() -> None:
    units, documents = call()
    spoken = made(units, spoken_text="s", stretch=1.0972950295593045)
    result = composed("speech_translation", spoken, documents | {"s": {"text": "Nº 12"}})
    (region,) = result["channels"][0]["regions"]
    assert region["speech"]["stretch"] == 1.0973
    assert (region["translation"]["text"], region["speech"]["spoken_text"]) == ("Quarto 12", "Nº 12")
    assert result["timing"]["shortened"] == 1


@pytest.mark.parametrize(("match", "warned"), [(True, False), (False, True)])
def test_speech_that_was_heard_again_says_how(*, match: bool, warned: bool) -> None:
    units, documents = call()
    heard = HEARD | {"entities_match": match}
    (region,) = composed("speech_translation", made(units, heard=heard), documents)["channels"][0]["regions"]
    assert region["speech"]["heard"] == heard
    assert region["review_reasons"] == ["speech_mismatch"] * warned
    alone = composed("speech", [done(tasks.SYNTHESIZE, "job", speech(heard=heard))], {}, {"language": "en"})
    assert (alone["speech"]["heard"], alone["needs_review"]) == (heard, warned)


def test_without_audio_there_is_nothing_to_time() -> None:
    units, documents = call()
    spec = SPEC | {"outputs": ["transcript"]}
    assert composed("speech_translation", units[:5], documents, spec)["timing"] is None
