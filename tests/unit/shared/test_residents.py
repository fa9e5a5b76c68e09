"""The engines of a server: loaded when needed, let go when not, exchanged under load, never closed in use."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.shared.engines import Model, Reference
from services.shared.errors import Conflict, InternalError, Misconfigured, NotFound
from services.shared.residents import Bounds, Residents
from tests.support.waiting import until

A, B, C, D = (Reference("engine", name) for name in "abcd")
SIZES = {A: 10, B: 20, C: 30, D: 40}


class Engine:
    """Knows when it is used though it is closed, and when it is closed twice."""

    def __init__(self, reference: Reference, revision: str) -> None:
        self.reference = reference
        self.revision = revision
        self.users = 0
        self.closed = 0
        self.lock = threading.Lock()

    def work(self) -> str:
        with self.lock:
            assert not self.closed, "used after it was closed"
            self.users += 1
        with self.lock:
            assert not self.closed, "closed while it was used"
            self.users -= 1
        return self.reference.model


class Trade:
    """Makes engines that remember."""

    def __init__(self) -> None:
        self.made: list[Engine] = []
        self.gone: set[Reference] = set()
        self.broken: set[Reference] = set()
        self.revision = "1"
        self.lock = threading.Lock()

    def load(self, reference: Reference) -> Engine:
        if reference in self.gone:
            raise Misconfigured("It is not here.", code="model_missing")
        engine = Engine(reference, self.revision)
        with self.lock:
            self.made.append(engine)
        return engine

    def prove(self, engine: Engine) -> None:
        assert engine.work()
        if engine.reference in self.broken:
            raise InternalError("It says nothing.", code="self_test_failed")

    def describe(self, engine: Engine) -> str:
        return engine.reference.model.upper()

    def model_of(self, engine: Engine) -> Model:
        return Model(engine.reference.model, engine.revision, size_bytes=SIZES[engine.reference])

    def close(self, engine: Engine) -> None:
        with engine.lock:
            assert not engine.users, "closed while it was used"
            engine.closed += 1

    @property
    def open(self) -> list[Reference]:
        return [engine.reference for engine in self.made if not engine.closed]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def names(residents: Residents[Engine, str]) -> list[str]:
    return [status.model.name for status in residents.statuses]


def loaded(residents: Residents[Engine, str]) -> list[str]:
    return [status.model.name for status in residents.statuses if status.loaded]


def test_all_are_seen_at_work_at_the_start_and_known_though_they_do_not_stay() -> None:
    residents = Residents([A, B, C], Trade(), Bounds(memory_bytes=40))
    assert [(each.reference, each.description) for each in residents.statuses] == [
        (A, "A"),
        (B, "B"),
        (C, "C"),
    ]
    assert loaded(residents) == ["a", "c"], "the one that was used longest ago made room"


def test_one_that_was_let_go_is_loaded_again_and_what_was_not_used_for_longest_makes_room_before() -> None:
    trade = Trade()
    residents = Residents([A, B, C], trade, Bounds(memory_bytes=40))
    with residents.use(B) as engine:
        assert engine.work() == "b"
        assert sorted(each.model for each in trade.open) == ["a", "b"], "C should have left before B came"
    with residents.use(C), residents.use(B):
        assert sorted(each.model for each in trade.open) == ["a", "b", "c"], "what is in use stays"
    assert len(trade.open) == 2


def test_an_idle_one_is_let_go_but_for_the_first() -> None:
    trade, clock = Trade(), Clock()
    residents = Residents([A, B], trade, Bounds(idle_s=60), clock)
    clock.now_s = 59
    residents.sweep()
    assert loaded(residents) == ["a", "b"]
    with residents.use(B):
        clock.now_s = 200
        residents.sweep()
        assert loaded(residents) == ["a", "b"], "it is in use"
    clock.now_s = 259
    residents.sweep()
    assert loaded(residents) == ["a", "b"], "its time counts from its last use"
    clock.now_s = 260
    residents.sweep()
    assert loaded(residents) == ["a"]
    assert names(residents) == ["a", "b"]


def test_what_is_told_of_one_that_was_loaded_again_is_that_of_its_files_now() -> None:
    trade, clock = Trade(), Clock()
    residents = Residents([A, B], trade, Bounds(idle_s=1), clock)
    clock.now_s = 2
    residents.sweep()
    trade.revision = "2"
    with residents.use(B):
        assert residents.statuses[1].model.revision == "2"


def test_one_that_cannot_be_loaded_again_fails_the_call_and_may_come_back_later() -> None:
    trade, clock = Trade(), Clock()
    residents = Residents([A, B], trade, Bounds(idle_s=1), clock)
    clock.now_s = 2
    residents.sweep()
    trade.gone = {B}
    with pytest.raises(Misconfigured), residents.use(B):
        raise AssertionError("it was never held")
    trade.gone, trade.broken = set(), {B}
    with pytest.raises(InternalError), residents.use(B):
        raise AssertionError("it was never held")
    assert trade.open == [A], "the one that did not work was closed"
    trade.broken = set()
    with residents.use(B) as engine:
        assert engine.work() == "b"
    assert [status.calls for status in residents.statuses] == [0, 0]


def test_running_calls_end_with_the_old_one_which_is_let_go_after_the_last() -> None:
    trade = Trade()
    residents = Residents([A, B], trade)
    with ExitStack() as stack:
        old = stack.enter_context(residents.use(A))
        with residents.use(A):
            assert residents.switch(A, C).model.name == "c"
            assert names(residents) == ["c", "b"], "it has the other one's place"
        assert old.work() == "a"
        assert not old.closed
        with residents.use() as fresh:
            assert fresh.work() == "c"
    assert trade.open == [B, C]


def test_a_caller_that_had_chosen_the_old_one_gets_what_took_its_place() -> None:
    residents = Residents([A], Trade())
    residents.switch(A, B)
    residents.switch(B, C)
    for reference in (A, B, C):
        with residents.use(reference) as engine:
            assert engine.work() == "c"
    residents.switch(C, A)
    for reference in (A, B, C):
        with residents.use(reference) as engine:
            assert engine.work() == "a"


@pytest.mark.parametrize("trouble", ["gone", "broken"])
def test_a_replacement_that_does_not_load_or_work_changes_nothing(trouble: str) -> None:
    trade = Trade()
    residents = Residents([A, B], trade)
    setattr(trade, trouble, {C})
    with pytest.raises((Misconfigured, InternalError)):
        residents.switch(A, C)
    assert names(residents) == ["a", "b"]
    assert trade.open == [A, B]
    with pytest.raises(NotFound), residents.use(C):
        pass


def test_only_what_is_there_is_exchanged_and_nothing_stands_there_twice() -> None:
    trade = Trade()
    residents = Residents([A, B], trade)
    with pytest.raises(NotFound) as unknown:
        residents.switch(C, D)
    assert unknown.value.code == "unknown_engine"
    with pytest.raises(Conflict) as twice:
        residents.switch(A, B)
    assert twice.value.code == "engine_twice"
    assert len(trade.made) == 2, "nothing was loaded for it"


def test_an_engine_replaces_itself_to_read_its_files_again() -> None:
    trade = Trade()
    residents = Residents([A], trade)
    trade.revision = "2"
    assert residents.switch(A, A).model.revision == "2"
    assert [engine.closed for engine in trade.made] == [1, 0]


def test_one_that_does_not_close_fails_no_call() -> None:
    class Clinging(Trade):
        def close(self, engine: Engine) -> None:
            super().close(engine)
            raise RuntimeError("it clings")

    residents = Residents([A, B], Clinging(), Bounds(memory_bytes=1))
    with residents.use(B) as engine:
        assert engine.work() == "b"
    assert loaded(residents) == ["a"]


class Life(RuleBasedStateMachine):
    """One thread does everything in any order; a plain account of it must always agree."""

    @initialize(idle_s=st.sampled_from([0, 5]), memory_bytes=st.sampled_from([0, 35, 60]))
    def start(self, idle_s: float, memory_bytes: int) -> None:
        self.trade, self.clock, self.bounds = Trade(), Clock(), Bounds(idle_s, memory_bytes)
        self.residents = Residents([A, B, C], self.trade, self.bounds, self.clock)
        self.held: list[tuple[ExitStack, Engine]] = []
        self.order = [A, B, C]

    @rule(seconds=st.integers(1, 6))
    def time_passes(self, seconds: int) -> None:
        self.clock.now_s += seconds

    @rule(reference=st.sampled_from([A, B, C, D]))
    def a_call_comes(self, reference: Reference) -> None:
        stack = ExitStack()
        if reference in self.order:
            engine = stack.enter_context(self.residents.use(reference))
            assert engine.reference == reference
            self.held.append((stack, engine))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_call_ends(self, data: st.DataObject) -> None:
        stack, engine = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        engine.work()
        stack.close()

    @rule(
        old=st.sampled_from([A, B, C, D]), new=st.sampled_from([A, B, C, D]), trouble=st.sampled_from("-lp")
    )
    def one_is_exchanged(self, old: Reference, new: Reference, trouble: str) -> None:
        self.trade.gone = {new} if trouble == "l" else set()
        self.trade.broken = {new} if trouble == "p" else set()
        well = old in self.order and (new == old or new not in self.order) and trouble == "-"
        try:
            self.residents.switch(old, new)
        except (NotFound, Conflict, Misconfigured, InternalError):
            assert not well
        else:
            assert well
            self.order[self.order.index(old)] = new
        self.trade.gone = self.trade.broken = set()

    @rule()
    def the_server_sweeps(self) -> None:
        self.residents.sweep()
        in_use = {engine.reference for _, engine in self.held}
        stay = {self.order[0], *in_use}
        total = sum(SIZES[each.reference] for each in self.residents.statuses if each.loaded)
        if self.bounds.memory_bytes and total > self.bounds.memory_bytes:
            assert {each.reference for each in self.residents.statuses if each.loaded} <= stay

    @invariant()
    def all_is_accounted_for(self) -> None:
        if not hasattr(self, "order"):
            return
        statuses = self.residents.statuses
        assert [each.reference for each in statuses] == self.order
        assert statuses[0].loaded
        assert all(engine.closed <= 1 for engine in self.trade.made)
        assert not any(engine.closed for _, engine in self.held)
        kept = {id(engine) for _, engine in self.held}
        leaving = [each for each in self.trade.made if not each.closed and id(each) in kept]
        settled = sum(each.loaded for each in statuses)
        assert len(self.trade.open) <= settled + len(leaving)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.fixture
def _restless() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
def test_no_call_is_lost_while_engines_are_exchanged_and_let_go_all_the_time() -> None:
    trade, clock = Trade(), Clock()
    residents = Residents([A, B], trade, Bounds(idle_s=1, memory_bytes=25), clock)
    done = threading.Event()
    answered = [0] * 12

    def call(number: int) -> None:
        while not done.is_set():
            reference = residents.statuses[number % 2].reference
            with residents.use(reference) as engine:
                assert engine.work()
            answered[number] += 1

    def sweep() -> None:
        while not done.is_set():
            clock.now_s += 1
            residents.sweep()

    def more_than(before: int) -> bool:
        return sum(answered) > before

    def exchange() -> None:
        for _ in range(40):
            for old, new in ((A, C), (B, D), (C, A), (D, B)):
                residents.switch(old, new)
                until(partial(more_than, sum(answered)))

    with ThreadPoolExecutor(16) as threads:
        work = [threads.submit(call, number) for number in range(len(answered))]
        work += [threads.submit(sweep) for _ in range(2)]
        try:
            threads.submit(exchange).result(120)
        finally:
            done.set()
        for each in work:
            each.result(60)
    assert all(engine.closed <= 1 for engine in trade.made)
    assert all(status.calls == 0 for status in residents.statuses)
    assert len(trade.open) == len(loaded(residents)), "one was forgotten"


def test_an_engine_that_loads_keeps_no_call_of_another_waiting() -> None:
    class Slow(Trade):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.end = threading.Event(), threading.Event()

        def load(self, reference: Reference) -> Engine:
            if len(self.made) > 1:
                self.entered.set()
                assert self.end.wait(60)
            return super().load(reference)

    trade, clock = Slow(), Clock()
    residents = Residents([A, B], trade, Bounds(idle_s=1), clock)
    clock.now_s = 2
    residents.sweep()

    def call() -> str:
        with residents.use(B) as engine:
            return engine.work()

    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(call)
        assert trade.entered.wait(60)
        with residents.use(A) as engine:
            assert engine.work() == "a"
        assert names(residents) == ["a", "b"]
        trade.end.set()
        assert slow.result(60) == "b"
