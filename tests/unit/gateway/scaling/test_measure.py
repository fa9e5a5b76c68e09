"""What the ledger's counts say, looked at again and again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.scaling.measure import SPEEDS, Measured, backlog_ms, look
from services.gateway.scaling.planner import Slots, State, plan
from services.gateway.scaling.policy import Terms
from services.shared.tasks import DECODE, MODEL_STAGES, SEGMENT, SERVICES, SYNTHESIZE, TRANSCRIBE, TRANSLATE

SLOTS = {service: Slots(2) for service in SERVICES}
TERMS = {service: Terms() for service in SERVICES}
MINUTE_MS = 60_000

numbers = st.integers(-1000, 10**10)
counts = st.dictionaries(
    st.sampled_from(MODEL_STAGES),
    st.dictionaries(
        st.sampled_from(["ready", "leased", "done", "ready_ms", "leased_ms", "done_ms", "served_ms"]), numbers
    ),
)


def watch(*seen: Mapping[str, Mapping[str, int]], step_s: float = 60) -> Measured:
    """Look at counts one after another."""
    measured = Measured()
    for at, each in enumerate(seen):
        measured = look(measured, each, at * step_s)
    return measured


def test_until_a_stage_has_served_its_speed_is_what_is_assumed() -> None:
    assert {stage: known.speed for stage, known in watch({}, {}).stages.items()} == pytest.approx(
        dict(SPEEDS)
    )


def test_a_measured_speed_takes_the_place_of_the_assumed_one() -> None:
    rows = [{TRANSCRIBE: {"done_ms": n * 600_000, "served_ms": n * 60_000}} for n in range(120)]
    assert watch(*rows).stages[TRANSCRIBE].speed == pytest.approx(10, rel=0.01)


def test_a_first_measurement_is_not_believed_at_once() -> None:
    fast = watch({}, {TRANSCRIBE: {"done_ms": 5_000, "served_ms": 5}}).stages[TRANSCRIBE]
    assert fast.speed < 1.2 * SPEEDS[TRANSCRIBE]


def test_a_change_of_speed_is_followed() -> None:
    slow = [{TRANSCRIBE: {"done_ms": n * 60_000, "served_ms": n * 60_000}} for n in range(100)]
    base = slow[-1][TRANSCRIBE]
    fast = [
        {TRANSCRIBE: {"done_ms": base["done_ms"] + n * 480_000, "served_ms": base["served_ms"] + n * 60_000}}
        for n in range(60)
    ]
    assert watch(*slow, *fast).stages[TRANSCRIBE].speed == pytest.approx(8, rel=0.05)


def test_audio_without_slot_time_says_nothing_about_speed() -> None:
    speed = watch({}, {TRANSLATE: {"done_ms": 1_000_000}}).stages[TRANSLATE].speed
    assert speed == pytest.approx(SPEEDS[TRANSLATE])


def test_a_ledger_that_lost_its_memory_is_looked_at_anew() -> None:
    before = {TRANSCRIBE: {"done_ms": 600_000, "served_ms": 60_000, "done": 9}}
    measured = watch({}, before)
    after = look(measured, {}, 120)
    assert after.stages[TRANSCRIBE].speed == measured.stages[TRANSCRIBE].speed


def test_what_waits_upstream_is_outstanding_at_every_later_stage() -> None:
    stages = watch({DECODE: {"ready": 1, "ready_ms": MINUTE_MS}}).stages
    assert stages[SYNTHESIZE].outstanding_ms == pytest.approx(MINUTE_MS)
    assert stages[DECODE].outstanding_ms == MINUTE_MS
    late = watch({SYNTHESIZE: {"ready": 1, "ready_ms": MINUTE_MS}}).stages
    assert late[DECODE].outstanding_ms == late[TRANSLATE].outstanding_ms == 0


def test_how_much_of_a_call_reaches_a_stage_is_learned() -> None:
    # Two channels of every call, of which a quarter is speech; nobody asks for spoken translations.
    row = {DECODE: 600_000, SEGMENT: 1_200_000, TRANSCRIBE: 300_000, TRANSLATE: 300_000}
    rows = [{stage: {"done_ms": n * ms} for stage, ms in row.items()} for n in range(60)]
    waiting = {**rows[-1], DECODE: {"done_ms": rows[-1][DECODE]["done_ms"], "ready": 1, "ready_ms": 100_000}}
    stages = watch(*rows, waiting).stages
    assert stages[SEGMENT].outstanding_ms == pytest.approx(200_000, rel=0.1)
    assert stages[TRANSCRIBE].outstanding_ms == pytest.approx(50_000, rel=0.1)
    assert stages[SYNTHESIZE].outstanding_ms < 5_000


def test_arrivals_are_counted_where_calls_come_in_not_where_they_are_held_up() -> None:
    rows = [{DECODE: {"ready": n, "ready_ms": n * MINUTE_MS}} for n in range(20)]
    stages = watch(*rows).stages
    # A minute of audio per minute, though recognition has not seen any of it.
    assert stages[TRANSCRIBE].arriving == pytest.approx(1, rel=0.01)
    moved = [
        {DECODE: {"done_ms": 19 * MINUTE_MS}, TRANSCRIBE: {"ready": 50, "ready_ms": 19 * MINUTE_MS}}
    ] * 20
    assert watch(*rows, *moved).stages[TRANSCRIBE].arriving == pytest.approx(0, abs=0.05)


def test_what_arrives_after_a_great_cancel_is_seen_at_once() -> None:
    cancelled = {DECODE: {"ready": 100, "ready_ms": 100 * 60 * MINUTE_MS}}
    rows = [{DECODE: {"ready": n, "ready_ms": n * MINUTE_MS}} for n in range(20)]
    assert watch(cancelled, {}).stages[DECODE].arriving == 0
    assert watch(cancelled, *rows).stages[DECODE].arriving == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("count", "expected_ms"),
    [
        ({}, 0),
        ({"ready": 2, "ready_ms": 500, "leased": 1, "leased_ms": 250}, 750),
        ({"ready": 3}, 180_000),
        ({"ready": 3, "done": 10, "done_ms": 50_000}, 15_000),
        ({"ready": -1, "ready_ms": -500}, 0),
    ],
)
def test_a_backlog_is_its_audio_guessed_where_nobody_knows_it(
    count: dict[str, int], expected_ms: int
) -> None:
    assert backlog_ms({DECODE: count}, DECODE) == expected_ms


def test_the_speed_of_a_service_is_that_of_its_slowest_stage() -> None:
    fast = {"done_ms": 100 * MINUTE_MS, "served_ms": 10_000}
    slow = {"done_ms": 100 * MINUTE_MS, "served_ms": 50 * MINUTE_MS}
    state = State()
    for at, each in enumerate(({}, {SEGMENT: fast, TRANSCRIBE: slow})):
        state = plan(state, each, SLOTS, TERMS, at * 60)
    assert state.plans["asr"].speed == state.measured.stages[TRANSCRIBE].speed == pytest.approx(2, rel=0.01)


@given(st.lists(counts, min_size=1, max_size=6), st.floats(0, 100))
def test_whatever_is_counted_there_is_a_decision_within_bounds(
    seen: list[dict[str, dict[str, int]]], step_s: float
) -> None:
    state = State()
    for at, each in enumerate(seen):
        state = plan(state, each, SLOTS, TERMS, at * step_s)
    for found in state.plans.values():
        assert 0 <= found.decision.replicas <= Terms().most
        assert found.speed > 0
