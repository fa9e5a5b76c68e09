"""Batches across calls: who goes when and with whom, who leaves, and what each call is charged."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared import telemetry
from services.shared.batching import URGENCY, WAITING, Batcher, Limits, Urgency, Waiting
from services.shared.errors import Cancelled, InternalError, Unavailable
from services.shared.telemetry import REGISTRY
from tests.support.waiting import until

_BUCKETS = "ab"


@dataclass(frozen=True)
class Item:
    """What is submitted; items are told apart by their number."""

    number: int
    bucket: str = "a"
    urgency: Urgency = Urgency.BATCH


PLUG = Item(-1, "plug", Urgency.LIVE)


class Model:
    """Runs one batch whenever the test says so, and remembers them all."""

    def __init__(self) -> None:
        self.batches: list[list[Item]] = []
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.bad: set[int] = set()
        self.told: Callable[[], bool] = lambda: False

    def __call__(self, items: Sequence[Item], cancelled: Callable[[], bool]) -> list[int]:
        self.told = cancelled
        self.batches.append(list(items))
        self.begun.release()
        assert self.go.acquire(timeout=60)
        if any(item.number in self.bad for item in items):
            raise ValueError("bad item")
        return [item.number * 10 for item in items]

    def open(self) -> None:
        self.go.release(10_000)


@dataclass
class Desk:
    """A batcher, and calls in threads of their own."""

    batcher: Batcher[Item, int]
    model: Model
    threads: list[threading.Thread] = field(default_factory=list)

    def call(
        self, *items: Item, gone: threading.Event | None = None, waiting: Waiting | None = None
    ) -> Future[list[int]]:
        """Submit from a new thread, and return once the items are lined up or at work."""
        future: Future[list[int]] = Future()
        gone = gone or threading.Event()
        before = self._seen()

        def work() -> None:
            URGENCY.set(items[0].urgency)
            WAITING.set(waiting)
            try:
                future.set_result(self.batcher.submit_all(items, gone.is_set))
            except BaseException as error:  # noqa: BLE001 - the test reads it
                future.set_exception(error)

        thread = threading.Thread(target=contextvars.Context().run, args=(work,))
        thread.start()
        self.threads.append(thread)
        until(lambda: future.done() or self._seen() >= before + len(items))
        return future

    def plugged(self) -> Future[list[int]]:
        """Keep one runner busy until the model is told to go on."""
        future = self.call(PLUG)
        assert self.model.begun.acquire(timeout=60)
        return future

    def _seen(self) -> int:
        return len(self.batcher._waiting) + sum(map(len, self.model.batches))

    def end(self) -> None:
        self.model.open()
        for thread in self.threads:
            thread.join(60)
        self.batcher.close()


def desk_of(limits: Limits, clock: Callable[[], float] = time.monotonic) -> Desk:
    model = Model()
    return Desk(Batcher(model, limits, lambda item: item.bucket, "test", clock), model)


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = desk_of(getattr(request, "param", Limits(4)))
    yield made
    made.end()


def expected(waiting: Sequence[Item], most: int) -> list[list[Item]]:
    """Say which batches one runner makes of what waits, as the documentation says it."""
    left = sorted(waiting, key=lambda item: (-item.urgency, item.number))
    batches = []
    while left:
        first = left[0]
        alike = [
            item
            for item in left
            if item.bucket == first.bucket
            and (item.urgency is Urgency.LIVE) == (first.urgency is Urgency.LIVE)
        ][:most]
        batches.append(alike)
        left = [item for item in left if item not in alike]
    return batches


orders = st.lists(st.tuples(st.sampled_from(_BUCKETS), st.sampled_from(Urgency), st.booleans()), max_size=10)


@given(orders=orders, most=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_most_urgent_goes_first_then_the_oldest_and_only_with_its_like(
    orders: list[tuple[str, Urgency, bool]], most: int
) -> None:
    desk = desk_of(Limits(most))
    plug = desk.plugged()
    items = [Item(number, bucket, urgency) for number, (bucket, urgency, _) in enumerate(orders)]
    leaves = [leaves for _, _, leaves in orders]
    gone = [threading.Event() for _ in items]
    calls = [desk.call(item, gone=event) for item, event in zip(items, gone, strict=True)]
    for event, leave in zip(gone, leaves, strict=True):
        if leave:
            event.set()
    for call, leave in zip(calls, leaves, strict=True):
        if leave:  # while the only runner is busy
            with pytest.raises(Cancelled):
                call.result(60)
    stay = [item for item, leave in zip(items, leaves, strict=True) if not leave]
    desk.end()
    assert plug.result(60) == [-10]
    assert desk.model.batches == [[PLUG], *expected(stay, most)]
    for item, call, leave in zip(items, calls, leaves, strict=True):
        assert leave or call.result(60) == [item.number * 10]


@given(
    orders=st.lists(st.tuples(st.sampled_from(_BUCKETS), st.booleans(), st.booleans()), max_size=24),
    most=st.integers(1, 5),
    runners=st.integers(1, 3),
)
@settings(max_examples=30, deadline=None)
def test_whatever_comes_and_goes_each_call_ends_once_with_its_own_result_or_error(
    orders: list[tuple[str, bool, bool]], most: int, runners: int
) -> None:
    desk = desk_of(Limits(most, delay_ms=1, runners=runners))
    desk.model.bad = {number for number, (_, bad, _) in enumerate(orders) if bad}
    desk.model.open()
    calls = []
    for number, (bucket, _, leaves) in enumerate(orders):
        gone = threading.Event()
        urgency = list(Urgency)[number % 3]
        calls.append(desk.call(Item(number, bucket, urgency), gone=gone))
        if leaves:
            gone.set()
    for number, (call, (_, bad, leaves)) in enumerate(zip(calls, orders, strict=True)):
        error = call.exception(60)
        if error is None:
            assert call.result() == [number * 10]
            assert not bad
        else:
            assert isinstance(error, ValueError) if not leaves else isinstance(error, ValueError | Cancelled)
            assert bad or leaves
    desk.end()
    assert all(
        len(batch) <= most and len({item.bucket for item in batch}) == 1 for batch in desk.model.batches
    )
    runs = Counter(item.number for batch in desk.model.batches for item in batch)
    good = [number for number, (_, bad, _) in enumerate(orders) if not bad]
    assert all(runs[number] <= 2 for number in good), "an item runs again only after its batch failed"
    assert not desk.batcher._waiting


def test_a_bad_item_fails_alone_and_its_neighbours_wait_no_longer_than_they_must(desk: Desk) -> None:
    desk.model.bad = {1}
    desk.plugged()
    calls = [desk.call(Item(number)) for number in range(3)]
    desk.model.open()
    assert [call.result(60) for call in (calls[0], calls[2])] == [[0], [20]]
    with pytest.raises(ValueError, match="bad item"):
        calls[1].result(60)
    assert [len(batch) for batch in desk.model.batches] == [1, 3, 1, 1, 1]


def test_what_is_more_urgent_goes_before_the_second_try_of_a_failed_batch(desk: Desk) -> None:
    desk.model.bad = {0}
    desk.plugged()
    calls = [desk.call(Item(number)) for number in range(2)]
    desk.model.go.release()
    assert desk.model.begun.acquire(timeout=60)
    live = desk.call(Item(2, "a", Urgency.LIVE))
    desk.model.open()
    assert live.result(60) == [20]
    assert calls[1].result(60) == [10]
    assert [[item.number for item in batch] for batch in desk.model.batches[1:]] == [[0, 1], [2], [0], [1]]


@pytest.mark.parametrize("failure", [SystemExit("the engine gave up"), KeyboardInterrupt()])
def test_nothing_that_an_engine_raises_ends_the_runner(failure: BaseException) -> None:
    failures = [failure]

    def run(items: Sequence[int], _cancelled: Callable[[], bool]) -> Sequence[int]:
        if failures:
            raise failures.pop()
        return items

    batcher: Batcher[int, int] = Batcher(run, Limits(1), lambda _item: None, "test")
    with pytest.raises(type(failure)):
        batcher.submit(1)
    assert batcher.submit(2) == 2
    batcher.close()


def test_an_engine_that_gives_too_few_results_is_told_apart_from_a_bad_item() -> None:
    batcher: Batcher[int, int] = Batcher(lambda *_: [], Limits(2), lambda _item: None, "test")
    with pytest.raises(InternalError) as caught:
        batcher.submit(1)
    assert caught.value.code == "engine_broke_contract"
    batcher.close()


def test_a_batch_is_told_to_stop_when_all_of_it_have_gone_and_not_before(desk: Desk) -> None:
    desk.plugged()
    gone = [threading.Event(), threading.Event()]
    calls = [desk.call(Item(number), gone=event) for number, event in enumerate(gone)]
    desk.model.go.release()
    assert desk.model.begun.acquire(timeout=60)
    gone[0].set()
    assert not desk.model.told()
    assert not calls[0].done(), "its place is held as long as the model works on it"
    gone[1].set()
    assert desk.model.told()


@pytest.mark.parametrize("desk", [Limits(2, delay_ms=3_600_000)], indirect=True)
def test_a_free_model_waits_for_others_until_the_batch_is_full(desk: Desk) -> None:
    desk.model.open()
    first = desk.call(Item(0))
    assert not first.done()
    assert not desk.model.batches
    second = desk.call(Item(1))
    assert (first.result(60), second.result(60)) == ([0], [10])
    assert [len(batch) for batch in desk.model.batches] == [2]


@pytest.mark.parametrize("desk", [Limits(8, delay_ms=1)], indirect=True)
def test_a_free_model_waits_for_others_no_longer_than_it_was_told(desk: Desk) -> None:
    desk.model.open()
    assert desk.call(Item(0)).result(60) == [0]


def test_the_delay_of_whoever_waits_ends_that_of_all() -> None:
    now_s = [0.0]
    batcher: Batcher[Item, int] = Batcher(
        lambda items, _: [0] * len(items),
        Limits(4, 100, 0),
        lambda item: item.bucket,
        "test",
        lambda: now_s[0],
    )
    batcher._put([batcher._order(Item(0, "a"), lambda: False)])
    now_s[0] = 0.09
    token = URGENCY.set(Urgency.LIVE)
    batcher._put([batcher._order(Item(1, "b"), lambda: False)])
    URGENCY.reset(token)
    assert batcher._patience_s() == pytest.approx(0.01)
    now_s[0] = 0.1
    assert [order.item.number for order in batcher._next_batch()] == [1]
    assert [order.item.number for order in batcher._next_batch()] == [0]


def test_closing_does_what_waits_and_refuses_what_comes_later(desk: Desk) -> None:
    desk.plugged()
    waiting = desk.call(Item(0))
    closing = threading.Thread(target=desk.batcher.close)
    closing.start()
    until(lambda: desk.batcher._closed)
    with pytest.raises(Unavailable) as caught:
        desk.batcher.submit(Item(1))
    assert caught.value.code == "model_closed"
    desk.model.open()
    closing.join(60)
    assert waiting.result(60) == [0]
    assert not any(thread.is_alive() for thread in desk.batcher._threads)


def test_each_call_is_charged_its_share_of_its_batches() -> None:
    now_s = [0.0]
    desk = desk_of(Limits(4), lambda: now_s[0])
    desk.plugged()
    waits = [Waiting(), Waiting()]
    calls = [desk.call(Item(0), waiting=waits[0]), desk.call(Item(1), Item(2), waiting=waits[1])]
    now_s[0] = 5.0  # that they wait for the plug
    desk.model.go.release()
    assert desk.model.begun.acquire(timeout=60)
    now_s[0] = 11.0  # six seconds for a batch of three
    desk.model.open()
    assert [call.result(60) for call in calls] == [[0], [10, 20]]
    served = [11.0 - wait.seconds for wait in waits]
    assert served == [pytest.approx(2.0), pytest.approx(4.0)]
    desk.end()


def busy() -> float:
    return REGISTRY.get_sample_value("dragoman_busy_slots") or 0.0


def test_a_batch_is_one_busy_slot_however_many_calls_share_it(desk: Desk) -> None:
    # As admission counts: each call that has a place is busy until it waits for a batch.
    before = busy()
    telemetry.BUSY_SLOTS.inc(3)
    calls = [desk.call(Item(number), waiting=Waiting()) for number in range(3)]
    assert desk.model.begun.acquire(timeout=60)
    assert busy() == before + 1
    desk.model.open()
    assert [call.result(60) for call in calls] == [[0], [10], [20]]
    until(lambda: busy() == before + 3)
    telemetry.BUSY_SLOTS.dec(3)
