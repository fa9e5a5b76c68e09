"""How many replicas a service gets, whatever is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.gateway.scaling.policy import Decision, Load, Past, Terms, decide

TERMS = Terms(least=0, most=20, horizon_s=150, cold_start_s=90, hold_s=90, idle_s=300, worker_slots=4)
IDLE = Load(work_s=0, slots=2, unfinished=False)

seconds = st.floats(0, 50_000)
loads = st.builds(
    Load,
    work_s=seconds,
    coming_s=seconds,
    arriving_slots=st.floats(0, 60),
    leased_units=st.integers(0, 200),
    slots=st.integers(1, 8),
    batch=st.integers(1, 16),
    unfinished=st.just(value=True),
)
terms = st.builds(
    Terms,
    least=st.integers(0, 3),
    most=st.integers(3, 40),
    horizon_s=st.floats(10, 600),
    cold_start_s=st.floats(0, 300),
    hold_s=st.floats(0, 300),
    idle_s=st.floats(0, 600),
    headroom_slots=st.integers(0, 6),
    worker_slots=st.integers(1, 16),
)


def follow(
    load: Load, terms: Terms, seconds: int, past: Past | None = None, start_s: int = 0
) -> list[Decision]:
    """Decide every 5 s under a load that stays the same."""
    decisions, past = [], past or Past()
    for now_s in range(start_s, start_s + seconds, 5):
        decisions.append(decide(load, terms, past, now_s))
        past = decisions[-1].past
    return decisions


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Return what decisions on some other loads have left behind."""
    past, asked = Past(), draw(terms)
    for now_s in range(0, 5 * draw(st.integers(1, 8)), 5):
        past = decide(draw(loads), asked, past, now_s).past
    return past


@given(loads, terms, pasts(), seconds)
def test_more_backlog_never_asks_for_fewer_replicas(
    load: Load, asked: Terms, past: Past, more_s: float
) -> None:
    fewer = decide(load, asked, past, 40).replicas
    assert decide(replace(load, work_s=load.work_s + more_s), asked, past, 40).replicas >= fewer
    assert decide(replace(load, coming_s=load.coming_s + more_s), asked, past, 40).replicas >= fewer


@given(loads, terms, pasts())
def test_no_decision_leaves_the_bounds(load: Load, asked: Terms, past: Past) -> None:
    decision = decide(load, asked, past, 40)
    assert asked.least <= decision.replicas <= asked.most
    assert decision.past.replicas == decision.replicas


