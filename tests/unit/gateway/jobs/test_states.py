"""How a job ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.jobs.model import FINAL_STATES, JobState, UnitRecord, UnitState
from services.gateway.jobs.states import final_state, first_error, holes
from services.shared import tasks

DONE, DEAD = UnitState.DONE, UnitState.DEAD
indexes = st.sampled_from(["job", "c0", "c1", "c0r0", "c0r1", "c1r0"])
units_of_any_job = st.lists(
    st.builds(
        UnitRecord,
        stage=st.sampled_from(tasks.STAGES),
        index=indexes,
        state=st.sampled_from([DONE, DEAD]),
        payload=st.just({}),
        error_code=st.sampled_from([None, "timeout", "upstream_failed"]),
    )
)


def unit(stage: str, index: str, state: UnitState = DONE, code: str | None = None) -> UnitRecord:
    return UnitRecord(stage, index, state, {}, error_code=code, error_detail="Try again.")


def test_a_job_whose_every_unit_is_done_succeeded() -> None:
    assert final_state([unit(tasks.DECODE, "job")], cancelled=False) is JobState.SUCCEEDED


def test_a_silent_call_succeeded() -> None:
    units = [unit(tasks.DECODE, "job"), unit(tasks.SEGMENT, "c0"), unit(tasks.ENCODE, "job")]
    assert final_state(units, cancelled=False) is JobState.SUCCEEDED


@pytest.mark.parametrize(
    "dead",
    [
        unit(tasks.TRANSCRIBE, "c0r1", DEAD),
        unit(tasks.SEGMENT, "c1", DEAD),
        unit(tasks.ENCODE, "job", DEAD),
    ],
    ids=["a region", "a channel", "the assembly"],
)
def test_what_came_through_is_kept_when_something_failed(dead: UnitRecord) -> None:
    units = [unit(tasks.DECODE, "job"), unit(tasks.TRANSCRIBE, "c0r0"), dead]
    assert final_state(units, cancelled=False) is JobState.PARTIALLY_SUCCEEDED


@pytest.mark.parametrize(
    "units",
    [
        [unit(tasks.DECODE, "job", DEAD)],
        [unit(tasks.DECODE, "job"), unit(tasks.ENCODE, "job", DEAD)],
        [unit(tasks.SEGMENT, "c0"), unit(tasks.TRANSCRIBE, "c0r0", DEAD)],
        [unit(tasks.SEGMENT, "c0", DEAD), unit(tasks.SEGMENT, "c1", DEAD)],
    ],
    ids=["unreadable file", "no file made", "every region", "every channel"],
)
def test_a_job_with_nothing_to_give_failed(units: list[UnitRecord]) -> None:
    assert final_state(units, cancelled=False) is JobState.FAILED


@pytest.mark.parametrize(
    "units",
    [
        [unit(tasks.TRANSCRIBE, "c0r0"), unit(tasks.TRANSLATE, "c0r0", DEAD)],
        [unit(tasks.SEGMENT, "c0"), unit(tasks.ENCODE, "job", DEAD)],
        [unit(tasks.SEGMENT, "c0", DEAD), unit(tasks.SEGMENT, "c1")],
    ],
    ids=["a transcript", "a silent call", "one side lost, the other silent"],
)
def test_what_was_made_before_a_failure_is_given(units: list[UnitRecord]) -> None:
    assert final_state(units, cancelled=False) is JobState.PARTIALLY_SUCCEEDED


@given(units_of_any_job)
def test_every_job_ends_in_one_final_state(units: list[UnitRecord]) -> None:
    state = final_state(units, cancelled=False)
    assert state in FINAL_STATES - {JobState.CANCELLED}
    assert (state is JobState.SUCCEEDED) == (not any(each.state is DEAD for each in units))
    assert final_state(units, cancelled=True) is JobState.CANCELLED
    assert final_state(reversed(units), cancelled=False) is state


@given(units_of_any_job)
def test_consequences_are_neither_holes_nor_reasons(units: list[UnitRecord]) -> None:
    found = holes(units)
    assert all(hole.code != "upstream_failed" for hole in found)
    assert (first_error(units) is None) == (not found)


def test_the_first_failure_is_the_reason() -> None:
    units = [
        unit(tasks.SEGMENT, "c0", DEAD, "timeout"),
        unit(tasks.SEGMENT, "c1", DEAD, "unavailable"),
        unit(tasks.ENCODE, "job", DEAD, "upstream_failed"),
    ]
    reason = first_error(units)
    assert reason is not None
    assert (reason.code, reason.detail) == ("timeout", "Try again.")
    assert [hole.index for hole in holes(units)] == ["c0", "c1"]


@pytest.mark.parametrize("state", JobState)
def test_a_state_knows_whether_it_is_final(state: JobState) -> None:
    assert state.final == (state in FINAL_STATES)