@given(loads, terms, pasts())
def test_no_replica_goes_that_leased_units_need(load: Load, asked: Terms, past: Past) -> None:
    needed = min(past.replicas, -(-load.leased_units // (load.slots * load.batch)), asked.most)
    assert decide(load, asked, past, 40).replicas >= needed


@given(loads, terms)
def test_leased_units_alone_never_ask_for_more(load: Load, asked: Terms) -> None:
    # Workers hold more units than there are slots: asking for replicas to match would go on for ever.
    quiet = replace(load, work_s=0.1, coming_s=0.0, arriving_slots=0.0, leased_units=200)
    assume(not asked.headroom_slots and asked.least <= 1)
    assert {each.replicas for each in follow(quiet, asked, 600)} == {1}


@given(loads, terms)
def test_a_constant_load_is_met_by_a_constant_size(load: Load, asked: Terms) -> None:
    sizes = [each.replicas for each in follow(load, asked, 1200)]
    settled = sizes[int((asked.cold_start_s + asked.hold_s) // 5) + 2 :]
    assert sorted(settled, reverse=True) == settled, "it grew again"
    assert len(set(settled[60:])) <= 1


@given(loads, pasts())
def test_an_idle_service_is_brought_to_zero(load: Load, past: Past) -> None:
    assume(load.work_s > 0)
    busy = decide(load, TERMS, past, 40)
    after = follow(replace(IDLE, slots=load.slots), TERMS, 400, busy.past, 45)
    assert after[-1].replicas == after[-1].workers == 0
    assert after[-1].reason == "nothing"
    early = [each.replicas for each in after if each.past.needs[-1][0] < 40 + TERMS.idle_s]
    assert min(early) >= 1, "the last one is kept for a while"


@given(loads, pasts())
def test_a_clock_that_is_set_back_delays_nothing(load: Load, past: Past) -> None:
    busy = decide(load, TERMS, past, 90_000)
    after = follow(replace(IDLE, slots=load.slots), TERMS, 400, busy.past, 45)
    assert after[-1].replicas == 0
    again = follow(load, TERMS, 200, after[-1].past, 445)
    assert again[-1].replicas == follow(load, TERMS, 200, start_s=445)[-1].replicas


@given(loads)
def test_noise_around_a_load_does_not_make_the_size_flap(load: Load) -> None:
    past, sizes = Past(), []
    for step in range(120):
        noisy = replace(load, work_s=load.work_s * (1.0 if step % 2 else 0.8), leased_units=0)
        decision = decide(noisy, TERMS, past, 5.0 * step)
        past = decision.past
        sizes.append(decision.replicas)
    assert len(set(sizes[60:])) == 1


def test_work_is_divided_by_what_a_replica_does_after_its_cold_start() -> None:
    # 60 s of the horizon are left after the cold start: a replica with 2 slots does 120 s of work.
    decision = decide(Load(work_s=601, slots=2), TERMS, Past(), 0)
    assert (decision.replicas, decision.reason) == (6, "backlog")


def test_replicas_that_still_start_are_not_asked_for_twice() -> None:
    load = Load(work_s=600, slots=2)
    assert {each.replicas for each in follow(load, TERMS, 90)} == {5}


def test_what_is_there_needs_no_help_that_comes_too_late() -> None:
    there = Past(replicas=4, since_s=-1000, busy_s=0, needs=((0, 4),))
    assert decide(Load(work_s=4 * 2 * 150, slots=2), TERMS, there, 5).replicas == 4
    assert decide(Load(work_s=4 * 2 * 150 + 1, slots=2), TERMS, there, 5).replicas == 5


def test_work_that_is_still_upstream_warms_the_service_up() -> None:
    decision = decide(Load(work_s=0, coming_s=100, slots=2), TERMS, Past(), 0)
    assert decision.replicas == 1


def test_arriving_work_is_kept_pace_with_before_it_has_piled_up() -> None:
    decision = decide(Load(work_s=1, arriving_slots=7.2, slots=2), TERMS, Past(), 0)
    assert (decision.replicas, decision.reason) == (4, "pace")


def test_a_service_that_never_said_what_it_can_do_is_started_once() -> None:
    decision = decide(replace(IDLE, known=False), TERMS, Past(), 0)
    assert (decision.replicas, decision.reason) == (1, "unknown")


def test_slots_are_kept_free_for_live_sessions() -> None:
    asked = replace(TERMS, headroom_slots=5)
    decision = decide(IDLE, asked, Past(), 0)
    assert (decision.replicas, decision.reason) == (3, "headroom")
    ready = replace(decision.past, starting=())
    full = decide(Load(work_s=3 * 2 * 150, arriving_slots=6, slots=2, leased_units=6), asked, ready, 300)
    assert full.replicas > 5, "the free slots come on top"


def test_less_is_believed_only_when_it_was_enough_for_a_while() -> None:
    busy = follow(Load(work_s=2000, slots=2), TERMS, 200)[-1]
    calm = follow(Load(work_s=10, slots=2), TERMS, 200, busy.past, 200)
    sizes = {each.past.needs[-1][0]: (each.replicas, each.reason) for each in calm}
    assert sizes[200 + 80] == (busy.replicas, "held")
    assert sizes[200 + 95][0] == 1


@pytest.mark.parametrize(
    ("replicas", "slots", "worker_slots", "workers"), [(1, 2, 4, 1), (4, 2, 4, 3), (2, 4, 3, 4), (0, 2, 4, 0)]
)
def test_workers_keep_all_slots_and_a_short_queue_busy(
    replicas: int, slots: int, worker_slots: int, workers: int
) -> None:
    asked = replace(TERMS, least=replicas, worker_slots=worker_slots)
    decision = decide(replace(IDLE, slots=slots), asked, Past(), 0)
    assert (decision.replicas, decision.workers) == (replicas, workers)


@pytest.mark.parametrize(("batch", "replicas"), [(1, 10), (8, 2), (32, 1)])
def test_a_replica_holds_as_many_units_as_share_its_batches(batch: int, replicas: int) -> None:
    # 20 units are leased and little is left: a replica works on two batches.
    load = Load(work_s=0.1, leased_units=20, slots=2, batch=batch)
    assert decide(load, TERMS, Past(replicas=10), 400).replicas == replicas


def test_batches_are_no_more_work_and_no_more_replicas() -> None:
    # The time of a call is its share of its batch.
    load = Load(work_s=601, slots=2)
    assert (
        decide(replace(load, batch=8), TERMS, Past(), 0).replicas == decide(load, TERMS, Past(), 0).replicas
    )


def test_workers_hold_enough_to_fill_the_batches() -> None:
    asked = replace(TERMS, least=2, worker_slots=12)
    assert decide(replace(IDLE, slots=2, batch=8), asked, Past(), 0).workers == 4


def test_since_says_how_long_a_size_has_been_asked_for() -> None:
    first, *_, last = follow(Load(work_s=600, slots=2), TERMS, 60)
    assert (first.past.since_s, last.past.since_s) == (0, 0)
    grown = decide(Load(work_s=6000, slots=2), TERMS, last.past, 60)
    assert grown.past.since_s == 60
